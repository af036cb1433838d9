"""Which events of Spinnaker go on, and who may tell them."""

import json
from contextlib import nullcontext

import pytest

from slo.app.spinnakers import Spinnakers
from slo.config.secret import Secret
from slo.config.settings import SpinnakerEntry
from slo.core.telemetry import Logged
from slo.errors import Forged, Malformed
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock

TOKEN = "0123456789abcdef"


def spinnakers(forwarded: list[Logged], *, events: tuple[str, ...] = ("orca:pipeline:*",)) -> Spinnakers:
    made = Spinnakers(forwarded.append, clock=SteadyClock(), telemetry=Telemetry())
    entry = SpinnakerEntry(name="acme", token=Secret(TOKEN), events=events, labels={"customer": "acme"})
    made.configure([entry])
    return made


def body(kind: str, number: int = 1) -> bytes:
    return json.dumps({"details": {"type": kind}, "content": {}, "eventId": f"e{number}"}).encode()


@pytest.mark.parametrize(
    ("name", "token", "admitted"),
    [
        ("acme", TOKEN.encode(), True),
        ("acme", TOKEN[:-1].encode(), False),
        ("acme", b"", False),
        ("other", TOKEN.encode(), False),
        ("other", b"-" * 16, False),
        ("", b"", False),
    ],
)
async def test_each_spinnaker_shows_its_own_token(name: str, token: bytes, *, admitted: bool) -> None:
    with nullcontext() if admitted else pytest.raises(Forged):
        spinnakers([]).admit(name, token)


async def test_where_none_is_configured_nobody_is_admitted() -> None:
    made = spinnakers([])
    made.configure([])
    with pytest.raises(Forged):
        made.admit("acme", TOKEN.encode())
    assert not await made.take("acme", body("orca:pipeline:complete"))


@pytest.mark.parametrize(
    ("events", "kind", "wanted"),
    [
        (("orca:pipeline:*",), "orca:pipeline:complete", True),
        (("orca:pipeline:*",), "orca:task:complete", False),
        (("orca:pipeline:*",), "xorca:pipeline:complete", False),
        (("orca:pipeline:failed", "build"), "build", True),
        (("orca.pipeline",), "orca:pipeline", False),
        ((), "build", False),
    ],
)
async def test_events_of_other_types_are_passed_over(events: tuple[str, ...], kind: str, *, wanted: bool) -> None:
    forwarded: list[Logged] = []
    assert await spinnakers(forwarded, events=events).take("acme", body(kind)) is wanted
    assert [log.action for log in forwarded] == [kind] * wanted


async def test_an_event_that_echo_sends_again_goes_on_once() -> None:
    forwarded: list[Logged] = []
    made = spinnakers(forwarded)
    taken = [await made.take("acme", body("orca:pipeline:complete", number)) for number in (1, 2, 1, 1)]
    assert taken == [True, True, False, False]
    assert len(forwarded) == 2
    assert forwarded[0].labels["customer"] == "acme"


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.app.spinnakers.MOST_KNOWN", 3)
    forwarded: list[Logged] = []
    made = spinnakers(forwarded)
    taken = [await made.take("acme", body("orca:pipeline:complete", number)) for number in (1, 2, 3, 4, 4, 1)]
    assert taken == [True, True, True, True, False, True]


async def test_what_is_refused_is_told_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    made = spinnakers([])
    with pytest.raises(Forged):
        made.admit("acme", b"a token of nobody")
    with pytest.raises(Malformed):
        await made.take("acme", b"{}")
    assert [(record.message, record.__dict__["result"]) for record in caplog.records] == [
        ("an event of a Spinnaker is refused", "forged"),
        ("an event of a Spinnaker is refused", "malformed"),
    ]
    assert "nobody" not in str([record.__dict__ for record in caplog.records])
