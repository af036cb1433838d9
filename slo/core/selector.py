"""Placeholder until the real one is merged."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Matcher:
    """One condition on a label."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """Series by name and labels."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        inside = ",".join(f'{m.label}{m.operator}"{m.value}"' for m in self.matchers)
        return f"{self.metric}{{{inside}}}" if inside else self.metric


def parse_selector(text: str) -> Selector:
    """Read one."""
    match = re.fullmatch(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*", text)
    if not match:
        raise ValueError("is no series selector")
    found = re.findall(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"([^"]*)"', match[2] or "")
    return Selector(metric=match[1], matchers=tuple(Matcher(label=a, operator=b, value=c) for a, b, c in found))
