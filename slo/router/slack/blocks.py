"""What people read in Slack of an incident: the message that it begins with, and what is said in its thread.

The first message is brought up to date with everything that is told later, so that it shows the incident as it is now.
Layout and limits: https://docs.slack.dev/reference/block-kit/blocks. All text is escaped and taken as it is written
(`verbatim`), so that nobody is notified by what an incident says. Times are shown in the zone of whoever reads them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.delivery import Action, Message
from slo.core.duration import duration_name
from slo.core.eta import ETA
from slo.router.page import Json
from slo.router.summary import one_line, promised, reason, where_of

ACKNOWLEDGE = "acknowledge"
NOTE = "note"
PROMISE = "eta"
END_CHAT = "end_chat"
"""What the buttons are called; their value is the mark of the incident."""

SUMMARY_LIMIT = 700
FIELD_LIMIT = 200
EVIDENCE_LIMIT = 300
NOTE_LIMIT = 2700
"""In characters, so that a section stays below 3,000 and a message below 12,000 whatever it is made of."""

_URL_LIMIT = 500
_LINES_LIMIT = 100
_STATES: Mapping[str, str] = {
    "triggered": "\N{BLACK SQUARE} Triggered",
    "acknowledged": "\N{BLACK UP-POINTING TRIANGLE} Acknowledged",
    "resolved": "\N{BLACK CIRCLE} Resolved",
}
_LONGER_IN_JSON = ('"', "\\", "\n")
_ESCAPES: Mapping[str, str] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """A message of Slack: its blocks, and the text for whoever cannot see them."""

    text: str
    blocks: tuple[dict[str, Json], ...]


def beginning(message: Message, *, interactive: bool) -> Post:
    """The incident as it is after `message`, with buttons while it is open, if a press of them arrives anywhere."""
    state = f"{state_of(message)} \N{MIDDLE DOT} {message.priority}"
    summary = escaped(message.summary, SUMMARY_LIMIT) or escaped(message.subject, SUMMARY_LIMIT)
    blocks: list[dict[str, Json]] = [
        {"type": "header", "text": plain(one_line(f"{state} \N{MIDDLE DOT} {message.subject}", 140))},
        {"type": "section", "text": marked(summary)},
    ]
    if fields := [f"*{name}*\n{value}" for name, value in _facts(message) if value]:
        blocks.append({"type": "section", "fields": [marked(field) for field in fields]})
    if lines := list(_evidence(message)):
        blocks.append({"type": "section", "text": marked("\n".join(["*Evidence*", *lines]))})
    if interactive and not _over(message):
        blocks.append({"type": "actions", "block_id": "acts", "elements": _buttons(message)})
    blocks.append({"type": "context", "elements": [marked(_footer(message))]})
    return Post(text=f"{state}: {summary}", blocks=tuple(blocks))


def following(message: Message) -> Post:
    """What has happened, for the thread of the incident."""
    said = [part for part in (_told(message), _quoted(_own_words(message), NOTE_LIMIT)) if part]
    return Post(text="\n".join(said), blocks=tuple({"type": "section", "text": marked(part)} for part in said))


def alone(message: Message, *, interactive: bool) -> Post:
    """What has happened to an incident that has no message here to answer to: so it brings the incident along."""
    said, incident = following(message), beginning(message, interactive=interactive)
    about = f"{escaped(message.subject, FIELD_LIMIT)}: {said.text}"
    return Post(text=about, blocks=(*said.blocks, *incident.blocks))


def escaped(text: str, limit: int) -> str:
    """The text on one line, as text and nothing else, in at most `limit` characters."""
    return _escape(one_line(text, limit), limit)


def _quoted(text: str, limit: int) -> str:
    """The same for text of several lines."""
    lines = [one_line(line, limit) for line in text[: 4 * limit].splitlines()[:_LINES_LIMIT]]
    return _escape("\n".join(lines).strip(), limit)


def _escape(text: str, limit: int) -> str:
    """What Slack would read as markup, written so that it does not; what is cut is not cut within such a code."""
    pieces = [_ESCAPES.get(character, character) for character in text]
    if sum(map(_length, pieces)) <= limit:
        return "".join(pieces)
    kept, room = [], limit - 1
    for piece in pieces:
        room -= _length(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _length(piece: str) -> int:
    """In JSON, since the size of a message as a whole is that of its JSON."""
    return len(piece) + (piece in _LONGER_IN_JSON)


def _own_words(message: Message) -> str:
    """What a person wrote, without what is said already: a promise is, with times in the zone of the reader."""
    if message.action is Action.UPDATE:
        return ""
    if message.action is Action.ETA and message.eta is not None:
        return message.text.removeprefix(promised(message.eta)).removeprefix(": ")
    return message.text


def _told(message: Message) -> str:
    """What happened, who did it, and why."""
    by, why = escaped(message.by, FIELD_LIMIT), escaped(message.why, SUMMARY_LIMIT)
    who = f" by {by}" if by else ""
    match message.action:
        case Action.ACKNOWLEDGE:
            first = f"*Acknowledged*{who}"
        case Action.NOTE:
            first = f"*{by or 'Somebody'}*:"
        case Action.ETA:
            first = f"*{by or 'Somebody'}*: {_promise(message.eta, message.at)}"
        case Action.REMIND:
            first = f"*Reminder*: {_reminder(message)}"
        case Action.RESOLVE:
            first = f"*Resolved*{who}"
        case _ if message.text:
            first = f"*{by or 'Changed'}*: {escaped(message.text, SUMMARY_LIMIT)}"
        case _:
            summary = escaped(message.summary, SUMMARY_LIMIT)
            first = f"*{state_of(message)} \N{MIDDLE DOT} {message.priority}*{who}\n{summary}"
    return "\n".join(part for part in (first, why) if part)


def _promise(eta: ETA | None, at: datetime) -> str:
    """A time to recover in words: when, how sure, and when more is said."""
    if eta is None or eta.recover_at is None:
        said = "nobody knows yet when it will have recovered."
    else:
        said = f"expected to recover {_when(eta.recover_at, at)}, {eta.confidence} confidence."
    if eta is not None and eta.next_update_at is not None:
        said += f" Next update {_when(eta.next_update_at, at)}."
    return said


def _reminder(message: Message) -> str:
    update = message.eta.next_update_at if message.eta else None
    if message.responded_at is None and message.due is not None:
        late = "was due" if message.due <= message.at else "is due"
        return f"nobody has answered yet; a response {late} {_when(message.due, message.at)}."
    if update is not None and update <= message.at:
        return f"an update was promised {_when(update, message.at)}."
    return escaped(message.summary, SUMMARY_LIMIT)


def _facts(message: Message) -> Iterable[tuple[str, str]]:
    """What is worth a place of its own. What is missing and should not be says so while the incident is open."""
    labels, over, eta = message.labels, _over(message), message.eta
    if message.responded_at is not None:
        yield "Answered", time_of(message.responded_at)
    elif message.due is not None:
        yield "Response due", time_of(message.due)
    yield "Owner", escaped(message.owner, FIELD_LIMIT) or ("" if over else "nobody yet")
    if not over:
        eta = eta or ETA()
        sure = f" ({eta.confidence} confidence)"
        yield "Expected to recover", time_of(eta.recover_at) + sure if eta.recover_at else "not known yet"
        yield "Next update", time_of(eta.next_update_at) if eta.next_update_at else ""
    yield "Opened", time_of(message.opened_at)
    about = (where_of(message), "" if message.reported else message.scope)
    yield "Where", escaped(", ".join(part for part in about if part), FIELD_LIMIT)
    yield "Services", escaped(", ".join(message.services) or labels.get("service", ""), FIELD_LIMIT)


def _evidence(message: Message) -> Iterable[str]:
    """The figures behind it, and what failed last, a line each."""
    evidence = message.evidence
    if message.firing:
        yield escaped("Fires: " + ", ".join(f"{p.name} ({p.severity})" for p in sorted(message.firing)), EVIDENCE_LIMIT)
    rates = {window: rate for window, rate in evidence.burn_rates.items() if rate is not None and math.isfinite(rate)}
    burns = [f"{f'{rate:.3g}' if rate < 1000 else f'{rate:.0f}'}x over {window}" for window, rate in rates.items()]
    if burns:
        yield escaped("Burn rate: " + ", ".join(burns), EVIDENCE_LIMIT)
    figures = {"SLI": evidence.sli, "objective": evidence.objective, "budget left": evidence.remaining}
    known = [
        f"{name} {_percent(ratio)}" for name, ratio in figures.items() if ratio is not None and math.isfinite(ratio)
    ]
    if evidence.window and known:
        yield escaped(f"Over {evidence.window}: {', '.join(known)}", EVIDENCE_LIMIT)
    if why := reason(evidence):
        yield escaped(f"Last failure: {why}", EVIDENCE_LIMIT)


def _buttons(message: Message) -> list[Json]:
    offered = [(NOTE, "Note"), (PROMISE, "ETA"), (END_CHAT, "End chat")]
    if message.status == "triggered":
        offered.insert(0, (ACKNOWLEDGE, "Acknowledge"))
    return [
        {"type": "button", "action_id": name, "text": plain(label), "value": message.mark} for name, label in offered
    ]


def _footer(message: Message) -> str:
    return f"{linked(message, _URL_LIMIT, also=' in Watchkeep')} \N{MIDDLE DOT} as of {time_of(message.at)}"


def linked(message: Message, limit: int, *, also: str = "") -> str:
    """The number of the incident, as a link where one is known and is no longer than `limit`."""
    name, url = f"Incident {escaped(message.incident, FIELD_LIMIT)}", message.url.replace("|", "%7C")
    target = "".join(_ESCAPES.get(character, character) for character in url)
    if target and len(target) <= limit and target.isprintable():
        return f"<{target}|{name}{also}>"
    return name


def _over(message: Message) -> bool:
    return message.action is Action.RESOLVE or message.status == "resolved"


def state_of(message: Message) -> str:
    """A shape and a word, so that it is read without colours."""
    if _over(message):
        return _STATES["resolved"]
    return _STATES.get(message.status) or f"\N{WHITE CIRCLE} {escaped(message.status, 40).capitalize()}"


def _when(at: datetime, now: datetime) -> str:
    """A time, and how far away it is."""
    minutes = round((at - now) / timedelta(minutes=1))
    distance = duration_name(abs(minutes) * 60)
    return f"{time_of(at)} ({f'in {distance}' if minutes > 0 else f'{distance} ago' if minutes else 'now'})"


def time_of(at: datetime) -> str:
    """A time that Slack shows in the zone of the reader, and in UTC where it cannot."""
    at = at.astimezone(UTC)
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _percent(ratio: float) -> str:
    """Rounded down, so that what failed once never reads 100 %."""
    return f"{math.floor(round(ratio * 100_000, 6)) / 1000:g} %"


def plain(text: str) -> dict[str, Json]:
    """A text without any markup."""
    return {"type": "plain_text", "text": text, "emoji": False}


def marked(text: str) -> dict[str, Json]:
    """A text with the markup of Slack, in which nobody and nothing is looked for."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
