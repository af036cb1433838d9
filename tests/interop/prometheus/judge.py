"""The same recording through `watchkeep replay` and through our rules in promtool: when what fires."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from click.testing import CliRunner

from slo.cli.main import cli
from slo.core.duration import parse_duration
from tests.interop.prometheus.simulated import RULES, differences, groups_in
from tests.replay.oracle import SECOND, SEVERITIES
from tests.replay.recordings import Scenario
from tests.replay.scenarios import NEW_YEAR

Alert: TypeAlias = tuple[str, str]
"""The name of an SLO, and a severity."""
Changes: TypeAlias = Mapping[Alert, Sequence[int]]
"""When alerts begin to fire, and when they are resolved, by turns, in seconds from the beginning of the recording."""

ALERTING = "alerting.yml"


def write(scenario: Scenario, folder: Path) -> None:
    """Write what both sides read: the configuration and the recording, and the rules that we make of it."""
    (folder / "config.yaml").write_text(scenario.config, encoding="utf-8")
    (folder / "samples.om").write_text(scenario.samples, encoding="utf-8")
    write_rules(folder)


def write_rules(folder: Path) -> None:
    """Write the rules that we make of the configuration in a folder."""
    (folder / RULES).write_text(watchkeep("rules", "-c", folder / "config.yaml"), encoding="utf-8")


def step_of(folder: Path) -> int:
    """How often (seconds) the rules are evaluated that alert, of all SLOs alike: promtool knows no intervals."""
    (step,) = {group["interval"] for group in _alerting(folder)}
    return int(parse_duration(step).total_seconds())


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
    """The changes by the rules. `expected` are those of replay: promtool prints only where it finds something else.

    Figures for people are left out, as no alert reads them.
    """
    (folder / ALERTING).write_text(json.dumps({"groups": _alerting(folder)}), encoding="utf-8")
    last = max(series.samples[-1][0] for series in scenario.recording)
    times = range(step, (last - NEW_YEAR) // SECOND + 1, step)
    told = {(_fires(alert), at): bisect_right(expected[alert], at) % 2 for alert in expected for at in times}
    for question in differences(folder, scenario.recording, told, step=step, rule_files=[ALERTING]):
        told[question] ^= 1
    return {
        alert: [at for before, at in pairwise((0, *times)) if told.get((fires, before), 0) != told[fires, at]]
        for alert, fires in ((alert, _fires(alert)) for alert in expected)
    }


def watchkeep(*arguments: object) -> str:
    """What the command prints. A budget that is overspent is no failure."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exit_code in {0, 1}, result.output + repr(result.exception)
    return result.stdout


def _alerting(folder: Path) -> list[dict[str, Any]]:
    return [group for group in groups_in(folder / RULES) if "-alerts-" in group["name"]]


def _fires(alert: Alert) -> str:
    slo, severity = alert
    firing = f'ALERTS{{alertstate="firing",sloth_id="{slo}",severity="{severity}"}}'
    return f"(count({firing}) or vector(0)) > bool 0"
