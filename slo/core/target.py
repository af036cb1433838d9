"""Targets as they are found: what is to be looked at, and what is known of it."""

from collections.abc import Mapping
from typing import NamedTuple


class Target(NamedTuple):
    """What was found: its address, as it is written there, and its labels, sorted by name."""

    address: str
    labels: tuple[tuple[str, str], ...] = ()


def target_of(address: str, labels: Mapping[str, str]) -> Target:
    """The target with these labels; those that begin with `__`, and empty ones, are none, as in Prometheus."""
    kept = ((name, value) for name, value in labels.items() if value and not name.startswith("__"))
    return Target(address, tuple(sorted(kept)))
