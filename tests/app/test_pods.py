"""Targets that are found among pods: looked at as any other, at the address of their pod and nowhere else."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemonset.view import View
from slo.app.found import Followers
from slo.config.load import load
from slo.core.outcome import Judgement
from slo.core.pod import Pod
from slo.core.target import Target
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.app.making import Time, sample
from tests.app.played import PlayedWatch, configuration
from tests.daemonset.running import container, running
from tests.hostile import serving

TOKEN = "a-token-that-nobody-else-gets"


class Agent(PlayedWatch):
    """What an agent does with the checks that are its own: its pods come from the test."""

    def __init__(self, folder: Path, *keys: dict[str, Any]) -> None:
        config = configuration("gate")
        names = [f"check-{index}" for index, _ in enumerate(keys)]
        config["probes"] += [{"name": name, "run_by": "agents", **own} for name, own in zip(names, keys, strict=True)]
        super().__init__(folder, Time(), config)
        self.pods: View[Pod] = View()

    async def begin(self) -> None:
        probes = self.watch.parts.probes
        for each in (probes, probes._followers):
            each._context = replace(each._context, pods=self.pods)
        settings = load(self._path, Kinds.installed(), {}).run_by("agents")
        probes.adopt(await probes.prepare(settings, []))
        probes._followers.begin()

    async def runs(self, *pods: Pod, targets: int) -> None:
        """These are the pods of the node; return when so many targets are looked at."""
        self.pods.become({f"{pod.namespace}/{pod.name}": pod for pod in pods})
        async with asyncio.timeout(30):
            while len(self.targets) != targets:
                await asyncio.sleep(0.01)

    @property
    def targets(self) -> list[str]:
        return sorted(target for _, target, _ in self.watch.parts.probes._runner._targets)

    async def asked(self, name: str, target: str) -> Judgement:
        """A round of one target that is made now."""
        check = self.watch.parts.probes._runner.check((name, target, ""))
        assert check is not None
        facts = await check.check.observe(self.watch._context.clock.monotonic() + 5)
        (judgement,) = check.check.judge(facts)
        return judgement


@contextlib.asynccontextmanager
async def begun(folder: Path, *keys: dict[str, Any]) -> AsyncIterator[Agent]:
    async with Agent(folder, *keys) as agent:
        await agent.begin()
        try:
            yield agent
        finally:
            await agent.watch.parts.probes._followers.close()


class Heard:
    """A server on an address of its own, and what it was asked."""

    def __init__(self, location: str = "") -> None:
        self.requests: list[bytes] = []
        self._head = f"HTTP/1.1 302 Found\r\nLocation: {location}" if location else "HTTP/1.1 200 OK"

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"{self._head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()


@contextlib.asynccontextmanager
async def listening(heard: Heard, host: str) -> AsyncIterator[int]:
    """At one of the addresses of this machine."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await heard(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def at(ip: str, port: int, **other: Any) -> Pod:
    return running(ip=ip, ips=(ip,), containers=(container("web", ports={"http": port}),), **other)


def pods(**keys: Any) -> dict[str, Any]:
    return {"targets_from": [{"type": "pods", "namespaces": ["shop"], **keys}]}


HTTP = {"type": "http", "bearer_token": TOKEN, **pods(format="http://{target}/health")}


async def test_a_pod_that_redirects_leads_no_credential_and_no_request_to_another_host(tmp_path: Path) -> None:
    elsewhere = Heard()
    async with listening(elsewhere, "127.0.0.3") as other, begun(tmp_path, HTTP) as agent:
        pod = Heard(location=f"http://127.0.0.3:{other}/collect")
        async with listening(pod, "127.0.0.2") as port:
            await agent.runs(at("127.0.0.2", port), targets=1)
            judgement = await agent.asked("check-0", f"http://127.0.0.2:{port}/health")
    assert judgement.reason == "not_permitted"
    assert "127.0.0.3 is not 127.0.0.2, where the target was found" in judgement.detail
    assert [TOKEN.encode() in request for request in pod.requests] == [True], "the pod itself is one that may have it"
    assert elsewhere.requests == []


async def test_a_pod_may_redirect_to_itself(tmp_path: Path) -> None:
    end = Heard()
    async with (
        listening(end, "127.0.0.2") as other,
        listening(Heard(location=f"http://127.0.0.2:{other}/"), "127.0.0.2") as port,
        begun(tmp_path, HTTP) as agent,
    ):
        await agent.runs(at("127.0.0.2", port), targets=1)
        judgement = await agent.asked("check-0", f"http://127.0.0.2:{port}/health")
    assert judgement.reason == "ok"
    assert len(end.requests) == 1
    assert TOKEN.encode() not in end.requests[0], "another port is another origin"


async def test_a_token_comes_from_where_it_is_configured_though_the_target_is_a_pod(tmp_path: Path) -> None:
    async def gives(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"access_token": "fresh", "token_type": "bearer"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
        await writer.drain()

    pod = Heard()
    async with serving(gives) as source, listening(pod, "127.0.0.2") as port:
        oauth2 = {"client_id": "watch", "client_secret": "hush", "token_url": f"http://127.0.0.1:{source}/token"}
        keys = {"type": "http", "oauth2": oauth2, **pods(format="http://{target}/health")}
        async with begun(tmp_path, keys) as agent:
            await agent.runs(at("127.0.0.2", port), targets=1)
            assert (await agent.asked("check-0", f"http://127.0.0.2:{port}/health")).reason == "ok"
    assert b"Authorization: Bearer fresh" in pod.requests[0]


async def test_the_checks_of_an_agent_share_its_pods(tmp_path: Path) -> None:
    checks = [
        {"type": "tcp", **pods()},
        {"type": "tcp", **pods(selector="app=cache", port=9121)},
        {"type": "http", **pods(annotations="prometheus.io")},
    ]
    scraped = {"prometheus.io/scrape": "true"}
    async with begun(tmp_path, *checks) as agent:
        await agent.runs(at("10.0.0.1", 80, annotations=scraped), at("10.0.0.2", 81, name="b"), targets=5)
        assert agent.targets == [
            "10.0.0.1:80",
            "10.0.0.1:9121",
            "10.0.0.2:81",
            "10.0.0.2:9121",
            "http://10.0.0.1:80/metrics",
        ]
        await agent.runs(at("10.0.0.2", 81, name="b", leaving=True), targets=0)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, logger="slo.app"):
        yield caplog


async def test_a_pod_at_the_address_and_port_of_another_is_counted_and_told_once(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    def duplicates() -> float:
        return sample(agent.telemetry, "watchkeep_probe_targets_refused", probe="check-0", reason="duplicate")

    one, two = at("10.0.0.1", 80, name="one"), at("10.0.0.1", 80, name="two")
    async with begun(tmp_path, {"type": "tcp", **pods()}) as agent:
        await agent.runs(one, two, targets=1)
        assert duplicates() == 1
        await agent.runs(one, two, at("10.0.0.2", 80, name="three"), targets=2)
        assert duplicates() == 1
        await agent.runs(one, targets=1)
        assert duplicates() == 0
    (told,) = [record for record in log.records if "several times with different labels" in record.getMessage()]
    assert told.__dict__["target"] == "10.0.0.1:80"
    assert "'pod': 'two'" in told.__dict__["left_out"]


async def test_a_pod_that_cannot_be_a_target_is_counted_and_told(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    async with begun(tmp_path, {"type": "tcp", **pods()}) as agent:
        await agent.runs(running("one"), running("two"), at("10.0.0.2", 81), targets=1)
        labels = {"probe": "check-0", "discovery": "targets_from[0]", "type": "pods", "reason": "several_ports"}
        assert sample(agent.telemetry, "watchkeep_discovery_failures_total", **labels) == 2
    told = [record for record in log.records if "cannot be a target" in record.getMessage()]
    assert [record.__dict__["detail"] for record in told] == [
        "the pod shop/one: it has the ports 6379, 8080, 9121: say which with `port`"
    ]


async def test_what_annotations_make_of_a_pod_and_its_check_cannot_have_is_refused(tmp_path: Path) -> None:
    url = {"watchkeep/checks": "check-0", "watchkeep/path": "/x"}
    async with begun(tmp_path, {"type": "tcp", **pods(annotations="watchkeep")}) as agent:
        good = at("10.0.0.2", 81, name="good", annotations={"watchkeep/checks": "check-0"})
        await agent.runs(at("10.0.0.1", 80, annotations=url), good, targets=1)
        assert agent.targets == ["10.0.0.2:81"]
        refused = sample(agent.telemetry, "watchkeep_probe_targets_refused", probe="check-0", reason="invalid")
        assert refused == 1


class Kept:
    """Where what was found is kept, as a store keeps it."""

    def __init__(self) -> None:
        self.marks: dict[str, bytes] = {}

    def mark(self, watermarks: Mapping[tuple[str, str], bytes | None]) -> None:
        self.marks |= {name: mark for (_, name), mark in watermarks.items() if mark is not None}

    def watermarks(self, source: str) -> Mapping[str, bytes]:
        return self.marks


async def test_no_address_of_a_pod_is_remembered_since_another_may_have_it_after_a_restart(tmp_path: Path) -> None:
    check = {"name": "gate", "type": "tcp", "run_by": "agents", **pods()}
    path = tmp_path / "watchkeep.yaml"
    path.write_text(json.dumps({"probes": [check]}), encoding="utf-8")
    settings, clock = load(path, Kinds.installed(), {}), SteadyClock()
    context, kept, telemetry = replace(Context.default(clock), pods=View()), Kept(), Telemetry()
    followers = [
        Followers(kept, Kinds.installed(), context, path=path, clock=clock, telemetry=telemetry) for _ in range(2)
    ]
    (follower,) = followers[0].of(settings.checks)
    await followers[0]._found(follower, frozenset({Target("10.0.0.1:80")}))
    assert follower.found
    assert kept.marks == {}
    kept.marks[follower.mark] = json.dumps(follower.found).encode()
    (again,) = followers[1].of(settings.checks)
    assert again.found == {}
