"""The rule engine of Prometheus over a recording, at simulated times, and where it says something else than expected.

promtool is told what each expression is to give at each time, and prints what it finds different.
"""

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from slo.core.duration import parse_duration
from tests.replay.oracle import SECOND
from tests.replay.oracle_counts import Series
from tests.replay.scenarios import NEW_YEAR
from tests.services import program

RULES = "rules.yml"

Question: TypeAlias = tuple[str, int]
"""An expression, and seconds after the beginning of all recordings."""

_DIFFERENCE = re.compile(r' +expr: (".*"), time: (\w+),\n +exp: .*\n +got: .*\n')
_HEAD = re.compile(r"Unit Testing: +unit\.yml\s+(FAILED:|SUCCESS)")


def differences(
    folder: Path,
    recording: Sequence[Series],
    expected: Mapping[Question, float],
    *,
    step: int,
    rule_files: Sequence[str] = (RULES,),
) -> set[Question]:
    """Where something else comes than the value that is expected. Rules are evaluated every `step` seconds."""
    unit = {
        "rule_files": list(rule_files),
        "evaluation_interval": f"{step}s",
        "group_eval_order": [group["name"] for file in rule_files for group in groups_in(folder / file)],
        "tests": [
            {
                "interval": "1s",
                "input_series": list(_input(recording)),
                "promql_expr_test": [
                    {"expr": expression, "eval_time": f"{at}s", "exp_samples": [{"labels": "{}", "value": value}]}
                    for (expression, at), value in expected.items()
                ],
            }
        ],
    }
    (folder / "unit.yml").write_text(json.dumps(unit), encoding="utf-8")
    command = [program("promtool", package="prometheus"), "test", "rules", "unit.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    rest = _HEAD.sub("", _DIFFERENCE.sub("", done.stdout + done.stderr)).strip()
    assert not rest, f"promtool says something else than that figures differ: {rest}"
    found = _DIFFERENCE.findall(done.stderr)
    return {(json.loads(expression), int(parse_duration(time).total_seconds())) for expression, time in found}


def groups_in(file: Path) -> list[dict[str, Any]]:
    """The groups of a file of rules."""
    groups: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    return groups


def _input(recording: Sequence[Series]) -> Iterator[Mapping[str, str]]:
    """The series as promtool writes them, a value a second. As in a live Prometheus, what a scrape lacks is stale."""
    scrapes: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for series in recording:
        scrapes[_target(series)] |= {at for at, _ in series.samples}
    for series in recording:
        values: dict[int, float | None] = dict(series.samples)
        missed = (at for at in scrapes[_target(series)] - values.keys() if at > series.samples[0][0])
        values |= dict.fromkeys(missed, None)
        labels = ", ".join(f'{name}="{value}"' for name, value in series.labels.items() if name != "__name__")
        yield {"series": f"{series.labels['__name__']}{{{labels}}}", "values": " ".join(_notation(values))}


def _notation(values: Mapping[int, float | None]) -> Iterator[str]:
    before = -1
    for at, value in sorted(values.items()):
        second = (at - NEW_YEAR) // SECOND
        if second - before > 1:
            yield f"_x{second - before - 1}"
        yield "stale" if value is None else repr(value)
        before = second


def _target(series: Series) -> tuple[str, ...]:
    return tuple(series.labels.get(label, "") for label in ("job", "instance"))
