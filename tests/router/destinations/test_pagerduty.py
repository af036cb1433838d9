"""The destination `pagerduty`: PagerDuty's own package against the strict stand-in, on good days and bad ones."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.alert import Evidence, FiringPair, Report
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.policy import Severity
from slo.demo.vendors.authority import Authority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.events_v2 import BODY_LIMIT_BYTES, parse_event
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.net.context import Context
from slo.router.destinations.pagerduty import PAGES_ONLY, Config, PagerDuty, build
from slo.router.page import event_of
from slo.router.pagerduty.events import EventCall
from tests.router.destinations.goldens import hold_against
from tests.router.making import EVIDENCE, LOST_PAGE, PAGE, PRODUCTION, REPORT, REPORTED, STAGING, message, of_a_person

KEY = "0123456789abcdef0123456789abcdef"
OLD_KEY = "fedcba9876543210fedcba9876543210"


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[PagerDutyStandIn]:
    async with PagerDutyStandIn(tmp_path / "pagerduty", routing_keys=[KEY, OLD_KEY]) as server:
        yield server


@pytest.fixture
async def make(standin: PagerDutyStandIn, context: Context) -> AsyncIterator[Callable[..., PagerDuty]]:
    made: list[PagerDuty] = []

    def make(**keys: object) -> PagerDuty:
        given: dict[str, object] = {
            "routing_key": KEY,
            "events_url": standin.events_url,
            "ca_file": str(standin.ca_file),
            "timeout": "5s",
        }
        made.append(build(Config.model_validate({k: v for k, v in (given | keys).items() if v is not None}), context))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


async def deliver(destination: PagerDuty, sent: Message) -> Verdict:
    return await destination.deliver(sent, Lane(credential=destination.credential))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("pagerduty-p0.json", message()),
        (
            "pagerduty-bare.json",
            message(labels={}, evidence=replace(EVIDENCE, target="", reason="", sli=None), external_url=""),
        ),
        (
            "pagerduty-reported.json",
            message(
                summary="GateDown (instance=10.0.0.7:8084): gate answers nobody",
                firing=frozenset({REPORTED}),
                evidence=Evidence(target="10.0.0.7:8084", report=REPORT),
            ),
        ),
        ("pagerduty-of-a-person.json", of_a_person()),
        ("pagerduty-p2.json", message(severity=Severity.TICKET, labels=STAGING, firing=frozenset())),
    ],
)
def test_the_event_is_what_an_engineer_needs(name: str, of: Message) -> None:
    event = event_of(of)
    hold_against(name, event)
    whole = {"routing_key": KEY, "event_action": "trigger", "dedup_key": of.key} | event
    parse_event(json.dumps(whole).encode(), "application/json")


def test_lost_data_is_another_sort_of_trouble_than_a_burn() -> None:
    payload = event_of(message(firing=frozenset({LOST_PAGE})))["payload"]
    assert isinstance(payload, dict)
    details = payload["custom_details"]
    assert isinstance(details, dict)
    assert (payload["class"], details["firing"]) == ("lost data", ["SLI lost its data (page)"])


@pytest.mark.parametrize(
    ("firing", "sort"),
    [
        ({LOST_PAGE, PAGE}, "error budget burn"),
        ({REPORTED, PAGE}, "error budget burn"),
        ({REPORTED, LOST_PAGE}, "alert"),
        ({REPORTED}, "alert"),
        (set(), "error budget burn"),
    ],
)
def test_what_counts_most_is_the_sort_of_trouble(firing: set[FiringPair], sort: str) -> None:
    payload = event_of(message(firing=frozenset(firing)))["payload"]
    assert isinstance(payload, dict)
    assert payload["class"] == sort


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE])
def test_what_follows_a_trigger_is_nothing_but_its_key(action: Action) -> None:
    assert event_of(message(action=action)) == {}


HOSTILE = "\ud800\x00\n\u202e" + "ä" * 100_000


@pytest.mark.parametrize(
    "of",
    [
        message(summary=HOSTILE, evidence=replace(EVIDENCE, target=HOSTILE, detail=HOSTILE)),
        message(summary="", labels={"service": "\n", "customer": HOSTILE}),
        message(labels={f"label{n}{HOSTILE[:900]}": HOSTILE for n in range(1000)}),
        message(evidence=Evidence(report=Report(summary=HOSTILE, description=HOSTILE))),
        message(evidence=replace(EVIDENCE, burn_rates={f"{n}s": 1.0 for n in range(100_000)})),
        message(evidence=replace(EVIDENCE, sli=float("nan"), remaining=float("-inf"), burn_rates={"5m": float("inf")})),
    ],
    ids=["long", "blank", "many labels", "a long report", "many windows", "not a number"],
)
def test_a_page_keeps_within_the_vendors_limits_whatever_it_is_made_of(of: Message) -> None:
    event = {"routing_key": KEY, "event_action": "trigger", "dedup_key": of.key} | event_of(of)
    body = json.dumps(event, allow_nan=False).encode()
    assert len(body) <= BODY_LIMIT_BYTES
    json.dumps(event, ensure_ascii=False).encode()
    parse_event(body, "application/json")


async def test_an_incident_goes_its_way_under_one_key(
    make: Callable[..., PagerDuty], standin: PagerDutyStandIn
) -> None:
    destination = make()
    first = message()
    for action in (Action.TRIGGER, Action.ACKNOWLEDGE, Action.RESOLVE):
        assert await deliver(destination, message(action=action)) == Sent(reference=first.key)
    [incident] = standin.incidents
    assert (incident["dedup_key"], incident["severity"]) == (first.key, "critical")
    assert [step["action"] for step in incident["history"]] == ["trigger", "acknowledge", "resolve"]
    assert incident["summary"] == first.summary


async def test_the_routing_key_of_the_lane_is_used(make: Callable[..., PagerDuty], standin: PagerDutyStandIn) -> None:
    destination = make()
    assert destination.credential == KEY
    await destination.deliver(message(), Lane(credential=OLD_KEY))
    await destination.deliver(message(action=Action.RESOLVE), Lane(credential=OLD_KEY))
    assert [(i["routing_key"], i["status"]) for i in standin.incidents] == [(OLD_KEY, "resolved")]


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=429, retry_after="30"), Retry(reason="rate_limited", after_seconds=30)),
        (Injection(status=429), Retry(reason="rate_limited")),
        (Injection(status=500), Retry(reason="server_error")),
        (Injection(status=503, retry_after="120"), Retry(reason="server_error", after_seconds=120)),
        (Injection(status=400, body='{"errors": ["no"]}'), Refused(reason="rejected")),
        (Injection(status=413), Refused(reason="rejected")),
        (Injection(status=401), Retry(reason="unexpected_status")),
        (Injection(status=403, body="<html>proxy</html>"), Retry(reason="unexpected_status")),
        (Injection(status=404), Retry(reason="unexpected_status")),
        (Injection(status=302), Retry(reason="unexpected_status")),
        (Injection(status=200, body="<html>Please log in</html>"), Ambiguous(reason="response_malformed")),
        (Injection(status=202, body="[]"), Ambiguous(reason="response_malformed")),
        (Injection(status=202, body="x" * 100_000), Ambiguous(reason="response_too_large")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(reset=True, processed=True), Ambiguous(reason="reset")),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Injection) else None,
)
async def test_a_bad_day_is_a_verdict_after_one_request(
    make: Callable[..., PagerDuty], standin: PagerDutyStandIn, injection: Injection, verdict: Verdict
) -> None:
    standin.inject(injection)
    given = await deliver(make(), message())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1
    assert KEY not in repr(given)


async def test_a_refusal_says_what_the_vendor_said(make: Callable[..., PagerDuty]) -> None:
    assert await deliver(make(routing_key="too-short"), message()) == Refused(
        reason="rejected",
        detail=(
            'HTTP 400: {"status": "invalid event", "message": "Event object is invalid", "errors": ["Length of'
            " 'routing_key' is incorrect (should be 32 characters)\", \"'routing_key' cannot contain non-alphanumeric"
            ' characters."]}'
        ),
    )
    unknown = await deliver(make(routing_key="0" * 32), message())
    assert unknown == Refused(reason="rejected", detail="HTTP 400: Invalid routing key")


async def test_the_key_reaches_no_verdict_and_no_log(
    make: Callable[..., PagerDuty], standin: PagerDutyStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for status in (400, 401, 403, 429, 500, 200):
        standin.inject(Injection(status=status, body=f"you sent {KEY}"))
        verdict = await deliver(make(), message())
        assert KEY not in repr(verdict)
        assert "<secret>" in repr(verdict)
    assert KEY[-4:] not in caplog.text.replace("0123456789", "")
    assert KEY not in repr(make())


async def test_a_vendor_that_hangs_is_given_up_in_time(
    make: Callable[..., PagerDuty], standin: PagerDutyStandIn
) -> None:
    standin.inject(Injection(hang_seconds=30))
    assert await deliver(make(timeout="200ms"), message()) == Ambiguous(reason="timeout")


async def test_a_vendor_that_trickles_is_given_up_as_a_whole_and_its_thread_ends(
    make: Callable[..., PagerDuty], standin: PagerDutyStandIn
) -> None:
    """Each piece comes within the time that a phase has, so that only the deadline of the whole ends it.

    There are fewer threads than calls here: the last one finds one free only because the others' were ended.
    """
    standin.inject(Injection(slow_seconds=60, status=202, body="x" * 600, times=20))
    destination = make(timeout="400ms")
    for _ in range(2):
        verdicts = await asyncio.gather(*(deliver(destination, message()) for _ in range(10)))
        assert set(verdicts) == {Ambiguous(reason="timeout")}
    standin.injections.clear()
    assert await deliver(make(timeout="5s"), message()) == Sent(reference=message().key)


async def test_a_call_that_was_abandoned_before_it_connected_asks_nothing(standin: PagerDutyStandIn) -> None:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    call = EventCall(base_url=standin.url, routing_key=KEY, tls=trust, phase_seconds=5.0)
    call.abandon()
    verdict = await asyncio.to_thread(call.send, "trigger", "k1", event_of(message()))
    assert isinstance(verdict, Retry | Ambiguous)
    assert standin.requests == []


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    writer.close()


@pytest.mark.parametrize(
    ("serve", "timeout", "reasons"),
    [(silence, "300ms", {"timeout"}), (goodbye, "5s", {"tls", "reset"}), (garbage, "5s", {"tls", "reset"})],
)
async def test_what_is_no_tls_at_all_is_a_verdict(
    make: Callable[..., PagerDuty],
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    timeout: str,
    reasons: set[str],
) -> None:
    served: list[asyncio.Task[None]] = []

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2/enqueue"
        given = await deliver(make(events_url=address, timeout=timeout), message())
    await asyncio.gather(*served, return_exceptions=True)
    assert isinstance(given, Retry | Ambiguous)
    assert given.reason in reasons


async def test_a_port_that_nobody_listens_on(make: Callable[..., PagerDuty]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{unused.getsockname()[1]}/v2/enqueue"
        given = await deliver(make(events_url=address), message())
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


async def test_an_authority_that_is_not_trusted(make: Callable[..., PagerDuty], tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    for ca_file in (str(other.ca_file), None):
        given = await deliver(make(ca_file=ca_file), message())
        assert isinstance(given, Retry)
        assert given.reason == "tls_verify"


async def test_a_proxy_in_the_environment_is_not_used(
    make: Callable[..., PagerDuty], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await deliver(make(), message()) == Sent(reference=message().key)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"routing_key": ""}, "is empty"),
        ({"events_url": "http://events.pagerduty.com/v2/enqueue"}, "is not over https"),
        ({"events_url": "https://events.pagerduty.com/"}, "does not end in /v2/enqueue"),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
        ({"ca_file": __file__}, "holds no certificates"),
        ({"timeout": "26s"}, "is longer than 25s"),
        ({"routing_kee": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate({"routing_key": KEY} | keys)


def test_the_key_can_lie_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    config = Config.model_validate({"routing_key_file": "key"}, context={"folder": tmp_path, "files": set()})
    assert config.routing_key.reveal() == KEY
    assert KEY not in repr(config)
    assert config.events_url == "https://events.pagerduty.com/v2/enqueue"


def test_it_is_told_of_pages_only() -> None:
    assert PAGES_ONLY
    assert PRODUCTION["environment"] == "production"


def test_the_vendors_package_is_not_loaded_before_it_is_needed() -> None:
    look = (
        "import sys, slo.router.destinations.pagerduty, slo.router.destinations.webhook, slo.router.router;"
        "print([name for name in ('pagerduty', 'httpx2', 'aiohttp') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout == "[]\n"
