"""What a ticket system of our own format says comes back, signed, as acts."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slo.core.acts import Acknowledge, Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.inbound import Inbound, Received
from slo.core.priority import Impact, Priority
from slo.errors import Forged, Malformed
from slo.net.context import Context
from slo.router.destinations.ticket_webhook import Config, receiver
from slo.router.inbox import BODY_LIMIT_BYTES

OURS = "0123456789abcdef-ours"


THEIRS = "0123456789abcdef-theirs"


NOW = datetime(2026, 1, 1, 3, 10, tzinfo=UTC)


def inbound(document: object, *, at: datetime = NOW, secret: str = THEIRS, body: bytes | None = None) -> Inbound:
    """A request as the other side signs it."""
    sent = json.dumps(document).encode() if body is None else body
    timestamp = str(int(NOW.timestamp()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + sent, hashlib.sha256).hexdigest()
    headers = {"x-watchkeep-timestamp": timestamp, "x-watchkeep-signature": f"sha256={digest}"}
    return Inbound(headers=headers, body=sent, at=at)


async def received(context: Context, of: Inbound) -> Received:
    config = Config.model_validate({"url": "http://desk.example", "signing_secret": OURS, "webhook_secret": THEIRS})
    inbox = receiver("desk", config, context)
    assert inbox is not None
    return await inbox.receive(of)


ENGINEER = {"name": "anna", "role": "engineer"}


CUSTOMER = {"name": "carla", "role": "customer"}


BASE: dict[str, Any] = {"id": "e7", "reference": "T-1"}


WHO: dict[str, Any] = {
    "target": Target(destination="desk", reference="T-1"),
    "via": "desk",
    "source": "desk:e7",
}


@pytest.mark.parametrize(
    ("said", "act"),
    [
        ({"event": "commented", "by": ENGINEER, "text": "On it.\nSoon."}, Say(by="anna", text="On it.\nSoon.", **WHO)),
        (
            {"event": "commented", "by": ENGINEER, "text": "x", "at": "2026-01-01T03:05:00Z"},
            Say(by="anna", text="x", acted_at=datetime(2026, 1, 1, 3, 5, tzinfo=UTC), **WHO),
        ),
        (
            {"event": "commented", "by": CUSTOMER, "text": "And now?"},
            Say(by="carla", text="And now?", responds=False, **WHO),
        ),
        ({"event": "commented", "by": ENGINEER, "text": "between us", "public": False}, None),
        ({"event": "commented", "by": {"name": "bot", "role": "program"}, "text": "closed?"}, None),
        ({"event": "acknowledged", "by": ENGINEER}, Acknowledge(by="anna", **WHO)),
        ({"event": "acknowledged", "by": CUSTOMER}, None),
        ({"event": "waiting", "by": ENGINEER, "text": "logs"}, Wait(by="anna", why="logs", **WHO)),
        ({"event": "went_on", "by": CUSTOMER}, GoOn(by="carla", **WHO)),
        ({"event": "resolved", "by": ENGINEER, "text": "fixed"}, Resolve(by="anna", why="fixed", **WHO)),
        (
            {"event": "prioritized", "by": ENGINEER, "priority": "P0", "text": "worse"},
            Prioritize(by="anna", priority=Priority.P0, why="worse", **WHO),
        ),
        (
            {
                "event": "opened",
                "by": CUSTOMER,
                "summary": "Nothing\ndeploys",
                "customer": "acme",
                "environment": "production",
                "impact": "severe",
                "security": True,
                "created_at": "2026-01-01T03:00:00Z",
            },
            Open(
                by="carla",
                summary="Nothing deploys",
                customer="acme",
                environment="production",
                impact=Impact.SEVERE,
                security=True,
                found_by="customer",
                created_at=datetime(2026, 1, 1, 3, 0, tzinfo=UTC),
                **WHO,
            ),
        ),
        (
            {"event": "opened", "by": ENGINEER, "summary": "x", "created_at": "2030-01-01T00:00:00Z"},
            Open(by="anna", summary="x", found_by="provider", created_at=NOW, **WHO),
        ),
        ({"event": "tagged", "by": ENGINEER}, None),
    ],
)
async def test_what_people_do_there_is_an_act_here(context: Context, said: dict[str, Any], act: Act | None) -> None:
    got = await received(context, inbound(BASE | said))
    assert got == Received(acts=(act,) if act else ())


GOOD = BASE | {"event": "commented", "by": ENGINEER, "text": "x"}


@pytest.mark.parametrize(
    "forged",
    [
        inbound(GOOD, secret="another"),
        replace(inbound(GOOD), body=inbound(GOOD).body + b" "),
        replace(inbound(GOOD), body=inbound(GOOD).body[:-1]),
        replace(inbound(GOOD), headers={}),
        replace(inbound(GOOD), headers=dict(inbound(GOOD).headers) | {"x-watchkeep-signature": "sha256=\ud800é"}),
        replace(inbound(GOOD), headers=dict(inbound(GOOD).headers) | {"x-watchkeep-timestamp": "1767237001"}),
        inbound(GOOD, at=NOW + timedelta(minutes=5, seconds=1)),
        inbound(GOOD, at=NOW - timedelta(minutes=5, seconds=1)),
    ],
    ids=["another secret", "longer", "truncated", "no headers", "no signature", "other time", "replayed", "ahead"],
)
async def test_what_does_not_prove_who_sent_it_and_when_is_not_believed(context: Context, forged: Inbound) -> None:
    with pytest.raises(Forged):
        await received(context, forged)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (inbound(None, body=b"{"), "not valid JSON"),
        (inbound(None, body=b"\xff"), "not valid JSON"),
        (inbound(None, body=b"[" * 100_000), "not valid JSON"),
        (inbound([]), "not a JSON object"),
        (inbound({}), "event is missing"),
        (inbound(GOOD | {"by": {"name": "x", "role": "boss"}}), "by.role is none of engineer"),
        (inbound(GOOD | {"id": None}), "id is missing"),
        (inbound(GOOD | {"reference": {}}), "reference is missing"),
        (inbound(GOOD | {"text": " \ud800\n"}), "text is missing"),
        (inbound(GOOD | {"event": "prioritized", "priority": "P9"}), "priority is none of P0, P1, P2"),
        (inbound(GOOD | {"event": "opened"}), "summary is missing"),
        (inbound(GOOD | {"event": "opened", "summary": "x", "created_at": "soon"}), "created_at is no time"),
        (inbound(None, body=b" " * (BODY_LIMIT_BYTES + 1)), "larger than"),
    ],
)
async def test_what_cannot_be_understood_says_why(context: Context, bad: Inbound, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        await received(context, bad)
