"""The forwarders of a watch over the API: what waits for each, what was refused, and what is to become of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from aiohttp import web

from slo.config.section import Section
from slo.core.telemetry import Rank
from slo.store.spool import SpoolFile
from slo.store.spooled import DeadLetter, Depth
from slo.web.answers import Refused, answer, only, quoted, read_body, refusals
from slo.web.documents import Document, time_text
from slo.web.watch import Watch
from slo.web.words import lasting

MOST_LETTERS = 100
"""How many dead letters are shown, the newest."""

SHOWN_CHARACTERS = 2000

LATE = timedelta(minutes=5)
"""What waits for longer than that is said to be late."""


class Deed(Section):
    """What is to become of everything that was refused."""

    action: Literal["retry", "discard"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwarderState:
    """How one forwarder stands. What only a running watch knows is None elsewhere."""

    name: str
    type: str | None = None
    to: str | None = None
    size_bytes: int
    most_bytes: int | None = None
    waiting: Mapping[Rank, Depth]
    dead: Mapping[str, int]
    letters: Sequence[DeadLetter] = field(default=())
    last_success_at: datetime | None = None
    last_failure: str | None = None
    fails: bool | None = None


def spool_state(name: str, file: SpoolFile) -> ForwarderState:
    """What the spool of a forwarder says by itself. Raises StoreError."""
    return ForwarderState(
        name=name,
        size_bytes=file.held_bytes,
        waiting=file.depths(),
        dead=file.dead.count(),
        letters=file.dead.newest(most=MOST_LETTERS),
    )


def unreadable(name: str, why: object, *, type_: str | None = None, to: str | None = None) -> ForwarderState:
    """A forwarder whose spool cannot be used now, so that nobody knows what is in it."""
    return ForwarderState(
        name=name, type=type_, to=to, size_bytes=0, waiting={}, dead={}, last_failure=f"spool: {why}", fails=True
    )


class ForwardersAPI:
    """The handlers, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [
            web.get("/api/v1/forwarders", self.listed),
            web.get("/api/v1/forwarders/{name}", self.shown),
            web.post("/api/v1/forwarders/{name}", self.act),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        """Every forwarder."""
        only(request.query, ())
        states = await self._watch.forwarders.states()
        now = self._watch.now()
        return answer({"forwarders": [forwarder_document(state, now) for state in states]})

    async def shown(self, request: web.Request) -> web.Response:
        """One forwarder, with its dead letters."""
        only(request.query, ())
        states = await self._watch.forwarders.states()
        state = next((state for state in states if state.name == request.match_info["name"]), None)
        if state is None:
            raise _unknown(request)
        return answer(with_letters(state, self._watch.now()))

    async def act(self, request: web.Request) -> web.Response:
        """Have everything that was refused sent again, or forgotten."""
        name, forwarders = request.match_info["name"], self._watch.forwarders
        body = await read_body(request, self._body_seconds)
        with refusals():
            discards = Deed.model_validate_json(body).action == "discard"
            count = await (forwarders.discard(name) if discards else forwarders.retry(name))
        if count is None:
            raise _unknown(request)
        return answer({"name": name, "discarded" if discards else "retried": count})


def forwarder_row(state: ForwarderState, now: datetime) -> dict[str, object]:
    """How one forwarder stands, in words: what was refused is worse than what waits."""
    dead, waiting = sum(state.dead.values()), sum(depth.records for depth in state.waiting.values())
    age = _oldest_age(state, now)
    if dead:
        tone, word = "overspent", f"Refused {dead:,}"
    elif age is not None and age > LATE:
        tone, word = "burning", f"Late by {lasting(age)}"
    elif state.fails:
        tone, word = "burning", "Fails"
    elif state.last_success_at is None:
        tone, word = "no_data", "Nothing sent yet"
    else:
        tone, word = "ok", "Delivers"
    return {
        "state": tone,
        "word": word,
        "name": state.name,
        "to": state.to or "",
        "waiting": f"{waiting:,}",
        "size": f"{state.size_bytes / 1e6:.1f} MB",
        "last_success_at": state.last_success_at,
        "failure": state.last_failure or "" if tone in {"overspent", "burning"} else "",
    }


def _oldest_age(state: ForwarderState, now: datetime) -> timedelta | None:
    oldest = min((depth.oldest for depth in state.waiting.values()), default=None)
    return None if oldest is None else max(timedelta(), now - datetime.fromtimestamp(oldest, UTC))


def forwarder_document(state: ForwarderState, now: datetime) -> Document:
    """How one forwarder stands."""
    age = _oldest_age(state, now)
    return {
        "name": state.name,
        "type": state.type,
        "to": state.to,
        "size_bytes": state.size_bytes,
        "most_bytes": state.most_bytes,
        "waiting": {rank.name.lower(): depth.records for rank, depth in state.waiting.items()},
        "oldest_age_seconds": None if age is None else round(age.total_seconds(), 3),
        "dead": dict(state.dead),
        "fails": state.fails,
        "last_success_at": time_text(state.last_success_at) if state.last_success_at else None,
        "last_failure": state.last_failure,
    }


def with_letters(state: ForwarderState, now: datetime) -> Document:
    """The same with what was refused, the newest first."""
    return {**forwarder_document(state, now), "letters": [_letter(letter) for letter in state.letters]}


def _letter(letter: DeadLetter) -> Document:
    return {
        "number": letter.record.number,
        "record": letter.record.rank.name.lower(),
        "at": time_text(datetime.fromtimestamp(letter.record.at, UTC)),
        "refused_at": time_text(datetime.fromtimestamp(letter.refused_at, UTC)),
        "reason": letter.reason,
        "detail": letter.detail,
        "body": letter.record.body.decode(errors="replace")[:SHOWN_CHARACTERS],
    }


def _unknown(request: web.Request) -> Refused:
    name = quoted(request.match_info["name"])
    return Refused(404, f"there is no forwarder {name}: see /api/v1/forwarders, or `watchkeep forward status`")
