"""The types of configuration values: how a scalar is written in YAML, and what it becomes.

Kinds build their `Config` of them. What a value cannot be is said by `wrong`, with what to write instead.
"""

import re
from datetime import timedelta
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from slo.config.hosts import HostPort
from slo.config.moments import Moment, Zone
from slo.config.pattern import Pattern
from slo.config.secret import Secret
from slo.config.section import KindConfig, Section
from slo.config.urls import HTTPURL
from slo.config.wrong import shown, wrong
from slo.core.duration import DURATION_PATTERN, parse_duration
from slo.core.matching import Matcher, parse_matcher
from slo.core.selector import Selector, parse_selector

__all__ = [
    "HTTPURL",
    "Duration",
    "HostPort",
    "KindConfig",
    "MatcherText",
    "Moment",
    "Objective",
    "Pattern",
    "PositiveDuration",
    "Ratio",
    "Secret",
    "Section",
    "SelectorText",
    "Size",
    "Zone",
    "wrong",
]

LONGEST = timedelta(days=3660)
"""The longest duration: added to any time of today, it is still a time."""

_DURATION_MEND = "write it with units, as in 30s, 5m, 1h30m or 30d"


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if type(value) is int and value > 0:
        raise wrong(f"{value} is no duration", f"write its unit: {value}s if you mean seconds")
    try:
        duration = parse_duration(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is no duration", _DURATION_MEND) from None
    if duration > LONGEST:
        raise wrong(f"{shown(value)} is longer than ten years", "write less")
    return duration


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}], "examples": ["30s"]}),
]
"""A duration in Prometheus's syntax, zero included."""


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise wrong("is no time at all", "write a duration that is longer than nothing")
    return value


PositiveDuration = Annotated[
    Duration,
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s"]}),
]
"""A duration in Prometheus's syntax, longer than nothing."""

_PERCENT = r"(100(\.0{1,15})?|[0-9]{1,2}(\.[0-9]{1,15})?)\s?%"
_RATIO = r"(0|1|[01]?\.[0-9]{1,15})"
_NUMBER = re.compile(r"([0-9]{1,15}(\.[0-9]{1,15})?|\.[0-9]{1,15})\Z")


def _ratio(value: object) -> Fraction:
    """`99.9%` and `0.999` are the same, exactly. What could be meant either way is refused."""
    if isinstance(value, Fraction):
        return value
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise wrong(f"{shown(value)} is no share", "write a percentage as 99.9%, or a ratio as 0.999")
    number = re.sub(r"\s?%\Z", "", text)
    if "e-" in number:  # as Python spells small floats
        number = f"{float(number):.15f}".rstrip("0")
    if not _NUMBER.match(number):
        raise wrong(f"{shown(value)} is no share", "write a percentage as 99.9%, or a ratio as 0.999")
    if text.endswith("%"):
        share = Fraction(number) / 100
        if share > 1:
            raise wrong(f"{text} is more than the whole", "write a percentage up to 100%")
        return share
    if Fraction(number) > 1:
        raise wrong(f"{text} is no ratio between 0 and 1", f"write {text}% if you mean a percentage")
    return Fraction(number)


def _share_schema(*examples: str | float) -> WithJsonSchema:
    number = {"type": "number", "minimum": 0, "maximum": 1}
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^({_PERCENT}|{_RATIO})$"}, number], "examples": [*examples]}
    )


Ratio = Annotated[Fraction, BeforeValidator(_ratio), _share_schema("2%", 0.02)]
"""A share of a whole, `2%` or `0.02`, exact, from 0 to 1."""


def _objective(value: Fraction) -> Fraction:
    if value == 1:
        raise wrong("is 100 %, which leaves no error budget", "write what may really be promised, as 99.9%")
    if value == 0:
        raise wrong("is 0 %, which promises nothing", "write the share of good events that is promised, as 99.9%")
    return value


Objective = Annotated[Ratio, AfterValidator(_objective), _share_schema("99.9%", 0.999)]
"""The share of good events that is promised: `99.9%` or `0.999`, exact, less than the whole."""

_SIZE_UNITS = {"B": 1} | {
    f"{prefix}{infix}B": base**power
    for power, prefix in enumerate("KMGTP", start=1)
    for infix, base in (("", 1000), ("i", 1024))
}
SIZE_FORMAT = "size"
"""What the schema of a size has as its format."""

_SIZE = rf"([0-9]{{1,12}}(?:\.[0-9]{{1,6}})?)\s?({'|'.join(_SIZE_UNITS)})"


class _Bytes(int):
    """A size that was read, and may be taken again: a plain number has no unit."""


def _size(value: object) -> int:
    if isinstance(value, _Bytes):
        return value
    match = re.fullmatch(_SIZE, value) if isinstance(value, str) else None
    if not match:
        raise wrong(f"{shown(value)} is no size", "write it with its unit, as in 512KB, 100MB, 2GB or 2GiB")
    return int(Fraction(match[1]) * _SIZE_UNITS[match[2]])


Size = Annotated[
    int,
    BeforeValidator(_size),
    AfterValidator(_Bytes),
    WithJsonSchema({"type": "string", "format": SIZE_FORMAT, "pattern": f"^{_SIZE}$", "examples": ["2GB"]}),
]
"""A number of bytes: `2GB` is 2 x 1000^3, `2GiB` is 2 x 1024^3."""


def size_name(size: int) -> str:
    """A number of bytes with the largest decimal unit that divides it: `2GB`."""
    power, prefix = max((power, prefix) for power, prefix in enumerate(["", *"KMGTP"]) if size % 1000**power == 0)
    return f"{size // 1000**power}{prefix}B"


def _selector(value: object) -> Selector:
    if isinstance(value, Selector):
        return value
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is no selector", "write the series as http_requests_total{code=~'5..'}")
    try:
        return parse_selector(value)
    except ValueError as error:
        problem, _, mend = str(error).partition("; ")
        raise wrong(f"is no selector: {problem}", mend) from None


SelectorText = Annotated[
    Selector,
    BeforeValidator(_selector),
    WithJsonSchema({"type": "string", "examples": ['http_requests_total{service="api",code=~"5.."}']}),
]
"""A selector of series, as PromQL writes it."""


def _matcher(value: object) -> Matcher:
    if isinstance(value, Matcher):
        return value
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is no matcher", "write it as service=gate, or one of !=, =~ and !~")
    try:
        return parse_matcher(value)
    except ValueError as error:
        problem, _, mend = str(error).partition("; ")
        raise wrong(f"is no matcher: {problem}", mend) from None


MatcherText = Annotated[
    Matcher,
    BeforeValidator(_matcher),
    WithJsonSchema({"type": "string", "examples": ["service=gate", 'severity=~"page|ticket"']}),
]
"""A condition on a label, as Alertmanager writes it."""
