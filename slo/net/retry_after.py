"""When the other side of a request over HTTP wants to be asked again. Source: RFC 9110, section 10.2.3."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """What `Retry-After` asks for: seconds, or a date in the future. None where it asks for nothing understandable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return seconds if seconds > 0 else None
