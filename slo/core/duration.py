"""Durations as Prometheus writes them (`30s`, `1h30m`, `500ms`, `30d`): read, and named."""

import functools
import re
from datetime import timedelta

_UNITS = (
    ("y", timedelta(days=365)),
    ("w", timedelta(weeks=1)),
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
)

DURATION_PATTERN = "^(?=.)" + "".join(f"([0-9]{{1,9}}{unit})?" for unit, _ in _UNITS) + "$"
"""A regular expression for them: largest unit first, each at most once."""

_SPELLING = re.compile(DURATION_PATTERN.removesuffix("$") + r"\Z")


def parse_duration(text: str) -> timedelta:
    """The duration that `text` spells; `0` needs no unit. A day has 24 hours, a year 365 days. Raises ValueError."""
    if text == "0":
        return timedelta(0)
    match = _SPELLING.match(text)
    if not match:
        raise ValueError(f"{text!r} is no duration")
    parts = zip(match.groups(), _UNITS, strict=True)
    try:
        return sum((int(part.removesuffix(unit)) * length for part, (unit, length) in parts if part), timedelta(0))
    except OverflowError:
        raise ValueError(f"{text!r} is too long a time") from None


@functools.lru_cache(maxsize=1024)
def duration_name(seconds: float) -> str:
    """The shortest spelling in days, hours, minutes, seconds and milliseconds: `30d`, `1h30m`, `0s`.

    Weeks and years are left out, so that a window is called what people call it: `28d`. Anything finer is rounded.
    """
    milliseconds = round(seconds * 1000)
    left = timedelta(milliseconds=abs(milliseconds))
    parts = ["-"] if milliseconds < 0 else []
    for unit, length in _UNITS[2:]:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
