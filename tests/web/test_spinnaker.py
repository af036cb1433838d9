"""What the echo of a Spinnaker posts: taken with its own token, and answered as echo needs it."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from slo.app.spinnakers import Spinnakers
from slo.config.secret import Secret
from slo.config.settings import SpinnakerEntry
from slo.core.telemetry import Logged
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.web.server import DEFAULT_LIMITS
from slo.web.spinnaker import BODY_BYTES
from tests.web.served import WITH_TOKEN, Served, served
from tests.web.watches import FakeWatch

TOKEN = "a-token-of-one-spinnaker"
EVENT = {"details": {"type": "orca:pipeline:complete", "application": "gate"}, "content": {}, "eventId": "e1"}
PATH = "/webhooks/spinnaker/acme"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def forwarded() -> list[Logged]:
    return []


@pytest.fixture
def watch(forwarded: list[Logged]) -> FakeWatch:
    telemetry = Telemetry()
    spinnakers = Spinnakers(forwarded.append, clock=SteadyClock(), telemetry=telemetry)
    entry = SpinnakerEntry(name="acme", token=Secret(TOKEN), events=("orca:*",), labels={"customer": "acme"})
    spinnakers.configure([entry])
    return FakeWatch(spinnakers=spinnakers, telemetry=telemetry)


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def post(site: Served, path: str, headers: Mapping[str, str], event: object = EVENT) -> int:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return site.ask("POST", path, body=body, headers={"Content-Type": "application/json", **headers}).status


def counted(watch: FakeWatch) -> dict[str, float]:
    samples = (sample for metric in watch.telemetry.inbound.collect() for sample in metric.samples)
    return {each.labels["result"]: each.value for each in samples if each.name.endswith("_total")}


@pytest.mark.parametrize("path", [PATH, PATH + "/"])
@pytest.mark.parametrize("headers", [bearer(TOKEN), basic("echo", TOKEN), basic("", TOKEN)])
def test_an_event_is_taken_through_any_proxy(
    site: Served, watch: FakeWatch, forwarded: list[Logged], path: str, headers: dict[str, str]
) -> None:
    proxied = {**headers, "Host": "watch.example", "X-Forwarded-For": "203.0.113.9"}
    assert post(site, path, proxied) == 202
    (log,) = forwarded
    assert (log.action, log.labels["customer"]) == ("orca:pipeline:complete", "acme")
    assert counted(watch) == {"received": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        WITH_TOKEN,
        bearer(TOKEN + "x"),
        bearer(""),
        basic(TOKEN, ""),
        {"Authorization": "Basic \x80!"},
        {"Authorization": f"Digest {TOKEN}"},
    ],
)
@pytest.mark.parametrize("name", ["acme", "other"])
def test_nobody_else_is_believed_nor_told_who_is_known(
    site: Served, watch: FakeWatch, forwarded: list[Logged], headers: dict[str, str], name: str
) -> None:
    answer = site.ask("POST", f"/webhooks/spinnaker/{name}", body=b"{" * 10, headers=headers)
    assert answer.status == 401
    assert "no Spinnaker is called so here, or that is not its token" in answer.document["error"]
    assert TOKEN not in answer.body.decode()
    assert (forwarded, counted(watch)) == ([], {"forged": 1})


def test_its_token_opens_nothing_else(site: Served) -> None:
    for method, path in [("POST", "/-/reload"), ("POST", "/api/v1/incidents"), ("GET", PATH), ("PUT", PATH)]:
        headers = {**bearer(TOKEN), "X-Forwarded-For": "203.0.113.9"}
        assert site.ask(method, path, headers=headers).status == 401
    assert site.ask("POST", f"{PATH}/x", body=b"{}", headers=bearer(TOKEN)).status == 404


def test_what_is_known_or_not_wanted_is_no_error(site: Served, watch: FakeWatch, forwarded: list[Logged]) -> None:
    other = {**EVENT, "details": {"type": "build"}}
    assert [post(site, PATH, bearer(TOKEN), event) for event in (EVENT, EVENT, other)] == [202, 202, 202]
    assert len(forwarded) == 1
    assert counted(watch) == {"received": 1, "passed_over": 2}


def test_what_cannot_be_understood_says_so(site: Served, watch: FakeWatch, forwarded: list[Logged]) -> None:
    answer = site.ask("POST", PATH, body=b'{"details": 3}', headers=bearer(TOKEN))
    assert (answer.status, answer.document["error"]) == (
        400,
        "it is not understood: it is no event of echo: it has no details with a type",
    )
    assert (forwarded, counted(watch)) == ([], {"malformed": 1})


def test_a_large_event_is_taken_and_a_larger_one_is_not(site: Served, forwarded: list[Logged]) -> None:
    large = {**EVENT, "rawContent": "x" * (BODY_BYTES - 1000)}
    assert post(site, PATH, bearer(TOKEN), large) == 202
    assert post(site, PATH, bearer(TOKEN), b"x" * (BODY_BYTES + 1)) == 413
    assert len(forwarded) == 1


def test_a_body_that_is_cut_off_is_not_taken(watch: FakeWatch, forwarded: list[Logged]) -> None:
    with served(watch, limits=replace(DEFAULT_LIMITS, body_seconds=0.2)) as site:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5\r\n"
        assert site.raw(f"{head}Connection: close\r\n\r\n{{}}".encode()).startswith(b"HTTP/1.1 408 ")
    assert forwarded == []
