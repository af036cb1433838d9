"""Many incidents in one message of Slack: a line for each, with a link to where people work on it."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from slo.core.delivery import Message
from slo.router.page import Json
from slo.router.slack.blocks import Post, escaped, linked, marked, plain, state_of, time_of

LINE_LIMIT = 150
LINK_LIMIT = 100
LINES_A_SECTION = 8
"""So that a section stays below 3,000 characters, and 32 lines with their links below 12,000."""


def together(messages: Sequence[Message]) -> Post:
    """What is told of these at once: how many there are in which state, and each in the order in which they came."""
    counts = Counter(state_of(message) for message in messages)
    text = f"{len(messages)} incidents at once: " + ", ".join(f"{count} {state}" for state, count in counts.items())
    blocks: list[dict[str, Json]] = [{"type": "header", "text": plain(text[:150])}]
    for start in range(0, len(messages), LINES_A_SECTION):
        lines = map(_line, messages[start : start + LINES_A_SECTION])
        blocks.append({"type": "section", "text": marked("\n".join(lines))})
    footer = f"{_FOOTER} \N{MIDDLE DOT} as of {time_of(messages[-1].at)}"
    blocks.append({"type": "context", "elements": [marked(footer)]})
    return Post(text=text, blocks=tuple(blocks))


def brief(name: str) -> str:
    """The id of a message in 16 characters: all those of one message of Slack have to fit beside it."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


_FOOTER = "They came faster than a channel takes messages. What people do about one is told in a message of its own"


def _line(message: Message) -> str:
    said = f"{message.subject}: {message.text}" if message.text else message.summary or message.subject
    about = escaped(said, LINE_LIMIT)
    return " \N{MIDDLE DOT} ".join((state_of(message), message.priority, about, linked(message, LINK_LIMIT)))
