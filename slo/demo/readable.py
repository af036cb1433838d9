"""What the stand-ins recorded as people would read it there: Slack's markup, Jira's documents, letters."""

import re
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from typing import Any

SHOWN_FIELDS = ("Response due", "Owner", "Expected to recover")
"""Of what the first message in Slack shows: what the engineer looks for."""


def slack_text(text: str) -> str:
    """Text of Slack without its marks; a time in UTC, as where Slack cannot show it in the reader's zone."""
    text = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", text).replace("*", "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def fields_of(message: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a message that are worth a line here, as `Response due: 2026-01-01 04:01 UTC`."""
    for block in message["blocks"]:
        for field in block.get("fields", ()):
            name, _, value = slack_text(field["text"]).partition("\n")
            if name in SHOWN_FIELDS:
                yield f"{name}: {value}"


def comment_text(comment: Mapping[str, Any]) -> str:
    """The first paragraph of a comment in Jira."""
    return next((text for block in comment["body"]["content"] if (text := "".join(_texts(block)))), "")


def first_line(letter: EmailMessage) -> str:
    """What a letter begins with, in its text."""
    body = letter.get_body(("plain",))
    lines = body.get_content().strip().splitlines() if body else []
    return lines[0] if lines else ""


def _texts(node: Mapping[str, Any]) -> Iterator[str]:
    yield node.get("text", "")
    for child in node.get("content", ()):
        yield from _texts(child)
