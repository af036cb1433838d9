"""The history that our rules are measured on is what they would have recorded, under the names that they read."""

import re

import numpy as np

from benchmarks._prometheus import Series
from benchmarks._rules import of_requests, recorded, rule_text

STEPS = 28 * 2880


def counters() -> tuple[Series, Series]:
    times = np.arange(STEPS + 1, dtype=np.float64) * 30
    good, bad = (
        Series(name=f'http_requests_total{{code="{code}"}}', times=times, values=np.arange(STEPS + 1.0) * each)
        for code, each in (("200", 9), ("500", 1))
    )
    return good, bad


def test_sums_of_windows_end_with_the_newest_step() -> None:
    history = {series.name: series for series in recorded("gate", *counters())}
    found = {
        tuple(re.findall(r'(?:entry|sloth_window)="([^"]*)"', name)): (series.values[-1], series.times[-1])
        for name, series in history.items()
        if name.startswith("slo:sli_events:sum")
    }
    assert {key: last for key, (last, _) in found.items() if key[1] in ("30s", "3d")} == {
        ("total", "30s"): 10,
        ("bad", "30s"): 1,
        ("known_seconds", "30s"): 30,
        ("total", "3d"): 86_400,
        ("bad", "3d"): 8640,
        ("known_seconds", "3d"): 259_200,
    }
    assert {at for _, at in found.values()} == {STEPS * 30.0}


def test_every_series_of_the_history_is_read_by_a_rule() -> None:
    text = rule_text([of_requests("gate")])
    for series in recorded("gate", *counters()):
        name, _, labels = series.name.partition("{")
        window = re.search(r'sloth_window="[^"]*"', labels)
        wanted = [name, 'sloth_id="gate-availability"', *([window[0]] if window else [])]
        assert any(
            all(part in line for part in wanted) for line in text.splitlines() if "expr" in line or "over_time" in line
        )
