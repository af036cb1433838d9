"""What comes in from ticket systems: signatures, JSON, and the values in it. Nothing is read before it is verified."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slo.errors import Forged, Malformed
from slo.router.summary import one_line

BODY_LIMIT_BYTES = 1_048_576
"""The largest request that is read; a ticket with a long description has a tenth of it."""

FRESH = timedelta(minutes=5)
"""How old a request with a time in its signature may be, and how far ahead its clock."""


def digest_of(secret: str, signed: bytes) -> bytes:
    """The HMAC-SHA256 of what is signed."""
    return hmac.new(secret.encode(), signed, hashlib.sha256).digest()


def refuse_unless_same(expected: str, given: str) -> None:
    """Raise Forged for a signature that is not the expected one, in a time that does not tell where they differ."""
    if not hmac.compare_digest(expected.encode(), given.strip().encode(errors="replace")):
        raise Forged("the signature is not ours: compare the secret here with the one over there")


def refuse_unless_fresh(signed_at: datetime, now: datetime) -> None:
    """Raise Forged for what was signed too long ago, or is of the future: it may be a copy."""
    if abs(now - signed_at) > FRESH:
        raise Forged(
            f"it was signed at {signed_at:%Y-%m-%dT%H:%M:%SZ}, more than 5 minutes from now: is a clock wrong?"
        )


def refuse_unless_small(body: bytes) -> None:
    """Raise Malformed for what is too large to be about a ticket."""
    if len(body) > BODY_LIMIT_BYTES:
        raise Malformed(f"the body is larger than {BODY_LIMIT_BYTES} bytes")


def document_of(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body. Raises Malformed."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not valid JSON") from None
    if not isinstance(document, dict):
        raise Malformed("the body is not a JSON object")
    return document


def value_at(document: object, *path: str) -> object:
    """What stands under keys within keys; None where nothing does."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def text_at(document: object, *path: str) -> str:
    """A text, or a number as text; empty where there is none."""
    value = value_at(document, *path)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def line_at(document: object, *path: str) -> str:
    """A text as one line that can be stored and shown: a name, an id. Empty where there is none."""
    return one_line(text_at(document, *path))


def needed_at(document: object, *path: str) -> str:
    """A line that has to be there. Raises Malformed."""
    if line := line_at(document, *path):
        return line
    raise Malformed(f"{'.'.join(path)} is missing")


def items_at(document: object, *path: str) -> list[object]:
    """A list; empty where there is none."""
    value = value_at(document, *path)
    return value if isinstance(value, list) else []


def moment_of(text: str) -> datetime | None:
    """A time in ISO 8601, UTC where it names no zone; None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def past_of(text: str, now: datetime) -> datetime | None:
    """When something was done, as the other side says; not later than now, None where it does not say."""
    at = moment_of(text)
    return None if at is None else min(at, now)
