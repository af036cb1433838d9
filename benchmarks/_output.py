"""How a benchmark prints what it measured: one JSON object, or a line for each figure and its target."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure with its unit and the target that it must stay under, or reach, where it has one."""

    name: str
    value: float
    unit: str
    under: float | None = None
    above: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target. A target of 0 is met by 0."""
        if self.above is not None:
            return self.value >= self.above
        if self.under is None:
            return None
        return self.value < self.under or self.value == self.under == 0

    @property
    def target(self) -> str | None:
        """The target as people write it: `< 50`, `>= 10000`, `0`."""
        if self.above is not None:
            return f">= {self.above:g}"
        if self.under is None:
            return None
        return f"< {self.under:g}" if self.under else "0"


def arguments(name: str) -> argparse.ArgumentParser:
    """What every benchmark takes on its command line; one that takes more adds it, and parses before it measures."""
    parser = argparse.ArgumentParser(prog=f"./run bench {name}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def report(name: str, figures: list[Figure], about: Mapping[str, object], *, as_json: bool | None = None) -> None:
    """Print the figures of the benchmark `name`; `about` says what they were measured on.

    Without `as_json` the command line is asked.
    """
    if arguments(name).parse_args().json if as_json is None else as_json:
        measured = {
            figure.name: {"value": figure.value, "unit": figure.unit, "target": figure.target, "met": figure.met}
            for figure in figures
        }
        print(json.dumps({"bench": name, "about": dict(about), "figures": measured}))
        return
    for key, value in about.items():
        print(f"{key}: {value}")
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        target = "" if figure.target is None else f"  target {figure.target}: {'met' if figure.met else 'MISSED'}"
        print(f"{figure.name:<{width}}  {figure.value:>12,.3f} {figure.unit}{target}")
