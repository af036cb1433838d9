"""Tickets: what every ticket system is told alike.

A lane is a ticket: its first message opens it, all later ones are comments on it. The ticket carries an external id
that follows from the lane and the moment at which the incident opened, and each comment a marker that follows from its
message, so that what was sent and not answered is found before it is sent again. The moment is in the journal with the
incident: a restored one finds the tickets of its incidents, while a new one, whose lanes are called the same, finds
none of a stranger's.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry
from slo.router.mail.letter import text_of
from slo.router.notice import Notice, notice_of

OURS = "watchkeep-"
"""How the names begin that we give to tickets and comments."""

NOT_FOUND = "not_found"
"""The reason where something is not there, or we may not see it."""

MENDED_HERE: Mapping[int, str] = {
    401: "unauthorized",
    403: "unauthorized",
    404: NOT_FOUND,
    408: "unexpected_status",
    409: "conflict",
    423: "conflict",
    425: "unexpected_status",
}
"""Statuses by which a ticket system says that something is not set up, or not now: the message is none the worse."""

TICKETS_KEPT = 1000
"""Of how many tickets it is remembered when they were last asked for without a clear answer."""


def external_id(message: Message) -> str:
    """What the ticket that a message opens is found by: letters, digits and dashes."""
    return f"{OURS}{_digest(message.destination, message.key, message.opened_at.astimezone(UTC).isoformat())}"


def marker(message: Message) -> str:
    """What the comment that a message becomes is found by: letters, digits and dashes."""
    return f"{OURS}{_digest(message.destination, message.id)}"


def opens(message: Message, lane: Lane) -> bool:
    """Whether the message opens a ticket; a trigger for a ticket that there is already is a comment on it."""
    return message.action is Action.TRIGGER and not lane.reference


def gone(verdict: Retry | Refused | Ambiguous) -> Refused:
    """The verdict on what was to be said on a ticket that was deleted: trying again would hold its lane up for good."""
    return Refused(reason="ticket_gone", detail=verdict.detail)


def told(message: Message) -> tuple[Notice, str]:
    """What the ticket is told, and as plain text."""
    notice = notice_of(message)
    return notice, text_of(notice)


@dataclass(kw_only=True, slots=True)
class Doubts:
    """Tickets that may be there although nobody said so, and may not be found yet.

    A search that lags behind finds a ticket after `settle_seconds`. What another process asked for is in doubt from
    when this one first hears of it.
    """

    settle_seconds: float
    now: Callable[[], datetime]
    _since: dict[str, datetime] = field(default_factory=dict, init=False)
    _clear: dict[str, None] = field(default_factory=dict, init=False)

    def seconds_left(self, name: str, attempts: int) -> float:
        """How long to wait until a search that finds nothing can be believed; 0 where it can be already."""
        if not attempts or name in self._clear:
            return 0.0
        since = self._since.setdefault(name, self.now())
        return max(0.0, self.settle_seconds - (self.now() - since).total_seconds())

    def begin(self, name: str) -> None:
        """The ticket is asked for now."""
        self._clear.pop(name, None)
        self._since[name] = self.now()
        for old in list(self._since)[:-TICKETS_KEPT]:
            del self._since[old]

    def end(self, name: str) -> None:
        """It was answered clearly: the ticket is there, or it is not."""
        self._since.pop(name, None)
        self._clear[name] = None
        for old in list(self._clear)[:-TICKETS_KEPT]:
            del self._clear[old]


def _digest(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode(errors="replace")).hexdigest()[:32]
