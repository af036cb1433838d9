"""Thirty days of two services, the same but for when each fails for an hour: `peak` at noon, `night` at midnight.

Nights have a hundredth of the traffic of noon. Twenty minutes before the end are idle ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from tests.replay.oracle import SECOND
from tests.replay.scenarios import NEW_YEAR

BEGIN = NEW_YEAR // SECOND
END = BEGIN + 30 * 86_400
SCRAPED_EVERY = 60
PEAK = 100
"""Requests a second."""
OUTAGE_SECONDS = 3600
OUTAGES = {"peak": BEGIN + 20 * 86_400 + 19_800, "night": BEGIN + 20 * 86_400 + 64_800}
IDLE = range(END - 2400, END - 1200)
OBJECTIVE = 0.999


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests of one service in each interval between two scrapes."""

    service: str
    times: NDArray[np.int64]
    """When they were counted, Unix seconds."""
    all: NDArray[np.int64]
    bad: NDArray[np.int64]

    @property
    def spent(self) -> float:
        """The share of the budget that its events spent."""
        return float(self.bad.sum() / self.all.sum() / (1 - OBJECTIVE))

    def lines(self) -> Iterator[str]:
        """Its counters, in OpenMetrics."""
        for code, events in (("200", self.all - self.bad), ("500", self.bad)):
            labels = f'job="api",instance="{self.service}:80",service="{self.service}",code="{code}"'
            counts = events.cumsum().tolist()
            yield from (
                f"http_requests_total{{{labels}}} {count} {at}"
                for count, at in zip(counts, self.times.tolist(), strict=True)
            )


def month() -> Sequence[Requests]:
    """Both services."""
    times = np.arange(BEGIN, END + 1, SCRAPED_EVERY)
    day = np.maximum(0.0, np.sin(2 * np.pi * (times - BEGIN) / 86_400))
    events = np.round(PEAK * SCRAPED_EVERY * (0.01 + 0.99 * day)).astype(np.int64)
    events[(times > IDLE.start) & (times <= IDLE.stop)] = 0
    events[0] = 0
    return [
        Requests(
            service=service,
            times=times,
            all=events,
            bad=np.where((times > begins) & (times <= begins + OUTAGE_SECONDS), events, 0),
        )
        for service, begins in OUTAGES.items()
    ]


def write_month(folder: Path) -> Sequence[Requests]:
    """Write the recording, and a configuration with two SLOs of 99.9 % for each service: by events, and by slices."""
    services = month()
    slos = [slo for each in services for slo in (_slo(each.service), _slo(each.service, "ratio_timeslices"))]
    (folder / "config.yaml").write_text(yaml.safe_dump({"slos": slos}), encoding="utf-8")
    lines = ["# TYPE http_requests counter", *(line for each in services for line in each.lines()), "# EOF", ""]
    (folder / "samples.om").write_text("\n".join(lines), encoding="utf-8")
    return services


def _slo(service: str, method: str = "") -> dict[str, object]:
    total = f'http_requests_total{{service="{service}"}}'
    bad = f'http_requests_total{{service="{service}",code=~"5.."}}'
    return {
        "name": f"{service}-{method}" if method else service,
        "objective": f"{OBJECTIVE * 100:g}%",
        "window": "30d",
        "labels": {"service": service},
        "sli": {"counters": {"total": total, "bad": bad}},
        **({"budgeting": {"method": method}} if method else {}),
    }
