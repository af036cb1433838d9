"""The keys and the marks that the world outside knows incidents by."""

import hashlib
from datetime import UTC, datetime

KEY_LIMIT = 255
"""The longest deduplication key that PagerDuty takes, in characters."""

_KEY_CODES = str.maketrans({"%": "%25", ":": "%3A", "~": "%7E"})


def incident_key(*, customer: str, slo: str, scope: str, generation: int) -> str:
    """The deduplication key `customer:slo:scope:gN`; what is too long is replaced by its hash.

    A missing part is written as `-`, and what separates or marks is written as a percent code inside a part, so that
    different incidents never share a key.
    """
    body, tail = ":".join(_key_part(part) for part in (customer, slo, scope)), f":g{generation}"
    if len(body) + len(tail) > KEY_LIMIT:
        digest = hashlib.sha256(body.encode()).hexdigest()
        body = body[: KEY_LIMIT - len(tail) - len(digest) - 1] + "~" + digest
    return body + tail


def incident_mark(incident: str, opened_at: datetime) -> str:
    """What no other incident is marked with, be it of another watch: its id, and the millisecond at which it opened.

    The ids alone begin again with a new data folder, and go on from an earlier one with one that was restored.
    """
    return f"{incident}/{opened_at.astimezone(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


def _key_part(part: str) -> str:
    return "%2D" if part == "-" else part.translate(_KEY_CODES) or "-"
