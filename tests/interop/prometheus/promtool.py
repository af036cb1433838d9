"""Rules judged by promtool: the samples of a service go in, and it says what is recorded and what fires.

    service = Service(rules_of(requests()))
    service.series["http_requests_total{code='200'}"] = counter([100] * 60)
    service.at("30m", figure("slo:period_error_budget_remaining:ratio", 1.0))
    service.at("31m", firing("page 1h/5m"))
    service.judge(tmp_path)

One sample every 30 s, which is also how often the rules are evaluated. Sample 0 is at 0s.
"""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from slo.config.load import load
from slo.core.duration import duration_name, parse_duration
from slo.interop.prometheus.alerts import ALERT
from slo.interop.prometheus.files import as_yaml, rule_file
from slo.interop.prometheus.rules import Rules, rules
from slo.kinds import Kinds
from tests.services import program

STEP = timedelta(seconds=30)
STALE = "stale"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Value = float | str | None
"""A sample: a number, `stale`, or None where there is none."""


def rules_of(folder: Path, *slos: Mapping[str, object], now: datetime = NOW, **rest: object) -> Rules:
    """The rules of a configuration with these SLOs, and whatever else it has."""
    path = folder / "watchkeep.yaml"
    path.write_text(yaml.safe_dump({**rest, "slos": list(slos)}), encoding="utf-8")
    settings = load(path, Kinds.installed(), {})
    return rules(settings.slos, now=now, slot=settings.slot, exclusions=settings.exclusions)


def requests(**changes: object) -> dict[str, object]:
    """An SLO of 99.9 % over 30 days, by the policy google-30d, of the requests that are answered with 5xx."""
    return {
        "name": "api-availability",
        "objective": "99.9%",
        "window": "30d",
        "sli": {"counters": {"total": "http_requests_total", "bad": 'http_requests_total{code=~"5.."}'}},
        "labels": {"service": "api"},
        **changes,
    }


def counter(increments: Iterable[float], *, start: float = 0) -> list[Value]:
    """A counter that begins at `start`, and then grows by these increments, one a step."""
    return list(accumulate(increments, initial=start))


def born(increments: Iterable[float]) -> list[Value]:
    """A counter that is not there before the first step in which it has something to count."""
    return [value or None for value in accumulate(increments, initial=0)]


def steps(length: str) -> int:
    """How many steps a duration has."""
    return parse_duration(length) // STEP


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What an expression gives: values by labels, as promtool writes them."""

    expression: str
    samples: Mapping[str, float]


def figure(expression: str, value: float | None, *, places: int = 6) -> Expectation:
    """One value without regard to its labels, or none at all."""
    samples = {} if value is None else {"{}": float(round(value * 10**places))}
    return Expectation(expression=f"round(sum({expression}) * 1e{places})", samples=samples)


def firing(*pairs: str, by: Sequence[str] = ()) -> Expectation:
    """The pairs that fire, and no others: `page 1h/5m`, with values of the labels `by` before them: `eu page 1h/5m`."""
    samples = {}
    for pair in pairs:
        *values, severity, windows = pair.split()
        long, short = windows.split("/")
        labels = {
            "severity": severity,
            "long_window": long,
            "short_window": short,
            **dict(zip(by, values, strict=True)),
        }
        samples["{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"] = 1.0
    told = ", ".join(("severity", "long_window", "short_window", *by))
    return Expectation(expression=f'count by ({told}) (ALERTS{{alertstate="firing"}})', samples=samples)


@dataclass
class Service:
    """The samples of a service, and what is expected of its rules."""

    rules: Rules
    series: dict[str, Sequence[Value]] = field(default_factory=dict)
    expected: list[tuple[timedelta, Expectation]] = field(default_factory=list)
    alerting: list[dict[str, Any]] = field(default_factory=list)

    def at(self, time: str | timedelta, *expectations: Expectation) -> None:
        """Expect all of these at a time."""
        when = parse_duration(time) if isinstance(time, str) else time
        self.expected += [(when, each) for each in expectations]

    def alerts(self, time: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Expect one alert at a time, with all its labels and annotations."""
        alert = {"exp_labels": dict(labels), "exp_annotations": dict(annotations)}
        self.alerting.append({"eval_time": time, "alertname": ALERT, "exp_alerts": [alert]})

    def judge(self, folder: Path) -> None:
        """Have promtool say whether all of it is so. Fails with its words."""
        (folder / "rules.yml").write_text(as_yaml(rule_file(self.rules), self.rules), encoding="utf-8")
        (folder / "unit.yml").write_text(yaml.safe_dump(self._unit()), encoding="utf-8")
        command = [program("promtool", package="prometheus"), "test", "rules", "unit.yml"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _unit(self) -> dict[str, Any]:
        every = duration_name(STEP.total_seconds())
        test = {
            "interval": every,
            "input_series": [
                {"series": series, "values": " ".join("_" if value is None else str(value) for value in values)}
                for series, values in self.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": expectation.expression,
                    "eval_time": duration_name(when.total_seconds()),
                    "exp_samples": [
                        {"labels": labels, "value": value} for labels, value in expectation.samples.items()
                    ],
                }
                for when, expectation in self.expected
            ],
            "alert_rule_test": self.alerting,
        }
        return {
            "rule_files": ["rules.yml"],
            "evaluation_interval": every,
            "group_eval_order": [group.name for group in self.rules.groups],
            "tests": [test],
        }
