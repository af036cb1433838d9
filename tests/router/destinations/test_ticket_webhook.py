"""The destination `ticket_webhook`: signed, and a verdict whatever answers."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.demo.vendors.injection import Injection, perform
from slo.net.context import Context
from slo.router.destinations.ticket_webhook import Config, TicketWebhook, build, receiver, ticket_payload_of
from slo.router.tickets.ticket import external_id
from tests.router.destinations.goldens import hold_against
from tests.router.making import at, message

OURS = "0123456789abcdef-ours"


THEIRS = "0123456789abcdef-theirs"


class Desk:
    """A ticket system that takes our format: once for each Idempotency-Key."""

    def __init__(self) -> None:
        self.injection: Injection | None = None
        self.answer = b'{"reference": "T-1", "url": "https://desk.example/T-1"}'
        self.done: dict[str, Any] = {}
        self.asked = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        signed = f"{request.headers['X-Watchkeep-Timestamp']}.".encode() + body
        digest = hmac.new(OURS.encode(), signed, hashlib.sha256).hexdigest()
        assert request.headers["X-Watchkeep-Signature"] == f"sha256={digest}"
        assert abs(datetime.now(UTC).timestamp() - int(request.headers["X-Watchkeep-Timestamp"])) < 300
        self.asked += 1
        if self.injection is None or self.injection.processed:
            self.done.setdefault(request.headers["Idempotency-Key"], json.loads(body))
        answer = web.Response(body=self.answer)
        return await perform(self.injection, request, answer) if self.injection else answer


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk, application = Desk(), web.Application()
    application.router.add_post("/tickets", desk.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    desk.url = f"http://127.0.0.1:{runner.addresses[0][1]}/tickets"
    yield desk
    await runner.cleanup()


@pytest.fixture
async def make(desk: Desk, context: Context) -> AsyncIterator[Callable[..., TicketWebhook]]:
    made: list[TicketWebhook] = []

    def make(**keys: object) -> TicketWebhook:
        given = {"url": desk.url, "signing_secret": OURS, "timeout": "5s"} | keys
        made.append(build(Config.model_validate(given), context))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


def ticket(action: Action = Action.TRIGGER, **others: Any) -> Message:
    return message(f"m-{action}", destination="desk", action=action, **others)


@pytest.mark.parametrize(
    ("name", "of", "lane"),
    [
        ("ticket-open.json", ticket(due=at(3660), services=("gate",)), Lane()),
        (
            "ticket-eta.json",
            ticket(
                Action.ETA,
                by="anna",
                text="The primary is being restored.",
                status="acknowledged",
                responded_at=at(300),
                eta=ETA(recover_at=at(7200), confidence=Confidence.HIGH, next_update_at=at(1800)),
            ),
            Lane(reference="T-1"),
        ),
        ("ticket-remind.json", ticket(Action.REMIND, text="the response is due in 15 minutes"), Lane(reference="T-1")),
    ],
)
def test_the_payload_is_what_a_ticket_needs(name: str, of: Message, lane: Lane) -> None:
    hold_against(name, ticket_payload_of(of, lane))


async def test_a_ticket_is_opened_and_goes_on_under_the_reference_that_it_was_given(
    make: Callable[..., TicketWebhook], desk: Desk
) -> None:
    destination = make()
    assert await destination.deliver(ticket(), Lane()) == Sent(reference="T-1")
    desk.answer = b""
    assert await destination.deliver(ticket(Action.NOTE, text="hello"), Lane(reference="T-1")) == Sent(reference="T-1")
    opened, noted = desk.done.values()
    assert (opened["action"], opened["ticket"]["external_id"]) == ("open", external_id(ticket()))
    assert (noted["action"], noted["ticket"]["reference"]) == ("comment", "T-1")
    assert noted["ticket"]["external_id"] == opened["ticket"]["external_id"]


async def test_what_is_said_of_several_incidents_in_one_lane_is_about_one_ticket(
    make: Callable[..., TicketWebhook], desk: Desk
) -> None:
    desk.answer = b""
    destination = make()
    opened = await destination.deliver(ticket(), Lane())
    assert isinstance(opened, Sent)
    of_another = ticket(Action.UPDATE, incident="2", opened_at=at(300))
    assert await destination.deliver(of_another, Lane(reference=opened.reference)) == opened
    assert {posted["ticket"]["external_id"] for posted in desk.done.values()} == {external_id(ticket())}


@pytest.mark.parametrize("answer", [b"", b"ok", b"[]", b'{"reference": null}', b'{"reference": {"id": 1}}'])
async def test_a_system_that_gives_no_reference_knows_it_by_ours(
    make: Callable[..., TicketWebhook], desk: Desk, answer: bytes
) -> None:
    desk.answer = answer
    assert await make().deliver(ticket(), Lane()) == Sent(reference=external_id(ticket()))


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=400, body="no"), Refused(reason="rejected")),
        (Injection(status=422), Refused(reason="rejected")),
        (Injection(status=401), Retry(reason="unauthorized")),
        (Injection(status=403), Retry(reason="unauthorized")),
        (Injection(status=404), Retry(reason="not_found")),
        (Injection(status=409), Retry(reason="conflict")),
        (Injection(status=429, retry_after="30"), Retry(reason="rate_limited", after_seconds=30)),
        (Injection(status=503), Retry(reason="server_error")),
        (Injection(status=302), Retry(reason="redirected")),
        (Injection(status=200, body="x" * 5_000_000), Ambiguous(reason="response_too_large")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(hang_seconds=9), Ambiguous(reason="timeout")),
    ],
    ids=str,
)
async def test_what_answers_is_a_verdict(
    make: Callable[..., TicketWebhook], desk: Desk, injection: Injection, verdict: Verdict
) -> None:
    desk.injection = injection
    given = await make(timeout="1s" if injection.hang_seconds else "10s").deliver(ticket(), Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert desk.asked == 1


async def test_what_was_taken_and_not_answered_is_taken_once(make: Callable[..., TicketWebhook], desk: Desk) -> None:
    destination = make()
    for action, lane in ((Action.TRIGGER, Lane()), (Action.NOTE, Lane(reference="T-1"))):
        desk.injection = Injection(reset=True, processed=True)
        given = await destination.deliver(ticket(action), lane)
        assert isinstance(given, Ambiguous)
        assert given.reason == "reset"
        desk.injection = None
        assert isinstance(await destination.deliver(ticket(action), replace(lane, attempts=1)), Sent)
    assert len(desk.done) == 2
    assert desk.asked == 4


def test_without_a_secret_of_the_other_side_nothing_is_taken(context: Context) -> None:
    assert receiver("desk", Config.model_validate({"url": "http://d.example", "signing_secret": OURS}), context) is None


def test_both_secrets_can_lie_in_files(tmp_path: Path) -> None:
    (tmp_path / "out").write_text(f"{OURS}\n")
    (tmp_path / "in").write_text(f"{THEIRS}\n")
    given = {"url": "http://d.example", "signing_secret_file": "out", "webhook_secret_file": "in"}
    config = Config.model_validate(given, context={"folder": tmp_path, "files": set()})
    assert config.webhook_secret is not None
    assert (config.signing_secret.reveal(), config.webhook_secret.reveal()) == (OURS, THEIRS)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="is shorter than 16 characters"):
        Config.model_validate({"url": "http://d.example", "signing_secret": OURS, "webhook_secret": "short"})
    with pytest.raises(ValidationError, match="is shorter than 16 characters"):
        Config.model_validate({"url": "http://d.example", "signing_secret": "short"})


async def test_many_at_once_share_a_session(make: Callable[..., TicketWebhook], desk: Desk) -> None:
    destination = make()
    verdicts = await asyncio.gather(*(destination.deliver(ticket(key=f"k{n}"), Lane()) for n in range(5)))
    assert verdicts == [Sent(reference="T-1")] * 5
