"""Alerts that people have on the metrics of a server's own exporter, held by promtool against what we say."""

import json
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slo.core.sample import Sample
from slo.exposition.labels import label_text
from tests.services import program


@dataclass(frozen=True, kw_only=True)
class Minutes:
    """The same samples at every minute, so many of them, and the alerts that fire at the minute `at` of all."""

    samples: Iterable[Sample]
    count: int
    at: int
    alerts: Collection[str]


def fire_as_expected(rules: Path, folder: Path, *parts: Minutes) -> None:
    """Fails with promtool's words where the alerts of `rules` fire otherwise, while one part follows the other."""
    unit = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": list(_series(parts)),
                "promql_expr_test": [_firing(part.at, part.alerts) for part in parts],
            }
        ],
    }
    (folder / "unit.yml").write_text(json.dumps(unit), encoding="utf-8")
    command = [program("promtool", package="prometheus"), "test", "rules", "unit.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _series(parts: Collection[Minutes]) -> Iterator[Mapping[str, str]]:
    """The minutes as promtool reads them."""
    said = [
        ({(sample.name, label_text(sample.labels)): sample.value for sample in part.samples}, part.count)
        for part in parts
    ]
    for name, labels in sorted({key for series, _ in said for key in series}):
        text = f'{labels},instance="server"' if labels else 'instance="server"'
        values = [value for series, count in said for value in [series.get((name, labels))] * count]
        yield {"series": f"{name}{{{text}}}", "values": " ".join("stale" if v is None else f"{v!r}" for v in values)}


def _firing(minute: int, alerts: Collection[str]) -> Mapping[str, object]:
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(alerts)]
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}
