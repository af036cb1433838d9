"""Letters: a notice as an email, in text and HTML, that stays in the thread of its incident.

The Message-ID is a function of the message, so that one that is sent twice is the same letter twice; that of the first
letter is a function of the lane and of the moment at which the incident opened: mailboxes drop what they have a letter
of, and lanes are called the same in every new journal.
Sources: RFC 5322 (3.6.4), RFC 2919 (List-Id), RFC 3834 (Auto-Submitted).
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slo.core.delivery import Action, Message
from slo.router.notice import Notice, notice_of
from slo.router.summary import one_line

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).parent / "letter.html"


def letter_id(message: Message, domain: str) -> str:
    """The Message-ID of the letter about a message."""
    if message.action is Action.TRIGGER:
        return thread_id(message, domain)
    return _id(f"{message.destination}\n{message.id}", domain)


def thread_id(message: Message, domain: str) -> str:
    """The Message-ID of the letter that begins the thread of a message."""
    return _id(f"{message.destination}\n{message.key}\n{message.opened_at.astimezone(UTC).isoformat()}", domain)


def letter_of(message: Message, *, sender: Address, to: Sequence[Address], list_id: str, thread: str) -> bytes:
    """The letter about a message as it goes over the wire, in ASCII; `thread` is the Message-ID of the first one."""
    notice = notice_of(message)
    letter = EmailMessage(policy=SMTP)
    letter["From"] = sender
    letter["To"] = tuple(to)
    letter["Subject"] = notice.subject
    letter["Date"] = message.at
    letter["Message-ID"] = letter_id(message, sender.domain)
    if message.action is not Action.TRIGGER:
        letter["In-Reply-To"] = thread
        letter["References"] = thread
    if list_id:
        letter["List-Id"] = f"<{list_id}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Watchkeep-Incident"] = one_line(message.incident)
    letter.set_content(text_of(notice), cte="quoted-printable")
    letter.add_alternative(_template().render(notice=notice), subtype="html", cte="quoted-printable")
    # It would be random: the same message is the same letter, to the byte.
    letter.set_boundary(f"watchkeep-{hashlib.sha256(message.id.encode()).hexdigest()[:32]}")
    return letter.as_bytes()


def text_of(notice: Notice) -> str:
    """A notice as plain text."""
    width = max((len(name) for name, _ in notice.facts), default=0) + 2
    parts = [f"{notice.state.shape} {notice.state.word}: {notice.headline}"]
    if notice.said:
        parts.append("\n".join(f"> {line}".rstrip() for line in notice.said.split("\n")))
    parts.append("\n".join(f"{name + ':':<{width}}{value}" for name, value in notice.facts))
    if notice.url:
        parts.append(notice.url)
    return "\n\n".join(parts) + "\n"


def _id(name: str, domain: str) -> str:
    return f"<{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:40]}@{domain}>"


@cache
def _template() -> "Template":
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
