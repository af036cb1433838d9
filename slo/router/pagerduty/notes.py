"""What PagerDuty is told beside events: notes, status updates and priorities of the incident under a key.

Each is one piece of work over one connection. A note ends with a mark of its message, by which it is found again when
nobody heard whether it was taken, and known as ours when PagerDuty tells of it.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from slo.core.delivery import Action, Message, Refused, Retry
from slo.core.priority import Priority
from slo.router.pagerduty.rest import MISSING, Unanswered
from slo.router.summary import one_line

if TYPE_CHECKING:
    from slo.router.pagerduty.incidents import IncidentsCall

TEXT_LIMIT = 2000
"""The longest text of a note, in characters; the ticket has all of it."""

_MARK = re.compile(r"\[watchkeep [0-9a-f]{16}\]\s*\Z")


def mark_of(message: Message) -> str:
    """What no other message has."""
    return f"[watchkeep {hashlib.sha256(message.id.encode()).hexdigest()[:16]}]"


def is_ours(text: str) -> bool:
    """Whether a note ends with a mark of ours; one that quotes us goes on after it."""
    return _MARK.search(text) is not None


def say(call: "IncidentsCall", message: Message, *, again: bool) -> str:
    """Write the note of a message, and for an ETA send the status update before it; the note's id.

    `again` is whether an earlier attempt may have been taken: the note is the last thing that one does, so where it is
    there, everything is. Raises Unanswered.
    """
    incident = _incident(call, message.key)
    mark, text = mark_of(message), text_of(message)
    if again:
        for note in call.notes(incident):
            if mark in str(note.get("content", "")):
                return str(note.get("id", ""))
    if message.action is Action.ETA:
        _publish(call, incident, text)
    return call.note(incident, f"{text}\n{mark}")


def prioritize(call: "IncidentsCall", message: Message, names: Mapping[Priority, str]) -> None:
    """Give the incident of a message its priority by our `names`. One that is none of these was somebody's choice, and
    stays. Raises Unanswered.
    """
    name = names[message.priority]
    priority = call.priority_named(name)
    if priority is None:
        raise Unanswered(Refused(reason="rejected", detail=f"the account has no priority {name!r}"))
    found = call.find(message.key)
    if found is None:
        raise _missing(message.key)
    has = found.get("priority")
    current = has.get("summary") if isinstance(has, Mapping) else None
    if current is None or (current != name and current in names.values()):
        call.prioritize(str(found.get("id", "")), str(priority.get("id", "")))


def text_of(message: Message) -> str:
    """What a note says: whose words they are, and the words."""
    lines = (one_line(line, TEXT_LIMIT) for line in message.text.splitlines())
    said = "\n".join(line for line in lines if line) or one_line(message.why) or one_line(message.summary)
    by = one_line(message.by)
    text = f"{by}: {said}" if by else said
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def _incident(call: "IncidentsCall", key: str) -> str:
    found = call.find(key)
    if found is None:
        raise _missing(key)
    return str(found.get("id", ""))


def _missing(key: str) -> Unanswered:
    """Events become incidents a moment after they were accepted; some never do, where rules of the service say so."""
    return Unanswered(Retry(reason=MISSING, detail=f"there is no incident under {key}"))


def _publish(call: "IncidentsCall", incident: str, text: str) -> None:
    """Not every account has status updates, and the note says the same."""
    try:
        call.publish(incident, text)
    except Unanswered as error:
        if not isinstance(error.verdict, Refused):
            raise
