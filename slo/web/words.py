"""Figures in words, for people: the same on the page and on the command line.

What is not known says so in words. A ratio is rounded down, so that an SLI with a single bad event never reads
100 %, and a budget that is barely overspent never reads 0 %.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

NOTHING = "no data"

STATES: Mapping[str, str] = {"burning": "Burning", "overspent": "Overspent", "no_data": "No data", "ok": "Up"}
"""The states of an SLO in words, the one that needs people most first."""

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def percent(ratio: float | None, *, digits: int = 3) -> str:
    """`99.95 %`, with at most `digits` decimals."""
    if ratio is None:
        return NOTHING
    steps = 10**digits
    value = math.floor(round(ratio * 100 * steps, 6)) / steps
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " %"


def burn(rate: float | None) -> str:
    """`14.4x`: how many times faster than allowed the budget burns."""
    if rate is None:
        return NOTHING
    digits = 2 if rate < 10 else 1 if rate < 100 else 0
    text = f"{rate:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if digits else text) + "x"


def maturity(known_seconds: float, window_seconds: float) -> str:
    """`6.2 of 30 days`: how much of the window there is knowledge of, in the window's own unit."""
    unit, length = next(((name, size) for name, size in _UNITS if window_seconds >= 2 * size), _UNITS[-1])
    known, whole = math.floor(known_seconds / length * 10) / 10, window_seconds / length
    return f"{known:.1f} of {whole:g} {unit}" if known < whole else f"{whole:g} {unit}"


def age(since: datetime, now: datetime) -> str:
    """`3 min`, `2 h 5 min`, `4 d 1 h`: how long ago that was."""
    return lasting(now - since) if now - since >= timedelta(minutes=1) else "just now"


def lasting(length: timedelta) -> str:
    """`4 s`, `3 min`, `2 h 5 min`, `4 d 1 h`: how long that is."""
    minutes = max(0, length // timedelta(minutes=1))
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{max(0, length // timedelta(seconds=1))} s"


def spent_in(exhaustion: datetime | None, now: datetime) -> str:
    """`spent in 3 h 5 min`: how long a budget lasts at the present rate. Empty for one that lasts, or is spent."""
    if exhaustion is None or exhaustion <= now:
        return ""
    minutes = math.ceil((exhaustion - now) / timedelta(minutes=1))
    return f"spent in {age(now, now + timedelta(minutes=minutes))}"


def contract_words(contract: Mapping[str, Any]) -> str:
    """`that of Acme (1f3a9c2b41d0): P0 1h, P1 1 business day; business days of Europe/London`, of its document."""
    whose = contract["title"] or contract["customer"]
    name = f"that of {whose}" if whose else "the usual one"
    times = ", ".join(f"{priority} {time}" for priority, time in contract["response"].items())
    cited = f", by {contract['agreement']}" if contract["agreement"] else ""
    days = f"{times}; business days of {contract['zone']}{cited}"
    if contract["digest"]:
        return f"{name} ({contract['digest'][:12]}): {days}"
    return f"{name}: {days} (it was opened before contracts went on record: this is the first that did)"


def minute(at: datetime) -> str:
    """`2026-01-01 00:01:30 UTC`."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
