"""A watch finds out by its canaries that what it forwards does not arrive, whatever the other side says."""

import contextlib
import json
import signal
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slo.demo.vendors.datadog.standin import DatadogStandIn
from tests.e2e.far_sides import API_KEY, Beside
from tests.e2e.stage import PAIR, Watch, until
from tests.elastic import Searchable
from tests.faulty_proxy import GZIP, FaultyProxy
from tests.remote_write_receivers import Prometheus
from tests.services import free_port

TOKEN = "token-of-the-canaries-that-nobody-may-see"
APPLICATION_KEY = "fedcba9876543210fedcba9876543210fedcba98"


class Swallowing(FaultyProxy):
    """As long as it `swallows`, it says of every document that it was created, and passes none on."""

    swallows = False

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        if not (self.swallows and b"/_bulk" in head):
            return await super()._passed_on(head, body)
        count = len(zlib.decompress(body, GZIP).splitlines()) // 2
        answer = json.dumps({"errors": False, "items": [{"create": {"status": 201}}] * count}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(answer), answer)


@dataclass(kw_only=True)
class Searched:
    """A server behind a proxy, with an index that nothing else has."""

    server: Searchable
    proxy: Swallowing
    port: int
    index: str

    def configuration(self, **forwarder: object) -> dict[str, Any]:
        slo = {"objective": "99%", "window": "10m", "sli": {"probe": "forwarding"}, "burn_policy": [PAIR]}
        own = {"url": f"http://127.0.0.1:{self.port}", "bearer_token": TOKEN, "index": self.index, "timeout": "1s"}
        return {
            "slot": "1s",
            "probes": [
                {"name": "forwarding", "type": "canary", "forwarder": "acme", "interval": "200ms", "within": "3s"}
            ],
            "slos": [{"name": "delivery", "labels": {"customer": "us"}, **slo}],
            "forwarders": [{"name": "acme", "type": "elk", "match": ["customer=acme"], **own, **forwarder}],
        }

    def canaries(self) -> list[Any]:
        """What is there: documents of canaries, and nothing that is another customer's."""
        documents = list(self.server.documents(f"{self.index}*").values())
        assert {each["event"]["dataset"] for each in documents} <= {"watchkeep.canary"}
        return documents


@pytest.fixture
def searched(elasticsearch_like: Searchable, tmp_path: Path) -> Iterator[Searched]:
    with Beside() as beside, contextlib.ExitStack() as stack:
        proxy = Swallowing(elasticsearch_like.port, ())
        port = stack.enter_context(beside.entered(proxy.serving))
        index = f"canaries{tmp_path.name}".replace("_", "").lower()
        yield Searched(server=elasticsearch_like, proxy=proxy, port=port, index=index)


def says(watch: Watch, reason: str) -> dict[str, Any]:
    """The outcome with this reason, once it is there."""

    def look() -> dict[str, Any] | None:
        checks = watch.get("/api/v1/probes/forwarding")["checks"]
        outcomes: list[dict[str, Any]] = checks[0]["outcomes"] if checks else []
        return next((outcome for outcome in outcomes[:1] if outcome["reason"] == reason), None)

    return until(reason, look) or {}


def lag(watch: Watch) -> float:
    return watch.sample('probe_canary_lag_seconds{probe="forwarding",target="acme"}')


def test_what_is_taken_and_never_shown_burns_the_budget_of_forwarding(watch: Watch, searched: Searched) -> None:
    watch.configure(searched.configuration(labels={"watch": "eu-1"}))
    watch.start()
    says(watch, "ok")
    assert 0 < lag(watch) < 3
    there = searched.canaries()
    assert {each["labels"]["forwarder"] for each in there} == {"acme"}
    assert {each["labels"]["watch"] for each in there} == {"eu-1"}
    searched.proxy.swallows = True
    late = says(watch, "canary_late")
    assert late["outcome"] == "bad"
    assert "not there, the oldest was put 3s ago" in late["detail"]
    assert lag(watch) > 3
    until("an incident", watch.incidents)
    assert watch.slo("delivery")["totals"]["bad"] >= 3
    assert watch.get("/api/v1/forwarders")["forwarders"][0]["last_failure"] is None, "nobody else could tell"
    searched.proxy.swallows = False
    says(watch, "ok")
    assert TOKEN not in watch.said + watch.text("/metrics") + json.dumps(late)
    assert watch.stop() == 0
    assert watch.faults == []


def test_a_reload_of_the_forwarder_forgets_no_canary_and_a_restart_begins_anew(
    watch: Watch, searched: Searched
) -> None:
    watch.configure(searched.configuration())
    watch.start()
    says(watch, "ok")
    searched.proxy.swallows = True
    says(watch, "canary_late")
    unknown = watch.slo("delivery")["totals"]["unknown"]
    watch.configure(searched.configuration(labels={"watch": "eu-2"}))
    watch.send(signal.SIGHUP)
    until("the reload", lambda: "configuration reloaded" in watch.said)
    bad = watch.slo("delivery")["totals"]["bad"]
    until("more that are late", lambda: watch.slo("delivery")["totals"]["bad"] >= bad + 5)
    assert watch.slo("delivery")["totals"]["unknown"] <= unknown + 2, "no more than while the one gave way to the other"
    watch.kill()
    watch.start()
    says(watch, "canary_awaited")
    searched.proxy.swallows = False
    says(watch, "ok")
    assert any(each["labels"].get("watch") == "eu-2" for each in searched.canaries())
    assert watch.stop() == 0


def test_canaries_of_every_kind_of_forwarder_are_found(
    watch: Watch, searched: Searched, prometheus_receiver: Prometheus, tmp_path: Path
) -> None:
    def account() -> DatadogStandIn:
        return DatadogStandIn(tmp_path / "datadog", api_key=API_KEY, application_key=APPLICATION_KEY)

    with Beside() as beside, beside.entered(account) as standin:
        server = f"http://127.0.0.1:{prometheus_receiver.port}"
        keys = {"api_key": API_KEY, "application_key": APPLICATION_KEY, "tls": {"ca_file": str(standin.ca_file)}}
        config = searched.configuration()
        config["forwarders"] += [
            {"name": "points", "type": "remote_write", "url": f"{server}/api/v1/write", "read_url": server},
            {"name": "account", "type": "datadog", "url": standin.url, **keys},
        ]
        del config["probes"][0]["forwarder"]
        config["probes"][0]["targets"] = ["acme", "points", "account"]
        watch.configure(config)
        watch.start()
        until("all three", lambda: good(watch) == {"acme", "points", "account"})
        assert watch.stop() == 0
        assert watch.faults == []
        assert API_KEY not in watch.said
        assert APPLICATION_KEY not in watch.said


def good(watch: Watch) -> set[str]:
    """The forwarders whose last round was good."""
    checks = watch.get("/api/v1/probes/forwarding")["checks"]
    return {check["target"] for check in checks if check["outcomes"] and check["outcomes"][0]["reason"] == "ok"}


def test_a_far_side_that_is_down_is_late_although_it_cannot_be_read(watch: Watch, searched: Searched) -> None:
    config = searched.configuration()
    config["forwarders"][0]["url"] = f"http://127.0.0.1:{free_port()}"
    watch.configure(config)
    watch.start()
    assert "connect_refused" in says(watch, "canary_unread")["detail"]
    assert says(watch, "canary_late")["detail"].endswith(", and nothing was taken since")
    assert watch.stop() == 0
