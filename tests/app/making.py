"""What the tests of the app are made of: time that they move, SLOs with short windows, books over a file."""

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from slo.app.books import Books
from slo.core.counts import Counts
from slo.core.policy import Pair, Severity
from slo.core.slo import SLO
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock

START = 1_767_225_600  # 2026-01-01T00:00:00Z
GOOD = Counts(good=1, covered_ms=10_000)
BAD = Counts(bad=1, covered_ms=10_000)


class Time:
    """The two sources of a clock, in the hands of the test. `wall` moves with the time that passes, and by leaps."""

    def __init__(self, at: float = START) -> None:
        self._wall_ns = round(at * 1e9)
        self._monotonic_ns = 0

    def passes(self, seconds: float) -> None:
        self._wall_ns += round(seconds * 1e9)
        self._monotonic_ns += round(seconds * 1e9)

    def wall_leaps(self, seconds: float) -> None:
        self._wall_ns += round(seconds * 1e9)

    def clock(self) -> SteadyClock:
        """The clock of a process that starts now."""
        return SteadyClock(wall_ns=lambda: self._wall_ns, monotonic_ns=lambda: self._monotonic_ns)


def an_slo(
    sli: str = "probe:gate",
    *,
    name: str = "",
    window: timedelta = timedelta(hours=1),
    long_seconds: int = 60,
    short_seconds: int = 20,
    hold_seconds: int = 0,
) -> SLO:
    """An SLO of 90 % that fires when more than half of both windows is bad."""
    pair = Pair(
        long=timedelta(seconds=long_seconds),
        short=timedelta(seconds=short_seconds),
        budget=Fraction(5 * long_seconds, int(window.total_seconds())),
        severity=Severity.PAGE,
        hold=timedelta(seconds=hold_seconds),
    )
    return SLO(
        name=name or sli.removeprefix("probe:"), objective=Fraction(9, 10), window=window, sli=sli, pairs=(pair,)
    )


def books(
    folder: Path, time: Time, slos: Sequence[SLO] = (), *, slot_seconds: int = 10, telemetry: Telemetry | None = None
) -> Books:
    """Opened books of a process that starts now. A process that was killed is one that is not used any more."""
    made = Books(
        folder / "ledger.db",
        slot_seconds=slot_seconds,
        retention=timedelta(days=90),
        max_bytes=2_000_000_000,
        clock=time.clock(),
        telemetry=telemetry or Telemetry(),
    )
    made.open(slos or [an_slo()])
    return made


def sample(telemetry: Telemetry, name: str, **labels: str) -> float:
    """The value of one of our own metrics; 0 where it was never touched."""
    return telemetry.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """For this process every disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
