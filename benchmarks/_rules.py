"""Our own rules of the SLOs that `_sloth.of_requests` has, and what a Prometheus with them would have recorded.

The history holds what the rules read of the past, and no more: six hours of steps, 18 hours of six hours, two days of
days, 27 days of three days, each with the quarter of an hour in which an older one is looked up.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks._paging import OBJECTIVE, PAIRS, WINDOW
from benchmarks._prometheus import Series
from slo.core.selector import parse_selector
from slo.core.sli import CountersSLI
from slo.core.slo import SLO
from slo.interop.prometheus.files import as_yaml, rule_file
from slo.interop.prometheus.rules import rules

STEP = timedelta(seconds=30)
PATIENCE = timedelta(minutes=15)
WINDOWS = {
    STEP: timedelta(hours=6),
    timedelta(hours=6): timedelta(hours=18),
    timedelta(days=1): timedelta(days=2),
    timedelta(days=3): timedelta(days=27),
}
"""The windows whose past is read, and how far back."""
NAMES = {STEP: "30s", timedelta(hours=6): "6h", timedelta(days=1): "1d", timedelta(days=3): "3d"}


def of_requests(service: str) -> SLO:
    """The share of the requests to a service that were answered with 5xx."""
    total = f'http_requests_total{{service="{service}"}}'
    bad = f'http_requests_total{{service="{service}",code=~"5.."}}'
    return SLO(
        name=f"{service}-availability",
        objective=OBJECTIVE,
        window=WINDOW,
        sli=f"counters:{service}",
        definition=CountersSLI(total=parse_selector(total), part=parse_selector(bad), part_is="bad"),
        labels={"service": service},
        pairs=PAIRS,
    )


def rule_text(slos: Iterable[SLO]) -> str:
    """The file that `watchkeep rules` writes of them."""
    written = rules(slos, now=datetime.now(UTC), slot=timedelta(seconds=10))
    if written.omissions:
        raise SystemExit(f"not in the rules: {', '.join(map(str, written.omissions))}")
    return as_yaml(rule_file(written), written)


def recorded(service: str, good: Series, bad: Series) -> Iterator[Series]:
    """The past of the ledger `slo:sli_events:sum`, and when the target was seen last."""
    identity = f'sloth_id="{service}-availability"'
    steps = len(bad.times) - 1
    entries = {
        "total": np.diff(good.values + bad.values),
        "bad": np.diff(bad.values),
        "known_seconds": np.full(steps, STEP.total_seconds()),
    }
    for window, past in WINDOWS.items():
        length, kept = window // STEP, (past + PATIENCE) // STEP
        for entry, increments in entries.items():
            sums = np.concatenate(([0.0], np.cumsum(increments)))
            values = (sums[length:] - sums[:-length])[-kept:]
            name = f'slo:sli_events:sum{{{identity},entry="{entry}",sloth_window="{NAMES[window]}"}}'
            yield Series(name=name, times=bad.times[-len(values) :], values=values)
    hour = timedelta(hours=1) // STEP
    times = bad.times[-hour:]
    yield Series(name=f"slo:sli_seen:timestamp_seconds{{{identity}}}", times=times, values=times)
