"""The logs of a node's containers, from their files over an agent that is killed to a Logstash that has bad moments."""

import asyncio
import gzip
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slo.runner.clock import SteadyClock
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.making import pod
from tests.e2e.stage import until
from tests.e2e.test_agent import Agent, begun, reporting, taking
from tests.exporters.containers.node import Container
from tests.services import free_port

LINES = 600
SECRET = "a password that somebody logged"


class AgentOnNode(Agent):
    """`watchkeep agent` on the node n1, whose API server is at `api`."""

    api = ""

    @property
    def command(self) -> list[str]:
        account = ["--service-account", str(self.data.parent), "--api-server", self.api]
        return [*super().command, "--node", "n1", *account]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentOnNode]:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "namespace").write_text("watchkeep")
    with api_server() as url, AgentOnNode(tmp_path, free_port()) as made:
        made.api = url
        yield made


@contextmanager
def api_server() -> Iterator[str]:
    """The stand-in for an API server, with a pod on n1, in a thread of its own."""
    began, over, urls = threading.Event(), asyncio.Event(), list[str]()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with APIServer() as server:
            server.cluster.put(pod("web-0"))
            urls.append(server.url)
            began.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert began.wait(20)
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


class Sink:
    """What takes documents. Every third request is refused, and of every fifth the answer is lost."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.documents: list[dict[str, Any]] = []

    def more(self) -> None:
        """Wait until something has come."""
        known = len(self.documents)
        until("lines to arrive", lambda: len(self.documents) > known)

    @property
    def ids(self) -> dict[str, set[str]]:
        """The ids of what came, by what it says."""
        found: dict[str, set[str]] = {}
        for each in list(self.documents):
            found.setdefault(each["message"], set()).add(each["event"]["id"])
        return found


@contextmanager
def sink() -> Iterator[Sink]:
    turns = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            turn = next(turns)
            if turn % 3 == 0:
                self.send_error(503)
                return
            taken.documents += json.loads(gzip.decompress(body))
            if turn % 5 == 0:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken = Sink(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()


def to(far: Sink, root: Path, **containers: Any) -> dict[str, Any]:
    return {
        "name": "acme",
        "type": "logstash",
        "url": far.url,
        "labels": {"customer": "acme"},
        "logs": ["containers", "outcomes"],
        "containers": {"namespaces": ["shop"], "folder": str(root), **containers},
    }


@pytest.mark.parametrize("reports", [True, False])
def test_every_line_arrives_under_one_id_though_the_agent_is_killed(
    reports: bool,  # noqa: FBT001
    agent: AgentOnNode,
    tmp_path: Path,
) -> None:
    root = tmp_path / "pods"
    root.mkdir()
    with sink() as far, taking() as centre:
        config: dict[str, Any] = reporting(centre) if reports else {"forwarders": []}
        config["forwarders"].append(to(far, root))
        if (
            reports
        ):  # what an agent sees of its checks the watch forwards, and an agent that judges alone does so itself
            config["probes"] = [{"name": "door", "type": "tcp", "target": "127.0.0.1:1", "run_by": "agents"}]
        agent.configure(config)
        agent.start()
        container = Container(root, SteadyClock(), pod="shop_web-0_11111111-2222-3333-4444-555555555555")
        expected = [f"{number} {SECRET}" for number in range(LINES)]
        for number, text in enumerate(expected):
            if number % 10 == 3:
                container.writes(text[:4], tag="P")
                container.writes(text[4:])
            else:
                container.writes(text)
            if number % 200 == 120:
                far.more()
                agent.kill()
                container.rotates()
                agent.start()
        until("all lines", lambda: len(far.ids) == LINES)
        assert set(far.ids) == set(expected)
        assert {len(ids) for ids in far.ids.values()} == {1}
        labels = far.documents[0]["labels"]
        assert labels.items() >= {"customer": "acme", "namespace": "shop", "pod": "web-0", "node": "n1"}.items()
        assert agent.sample('watchkeep_forwarder_log_containers{forwarder="acme"}') == 1
        assert agent.sample('watchkeep_forwarder_log_unread_bytes{forwarder="acme"}') == 0
        assert agent.stop() == 0
    assert SECRET not in agent.said
    assert agent.faults == []


def test_a_selection_that_changes_is_gone_by_without_a_restart(agent: AgentOnNode, tmp_path: Path) -> None:
    root = tmp_path / "pods"
    root.mkdir()
    with sink() as far, taking() as centre:
        config = reporting(centre)
        agent.configure({"forwarders": [*config["forwarders"], to(far, root, selector="app=other")]})
        agent.start()
        container = Container(root, SteadyClock(), pod="shop_web-0_11111111-2222-3333-4444-555555555555")
        agent.configure({"forwarders": [*config["forwarders"], to(far, root, selector="app=web")]})
        until("the reload", lambda: "configuration reloaded" in agent.said)
        container.writes("heard")
        until("the line", lambda: list(far.ids) == ["heard"])
        agent.configure({"forwarders": config["forwarders"]})
        until("the end of it", lambda: "is not configured any more" in agent.said)
        assert 'forwarder="acme"' not in agent.text("/metrics")
        assert agent.stop() == 0
    assert agent.faults == []


def test_an_agent_that_does_not_know_its_node_follows_nothing(tmp_path: Path) -> None:
    with sink() as far:
        result = begun({"forwarders": [to(far, tmp_path)]}, tmp_path)
    assert result.returncode == 2
    assert "acme gets logs of pods of a node, and the node has no name" in result.stderr
