"""Pages in a storm: seconds from the alert to the accepted page of a P0 while 10,000 other alerts arrive.

Slack answers 429 all the time. The P0 alerts come one by one, less than 60 a minute; the others over a minute, and all
at once. The clock runs from the POST of each P0 until PagerDuty's stand-in has accepted its trigger. The same sender
sends the same to `watchkeep run` with slots of 1 s, and to Debian's Alertmanager: with its usual waits, and with pages
that wait for nothing. They run one after the other. Alertmanager keeps no incidents, no clocks and no record: what it
takes for a page is the bound of what can be had.
"""

import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import _alertmanager
from benchmarks._histogram import grown, quantile
from benchmarks._output import Figure, arguments, report
from benchmarks._paging import PagerDuty, pagerduty
from benchmarks._process import Server, cpu_seconds, have_debian_packages, peak_resident_bytes, scrape, started
from benchmarks._routers import GROUP_BY, PROBES, SLOT_SECONDS, Slack, ours, slack, theirs
from benchmarks._storm import BATCH, SPACING_SECONDS, Sent, named, send

ALERTS = 10_000
PAGES = 57
STORMS = {"over a minute": 60.0, "at once": 0.0}
"""How many seconds the other alerts take to arrive."""

WATCHED_SECONDS = 75.0
"""How long the processor is watched, from the beginning of the storm."""

WARM_SECONDS = 3.0
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 240.0
TARGET_SECONDS = 2.0
KEY = "0123456789abcdef0123456789abcdef"

AT_ONCE = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
"""The route of pages, as fast as Alertmanager can be."""

Start = Callable[[Path, PagerDuty, Slack, str, int], AbstractContextManager[Server]]


def usual(folder: Path, pager: PagerDuty, chat: Slack, key: str, _: int) -> AbstractContextManager[Server]:
    """Alertmanager as it is usually configured."""
    return theirs(folder, pager, chat, key, pages={})


def fast(folder: Path, pager: PagerDuty, chat: Slack, key: str, _: int) -> AbstractContextManager[Server]:
    """Alertmanager whose pages wait for nothing."""
    return theirs(folder, pager, chat, key, pages=AT_ONCE)


SIDES: Mapping[str, Start] = {"ours": ours, "Alertmanager": usual, "Alertmanager, no group wait": fast}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one side did in one storm: the seconds to each accepted page, and what that took."""

    waits: Sequence[float]
    sent: Sent
    cpu_seconds: float
    peak_bytes: int
    chat_requests: int
    opened_seconds: float | None = None
    """How long until every alert was an incident; None where there are none."""
    lateness_seconds: float | None = None
    """The p99 of the lateness of probes; None where nothing probes."""


def measure(folder: Path, start: Start, *, alerts: int, pages: int, seconds: float) -> Measured:
    """Have one side live through one storm."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        target = stack.enter_context(started(sys.executable, "-m", "benchmarks._target"))
        assert target.stdout
        pager = stack.enter_context(pagerduty(folder / "pagerduty"))
        chat = stack.enter_context(slack(folder / "slack"))
        chat.answer_429()
        server = stack.enter_context(start(folder, pager, chat, KEY, int(target.stdout.readline())))
        time.sleep(WARM_SECONDS)
        before, cpu, began = scrape(server.url), cpu_seconds(server.pid), time.time()
        sending = stack.enter_context(ThreadPoolExecutor(1)).submit(
            send, server.address, token_of(folder), alerts=alerts, seconds=seconds, pages=pages
        )
        used = opened = None
        while True:
            time.sleep(POLL_SECONDS)
            passed, samples = time.time() - began, scrape(server.url)
            if used is None and passed >= WATCHED_SECONDS:
                used = cpu_seconds(server.pid) - cpu
            if opened is None and incidents(samples) >= alerts + pages:
                opened = passed
            accepted = accepted_at(pager) if used is not None and sending.done() else {}
            if used is not None and len(accepted) == pages and (opened or start is not ours):
                break
            if passed > PATIENCE_SECONDS:
                missing = f"{len(accepted)} of {pages} pages, {incidents(samples):.0f} incidents"
                raise SystemExit(f"{missing} within {PATIENCE_SECONDS:.0f} s\n{server.last_words()}")
        sent = sending.result()
        lateness = grown(before, samples, "watchkeep_probe_lateness_seconds")
        return Measured(
            waits=[accepted[name] - at for name, at in sent.pages.items()],
            sent=sent,
            cpu_seconds=used,
            peak_bytes=peak_resident_bytes(server.pid),
            chat_requests=chat.requests(),
            opened_seconds=opened,
            lateness_seconds=quantile(lateness, 0.99) if lateness else None,
        )


def token_of(folder: Path) -> str:
    """What a watch with its data there wants to be sent with each change; empty for others, which want nothing."""
    path = folder / "data" / "token"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def incidents(samples: Mapping[str, float]) -> float:
    """How many are open, by `/metrics`; 0 where there are none."""
    return sum(value for name, value in samples.items() if name.startswith("watchkeep_incidents_open"))


def accepted_at(pager: PagerDuty) -> dict[str, float]:
    """When the first trigger of each page was accepted (Unix seconds), by the service that it is about."""
    found: dict[str, float] = {}
    for at, event in pager.triggers():
        found.setdefault(named(json.dumps(event)), at)
    return found


def figures(name: str, measured: Measured, *, under: float | None) -> list[Figure]:
    """The figures of one side in one storm; the slowest page must stay under so many seconds."""
    waits = sorted(measured.waits)
    found = [
        Figure(name=f"{name}: alert to accepted page, fastest", value=waits[0], unit="s"),
        Figure(name=f"{name}: alert to accepted page, median", value=statistics.median(waits), unit="s"),
        Figure(name=f"{name}: alert to accepted page, slowest", value=waits[-1], unit="s", under=under),
        Figure(name=f"{name}: posts refused", value=measured.sent.refused, unit="posts"),
        Figure(name=f"{name}: the other alerts were taken in", value=measured.sent.storm_seconds, unit="s"),
        Figure(name=f"{name}: CPU in {WATCHED_SECONDS:g} s", value=measured.cpu_seconds, unit="s"),
        Figure(name=f"{name}: peak RSS", value=measured.peak_bytes / 1e6, unit="MB"),
        Figure(name=f"{name}: requests to Slack", value=measured.chat_requests, unit="requests"),
    ]
    if measured.opened_seconds is not None:
        found.append(Figure(name=f"{name}: all are incidents", value=measured.opened_seconds, unit="s"))
    if measured.lateness_seconds is not None:
        value = measured.lateness_seconds * 1000
        found.append(Figure(name=f"{name}: start lateness of probes p99", value=value, unit="ms"))
    return found


def main() -> None:
    """Measure and print."""
    parser = arguments("router")
    parser.add_argument("--alerts", type=int, default=ALERTS, help="other alerts (default: %(default)s)")
    parser.add_argument("--side", choices=SIDES, help="measure this side alone (default: all)")
    parser.add_argument("--storm", choices=STORMS, help="in this storm alone (default: all)")
    asked = parser.parse_args()
    if asked.alerts < 1:
        parser.error("--alerts takes a number from 1 on")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    have_debian_packages(_alertmanager.PACKAGE)
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for storm in [asked.storm] if asked.storm else STORMS:
            for number, side in enumerate([asked.side] if asked.side else SIDES):
                place = Path(folder) / f"{storm}-{number}".replace(" ", "-")
                seconds = STORMS[storm]
                measured = measure(place, SIDES[side], alerts=asked.alerts, pages=PAGES, seconds=seconds)
                under = TARGET_SECONDS if side == "ours" else None
                found += figures(f"{storm}, {side}", measured, under=under)
    about = {
        "measured": "seconds from the POST of a P0 to its page accepted at PagerDuty's stand-in; Slack answers 429",
        "alerts": f"{asked.alerts} others in batches of {BATCH}, {PAGES} pages, one every {SPACING_SECONDS:g} s",
        "ours": f"slots of {SLOT_SECONDS} s, {PROBES} probes every second, each incident told by itself",
        "theirs": f"grouped by {', '.join(GROUP_BY)}, waits as they are by default; without group wait: {AT_ONCE}",
    }
    report("router", found, about, as_json=asked.json)


if __name__ == "__main__":
    main()
