"""The same recording through `watchkeep replay` and through the rule engine of Prometheus: when what fires.

promtool evaluates the rules that we write at simulated times. It is told what replay said at every step, and what it
finds different, it prints.
"""

import json
import re
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from click.testing import CliRunner

from slo.cli.main import cli
from slo.core.duration import parse_duration
from tests.replay.oracle import SECOND, SEVERITIES
from tests.replay.oracle_counts import Series
from tests.replay.recordings import Scenario
from tests.replay.scenarios import NEW_YEAR
from tests.services import program

Alert: TypeAlias = tuple[str, str]
"""The name of an SLO, and a severity."""
Changes: TypeAlias = Mapping[Alert, Sequence[int]]
"""When alerts begin to fire, and when they are resolved, by turns, in seconds from the beginning of the recording."""

RULES = "rules.yml"
_DIFFERENCE = re.compile(r' +expr: (".*"), time: (\w+),\n +exp: .*\n +got: .*\n')
_HEAD = re.compile(r"Unit Testing: +unit\.yml\s+(FAILED:|SUCCESS)")


def write(scenario: Scenario, folder: Path) -> None:
    """Write what both sides read: the configuration and the recording, and the rules that we make of it."""
    (folder / "config.yaml").write_text(scenario.config, encoding="utf-8")
    (folder / "samples.om").write_text(scenario.samples, encoding="utf-8")
    write_rules(folder)


def write_rules(folder: Path) -> None:
    """Write the rules that we make of the configuration in a folder."""
    (folder / RULES).write_text(watchkeep("rules", "-c", folder / "config.yaml"), encoding="utf-8")


def step_of(folder: Path) -> int:
    """How often (seconds) the rules are evaluated that alert. promtool knows none, so all SLOs have the same."""
    groups = yaml.safe_load((folder / RULES).read_text(encoding="utf-8"))["groups"]
    (step,) = {parse_duration(group["interval"]) for group in groups if "-alerts-" in group["name"]}
    return step // timedelta(seconds=1)


def replayed(folder: Path, step: int) -> Iterator[dict[str, Any]]:
    """What replay prints."""
    arguments = ["-c", folder / "config.yaml", "--samples", folder / "samples.om", "--step", f"{step}s", "--json"]
    return map(json.loads, watchkeep("replay", *arguments).splitlines())


def changes_of(scenario: Scenario, printed: Iterable[Mapping[str, Any]]) -> Changes:
    """What replay printed, as changes."""
    changes: dict[Alert, list[int]] = {(slo.name, one): [] for slo in scenario.objectives for one in SEVERITIES}
    for line in printed:
        if line["event"] == "alert":
            at = datetime.fromisoformat(line["at"]).timestamp()
            changes[line["slo"], line["severity"]].append(round(at - NEW_YEAR / SECOND))
    return changes


def ruled(scenario: Scenario, folder: Path, expected: Changes, step: int) -> Changes:
    """The changes by the rules. `expected` are those of replay: promtool prints only where it finds something else."""
    last = max(series.samples[-1][0] for series in scenario.recording)
    times = range(step, (last - NEW_YEAR) // SECOND + 1, step)
    told = {(alert, at): _fires(changes, at) for alert, changes in expected.items() for at in times}
    unit = {
        "rule_files": [RULES],
        "evaluation_interval": f"{step}s",
        "tests": [
            {
                "interval": "1s",
                "input_series": list(_input(scenario.recording)),
                "promql_expr_test": [
                    {
                        "expr": _firing(alert),
                        "eval_time": f"{at}s",
                        "exp_samples": [{"labels": "{}", "value": int(fires)}],
                    }
                    for (alert, at), fires in told.items()
                ],
            }
        ],
    }
    alerts = {_firing(alert): alert for alert in expected}
    for expression, time in _differences(folder, unit):
        at = parse_duration(time) // timedelta(seconds=1)
        told[alerts[expression], at] ^= True
    return {
        alert: [at for before, at in pairwise((0, *times)) if told.get((alert, before), False) != told[alert, at]]
        for alert in expected
    }


def watchkeep(*arguments: object) -> str:
    """What the command prints. A budget that is overspent is no failure."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code in {0, 1}, result.output + repr(result.exception)
    return result.stdout


def _fires(changes: Sequence[int], at: int) -> bool:
    return bisect_right(changes, at) % 2 == 1


def _firing(alert: Alert) -> str:
    slo, severity = alert
    firing = f'ALERTS{{alertstate="firing",sloth_id="{slo}",severity="{severity}"}}'
    return f"(count({firing}) or vector(0)) > bool 0"


def _differences(folder: Path, unit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The expressions of a test, with their times, that give something else than what the test expects."""
    (folder / "unit.yml").write_text(json.dumps(unit), encoding="utf-8")
    command = [program("promtool", package="prometheus"), "test", "rules", "unit.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    rest = _HEAD.sub("", _DIFFERENCE.sub("", done.stdout + done.stderr)).strip()
    assert not rest, f"promtool says something else than that figures differ: {rest}"
    return [(json.loads(expression), time) for expression, time in _DIFFERENCE.findall(done.stderr)]


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
