"""The same outage, seen by two: seconds from the outage to the accepted page, in real time.

A small HTTP server with good history is killed. It is watched by `watchkeep run` with a probe every 15 s, and by
Debian's blackbox exporter, Prometheus (scrapes and rules every 15 s, the rules that Sloth writes) and Alertmanager
(30 s of group wait). The clock runs from the kill until PagerDuty's stand-in has accepted the trigger.

History is an hour, which leaves the policy's window of six hours young, and six hours, which does not. Each round has
a target, processes and data of its own. The rounds run side by side, since all of them mostly sleep, and break their
targets at as many places of the 15 s.
"""

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks._output import Figure, arguments, report
from benchmarks._paging import PagerDuty, bound_seconds, needed_seconds, pagerduty
from benchmarks._process import have_debian_packages, started
from benchmarks._sides import GROUP_WAIT_SECONDS, INTERVAL_SECONDS, PACKAGES, SLOT_SECONDS, Side, ours, theirs
from slo.core.duration import duration_name

ROUNDS = 3
HISTORIES = (3600, 6 * 3600)
READY_SECONDS = 120
PATIENCE_SECONDS = 240

Waits = Sequence[tuple[float, float]]
"""The seconds from the outage to the accepted page of each round: ours, theirs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A target, and the two that watch it; it is killed `phase` seconds after a whole interval."""

    phase: float
    history_seconds: int
    target: subprocess.Popen[str]
    ours: Side
    theirs: Side


def phases(rounds: int) -> list[float]:
    """The places of the interval at which the targets of so many rounds break, evenly spread (seconds)."""
    return [INTERVAL_SECONDS * index / rounds for index in range(rounds)]


def next_whole(now: float) -> float:
    """The first whole interval since the epoch from `now` on (Unix seconds)."""
    return now + -now % INTERVAL_SECONDS


def begin(stack: ExitStack, folder: Path, vendor: PagerDuty, *, phase: float, history_seconds: int) -> Round:
    """Start what a round consists of; its folder gives it its name."""
    process = stack.enter_context(started(sys.executable, "-m", "benchmarks._target"))
    assert process.stdout
    target = f"http://127.0.0.1:{int(process.stdout.readline())}/health"

    def key(side: str) -> str:
        return f"{side}{folder.name}".replace("-", "r").ljust(32, "x")

    other = theirs(folder / "theirs", target, vendor, key=key("theirs"), history_seconds=history_seconds)
    own = ours(folder / "ours", target, vendor, key=key("ours"), history_seconds=history_seconds)
    return Round(
        phase=phase,
        history_seconds=history_seconds,
        target=process,
        theirs=stack.enter_context(other),
        ours=stack.enter_context(own),
    )


def measure(folder: Path, rounds: int) -> dict[int, Waits]:
    """Play the outage so often with each history (seconds)."""
    with ExitStack() as stack:
        vendor = stack.enter_context(pagerduty(folder / "pagerduty"))
        playing = [
            begin(stack, folder / f"{duration_name(history)}-{number}", vendor, phase=phase, history_seconds=history)
            for number, phase in enumerate(phases(rounds), start=1)
            for history in HISTORIES
        ]
        sides = [side for one in playing for side in (one.ours, one.theirs)]
        wait(sides, lambda side: side.watches(), "does not know its history or its target", READY_SECONDS)
        broke = break_targets(playing)
        pages: dict[str, float] = {}

        def paged(side: Side) -> bool:
            return side.routing_key in pages

        def look() -> None:
            for at, event in vendor.triggers():
                pages.setdefault(event["routing_key"], at)

        wait(sides, paged, "did not page", PATIENCE_SECONDS, look)

    def waited(side: Side) -> float:
        return pages[side.routing_key] - broke[side.routing_key]

    return {
        history: [(waited(one.ours), waited(one.theirs)) for one in playing if one.history_seconds == history]
        for history in HISTORIES
    }


def break_targets(rounds: Sequence[Round]) -> dict[str, float]:
    """Kill each target in its phase; when (Unix seconds), by the routing keys of those that watched it."""
    whole = next_whole(time.time())
    broke: dict[str, float] = {}
    for one in sorted(rounds, key=lambda one: one.phase):
        time.sleep(max(0.0, whole + one.phase - time.time()))
        one.target.kill()
        broke |= dict.fromkeys((one.ours.routing_key, one.theirs.routing_key), time.time())
    return broke


def wait(
    sides: Sequence[Side],
    ready: Callable[[Side], bool],
    otherwise: str,
    seconds: float,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Return when all sides are ready; end with what those that are not said last when that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        look()
        sides = [side for side in sides if not ready(side)]
        if not sides:
            return
        if time.monotonic() > deadline:
            faults = (f"{side.name} {otherwise} within {seconds:g} s\n{side.last_words()}" for side in sides)
            raise SystemExit("\n".join(faults))
        time.sleep(0.5)


def figures(waits: Mapping[int, Waits]) -> list[Figure]:
    """The figures of both sides with each history, and their ratios."""
    found = [Figure(name="the policy needs an outage of", value=needed_seconds(), unit="s")]
    bound = bound_seconds(slot=SLOT_SECONDS, interval=INTERVAL_SECONDS)
    for history, pairs in waits.items():
        own, other = zip(*pairs, strict=True)
        name = f"{duration_name(history)} of history: "
        found += [
            *spread(f"{name}ours", own, bound),
            *spread(f"{name}theirs", other, None),
            Figure(
                name=f"{name}ours / theirs, medians",
                value=statistics.median(own) / statistics.median(other),
                unit="",
                under=1,
            ),
        ]
    return found


def spread(name: str, waits: Sequence[float], bound: float | None) -> list[Figure]:
    """The fastest, the median and the slowest, which must stay under the bound."""
    return [
        Figure(name=f"{name}, fastest", value=min(waits), unit="s"),
        Figure(name=f"{name}, median", value=statistics.median(waits), unit="s"),
        Figure(name=f"{name}, slowest", value=max(waits), unit="s", under=bound),
    ]


def main() -> None:
    """Measure and print."""
    parser = arguments("detection")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="outages to measure (default: %(default)s)")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error("--rounds takes a number from 1 on")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    have_debian_packages(*PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        waits = measure(Path(folder), asked.rounds)
    about = {
        "measured": "seconds from the outage to the page accepted at PagerDuty's stand-in, google-30d",
        "ours": f"probe every {INTERVAL_SECONDS} s, slots of {SLOT_SECONDS} s",
        "theirs": f"scrape and rules every {INTERVAL_SECONDS} s, group wait {GROUP_WAIT_SECONDS} s",
        "rounds": asked.rounds,
    }
    report("detection", figures(waits), about, as_json=asked.json)


if __name__ == "__main__":
    main()
