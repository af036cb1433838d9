"""Notices: what a customer is told of an incident, in words that need no monitoring to be understood.

Emails and tickets are made of them: a state, a headline, facts as pairs of a name and a value, what was said, a link.
Times are UTC and say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from slo.core.delivery import Action, Message
from slo.router.summary import REPORT_LIMIT, one_line, promised, reason, where_of

SAID_LIMIT = 20_000
"""The longest text of a person that is passed on, in characters: mail and tickets take more."""

SUBJECT_LIMIT = 200

INTERNAL = frozenset({Action.REMIND})
"""What the customer is not told: that we are late is between us."""


class State(Enum):
    """How things stand: a shape and a word, so that nobody has to see colours."""

    OPEN = ("■", "Open")
    IN_HAND = ("▲", "In hand")
    RESOLVED = ("●", "Resolved")

    @property
    def shape(self) -> str:
        """A square, a triangle or a circle, as on the page."""
        return self.value[0]

    @property
    def word(self) -> str:
        """The state in words."""
        return self.value[1]


_STATES: Mapping[str, State] = {"triggered": State.OPEN, "resolved": State.RESOLVED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One thing to tell. `subject` is the same for all notices of an incident; `said` may have several lines."""

    state: State
    subject: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    said: str
    url: str


def is_public(message: Message) -> bool:
    """Whether the customer reads it."""
    return message.action not in INTERNAL


def notice_of(message: Message) -> Notice:
    """What a message says to a customer."""
    return Notice(
        state=_STATES.get(message.status, State.IN_HAND),
        subject=_subject(message),
        headline=_headline(message),
        facts=tuple((name, one_line(value)) for name, value in _facts(message) if value),
        said=lines_of(_said(message)),
        url=one_line(message.url),
    )


def lines_of(text: str) -> str:
    """What a person wrote, line by line, without control characters and not without end."""
    cut = text if len(text) <= SAID_LIMIT else f"{text[: SAID_LIMIT - 1]}…"
    return "\n".join(one_line(line, SAID_LIMIT) for line in cut.splitlines()).strip()


def time_of(at: datetime) -> str:
    """A time as people read it: `2026-01-01 03:01 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _subject(message: Message) -> str:
    about, where = one_line(message.subject, REPORT_LIMIT), where_of(message)
    return one_line(f"Incident {message.incident}: {about}{f' ({where})' if where else ''}", SUBJECT_LIMIT)


def _affected(message: Message) -> str:
    """The services, or the SLO, and whose and where they are; what a person reported may be about neither."""
    affected = ", ".join(message.services) or message.labels.get("service", "")
    if not affected and not message.reported:
        affected = message.slo
    where = where_of(message)
    return f"{affected} ({where})" if affected and where else affected or where


def _headline(message: Message) -> str:
    by = one_line(message.by) or "somebody"
    match message.action:
        case Action.ACKNOWLEDGE:
            return f"{by} is working on it"
        case Action.NOTE:
            return f"{by} wrote"
        case Action.ETA if message.eta is not None:
            return _sentence(promised(message.eta))
        case Action.UPDATE if message.text:
            return f"{by}: {one_line(message.text)}"
        case Action.REMIND:
            return _sentence(one_line(message.text or message.why)) or "This waits for an answer"
    return one_line(message.summary) or one_line(message.subject)


def _said(message: Message) -> str:
    """The words of a person, without what the headline says."""
    match message.action:
        case Action.ETA if message.eta is not None:
            return message.text.removeprefix(promised(message.eta)).removeprefix(": ")
        case Action.UPDATE:
            return message.why if message.text else ""
        case Action.REMIND:
            return message.why if message.text else ""
        case Action.TRIGGER:  # what an escalation says of our own clock is not for a customer
            return ""
    return message.text


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _facts(message: Message) -> list[tuple[str, str]]:
    found = [
        ("Reported", "" if message.reported in _headline(message) else message.reported),
        ("Affected", _affected(message)),
        ("Since", time_of(message.detected_at or message.opened_at)),
        ("Priority", message.priority.value),
        ("Response", _response(message)),
        ("Owner", message.owner),
    ]
    if message.action is Action.RESOLVE:
        return [*found, ("Resolved", time_of(message.at))]
    if message.eta is not None and message.action is not Action.ETA:
        found.append(("Recovery", promised(message.eta).removeprefix("recovery ")))
    if message.eta is not None and message.eta.next_update_at is not None:
        found.append(("Next update", f"due by {time_of(message.eta.next_update_at)}"))
    return [*found, ("Last seen", reason(message.evidence))]


def _response(message: Message) -> str:
    if message.responded_at is not None:
        return f"answered {time_of(message.responded_at)}"
    return f"due by {time_of(message.due)}" if message.due is not None else ""
