"""The same outage, seen by two: seconds from the outage to the accepted page, in real time.

A small HTTP server with an hour of good history is killed. Ours is `watchkeep run` with a probe every 15 s. Theirs are
Debian's blackbox exporter, Prometheus (scrapes and rules every 15 s, the rules that Sloth writes) and Alertmanager
(30 s of group wait). Both hold the target against google-30d, and both page the same stand-in for PagerDuty.

Each round has a target, processes and data of its own. The rounds run side by side, since all of them mostly sleep,
and break their targets at as many places of the 15 s.
"""

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._output import Figure, arguments, report
from benchmarks._paging import PagerDuty, bound_seconds, needed_seconds, pagerduty, write_ledger
from benchmarks._process import Server, free_port, have_debian_packages, scrape, serving, started, watching
from benchmarks._prometheus import Series, ask, prometheus, value, write_blocks
from benchmarks._sloth import PLACEHOLDER, SlothSLO, rules
from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.slo import probe_sli

PACKAGES = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")
ROUNDS = 3
INTERVAL_SECONDS = 15
SLOT_SECONDS = 10
GROUP_WAIT_SECONDS = 30
HISTORY_SECONDS = 3600
HISTORY_SHARE = 0.97
"""The share of the hour that must be known when the target breaks: the time of the start is not."""

READY_SECONDS = 120
PATIENCE_SECONDS = 240
SERVICE = "gate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two that watch: the routing key that it pages with, and the servers that it consists of."""

    name: str
    routing_key: str
    servers: tuple[Server, ...]
    watches: Callable[[], bool]
    """Whether it has its hour of history and has seen the target since it started."""

    def last_words(self) -> str:
        """What its servers said last."""
        return "\n".join(server.last_words() for server in self.servers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """A target, and the two that watch it; it is killed `phase` seconds after a whole interval."""

    phase: float
    target: subprocess.Popen[str]
    ours: Side
    theirs: Side


def phases(rounds: int) -> list[float]:
    """The places of the interval at which the targets of so many rounds break, evenly spread (seconds)."""
    return [INTERVAL_SECONDS * index / rounds for index in range(rounds)]


def next_break(now: float, phase: float) -> float:
    """The first time from `now` on that is `phase` past a whole interval since the epoch (seconds)."""
    return now + (phase - now) % INTERVAL_SECONDS


def slot_counts(now: int) -> Block:
    """An hour of good rounds up to `now`, a slot's end (Unix seconds), counted in the slots that they ended in."""
    ends = np.arange(now - HISTORY_SECONDS + SLOT_SECONDS, now + 1, SLOT_SECONDS, dtype=np.int64)
    counts = np.zeros((4, len(ends), 1), np.int64)
    rounds = np.arange(ends[0], now + 1, INTERVAL_SECONDS)
    np.add.at(counts[GOOD, :, 0], np.searchsorted(ends, rounds), 1)
    counts[COVERED_MS] = SLOT_SECONDS * 1000
    return Block(ends=ends, seconds=SLOT_SECONDS, names=(probe_sli(SERVICE),), counts=counts)


@contextmanager
def ours(folder: Path, port: int, vendor: PagerDuty, routing_key: str) -> Iterator[Side]:
    """`watchkeep run` with one probe, one SLO and one destination."""
    probe = {"name": SERVICE, "type": "http", "url": f"http://127.0.0.1:{port}/health", "interval": "15s"}
    slo = {"name": SERVICE, "objective": "99.9%", "window": "30d", "sli": {"probe": SERVICE}}
    labels = {"customer": "acme", "environment": "production"}
    config = {
        "slot": f"{SLOT_SECONDS}s",
        "probes": [probe | {"timeout": "5s"}],
        "slos": [slo | {"burn_policy": "google-30d", "labels": labels}],
        "destinations": [vendor.destination(routing_key)],
        "routes": {"destinations": ["oncall"]},
    }
    now = int(time.time()) // SLOT_SECONDS * SLOT_SECONDS
    history = slot_counts(now)
    total = Counts(good=int(history.counts[GOOD].sum()), covered_ms=int(history.counts[COVERED_MS].sum()))
    write_ledger(folder / "data", [history], {probe_sli(SERVICE): total}, slot=SLOT_SECONDS, now=now)
    with watching(folder, json.dumps(config)) as watch:

        def watches() -> bool:
            samples = scrape(watch.url)
            known = [
                share
                for name, share in samples.items()
                if name.startswith("slo_window_coverage_ratio") and 'window="1h"' in name
            ]
            return samples.get('watchkeep_probe_rounds_total{state="good"}', 0) > 0 and min(known) > HISTORY_SHARE

        yield Side(name="ours", routing_key=routing_key, servers=(watch,), watches=watches)


@contextmanager
def theirs(folder: Path, port: int, vendor: PagerDuty, routing_key: str) -> Iterator[Side]:
    """The blackbox exporter, Alertmanager and Prometheus."""
    target = f"http://127.0.0.1:{port}/health"
    selector = f'probe_success{{instance="{target}",job="blackbox"}}'
    slo = SlothSLO(service=SERVICE, error_ratio=f"1 - avg(avg_over_time({selector}[{PLACEHOLDER}]))")
    (folder / "rules.yml").write_text(rules([slo]), encoding="utf-8")
    with blackbox(folder) as exporter, alertmanager(folder, vendor, routing_key) as manager:
        times = np.arange(time.time() - HISTORY_SECONDS, time.time(), INTERVAL_SECONDS).round(3)
        write_blocks(folder, [Series(name=selector, times=times, values=np.ones(len(times)))])
        config = {
            "global": {"scrape_interval": f"{INTERVAL_SECONDS}s", "evaluation_interval": f"{INTERVAL_SECONDS}s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.url.removeprefix("http://")]}]}]},
            "scrape_configs": [
                {
                    "job_name": "blackbox",
                    "metrics_path": "/probe",
                    "params": {"module": ["http_2xx"]},
                    "static_configs": [{"targets": [target]}],
                    "relabel_configs": [
                        {"source_labels": ["__address__"], "target_label": "__param_target"},
                        {"source_labels": ["__param_target"], "target_label": "instance"},
                        {"target_label": "__address__", "replacement": exporter.url.removeprefix("http://")},
                    ],
                }
            ],
        }
        with prometheus(folder, config) as server:

            def watches() -> bool:
                up = value(server.url, 'up{job="blackbox"}')
                known = value(server.url, f"count_over_time({selector}[1h])") or 0
                recorded = value(server.url, slo.recorded("slo:sli_error:ratio_rate1h"))
                managed = ask(server.url, "alertmanagers")["activeAlertmanagers"]
                share = known / (HISTORY_SECONDS / INTERVAL_SECONDS)
                return up == 1 and recorded == 0 and bool(managed) and share > HISTORY_SHARE

            yield Side(name="theirs", routing_key=routing_key, servers=(exporter, server, manager), watches=watches)


@contextmanager
def blackbox(folder: Path) -> Iterator[Server]:
    """The blackbox exporter with its module for HTTP."""
    path, listen = folder / "blackbox.yml", f"127.0.0.1:{free_port()}"
    http = {"prober": "http", "timeout": "5s", "http": {"preferred_ip_protocol": "ip4"}}
    path.write_text(json.dumps({"modules": {"http_2xx": http}}), encoding="utf-8")
    command = ["prometheus-blackbox-exporter", f"--config.file={path}", f"--web.listen-address={listen}"]
    with serving("blackbox", *command, url=f"http://{listen}", folder=folder, ready="/-/healthy") as server:
        yield server


@contextmanager
def alertmanager(folder: Path, vendor: PagerDuty, routing_key: str) -> Iterator[Server]:
    """Alertmanager that sends pages to the stand-in and tickets nowhere."""
    path, listen = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    trust = {"tls_config": {"ca_file": vendor.ca_file}}
    oncall = {"routing_key": routing_key, "url": vendor.events_url, "http_config": trust}
    config = {
        "route": {
            "receiver": "tickets",
            "group_by": ["sloth_id"],
            "group_wait": f"{GROUP_WAIT_SECONDS}s",
            "routes": [{"receiver": "oncall", "matchers": ['sloth_severity="page"']}],
        },
        "receivers": [{"name": "tickets"}, {"name": "oncall", "pagerduty_configs": [oncall]}],
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    command = [
        "prometheus-alertmanager",
        f"--config.file={path}",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address={listen}",
        "--cluster.listen-address=",
    ]
    with serving("alertmanager", *command, url=f"http://{listen}", folder=folder) as server:
        yield server


def begin(stack: ExitStack, folder: Path, vendor: PagerDuty, phase: float) -> Round:
    """Start what a round consists of."""
    number = folder.name
    for side in ("ours", "theirs"):
        (folder / side).mkdir(parents=True)
    target = stack.enter_context(started(sys.executable, "-m", "benchmarks._target"))
    assert target.stdout
    port = int(target.stdout.readline())
    one, other = f"{f'ours{number}':x<32}", f"{f'theirs{number}':x<32}"
    return Round(
        phase=phase,
        target=target,
        theirs=stack.enter_context(theirs(folder / "theirs", port, vendor, other)),
        ours=stack.enter_context(ours(folder / "ours", port, vendor, one)),
    )


def measure(folder: Path, rounds: int) -> list[tuple[float, float]]:
    """Play the outage so often; the seconds of each round, ours and theirs."""
    with ExitStack() as stack:
        vendor = stack.enter_context(pagerduty(folder / "pagerduty"))
        playing = [begin(stack, folder / str(index), vendor, phase) for index, phase in enumerate(phases(rounds))]
        sides = [side for one in playing for side in (one.ours, one.theirs)]
        wait(sides, lambda side: side.watches(), "does not watch an hour and a live target", READY_SECONDS)
        whole = next_break(time.time(), 0)
        broke: dict[str, float] = {}
        for one in playing:
            time.sleep(max(0.0, whole + one.phase - time.time()))
            one.target.kill()
            broke |= dict.fromkeys((one.ours.routing_key, one.theirs.routing_key), time.time())
        pages: dict[str, float] = {}

        def paged(side: Side) -> bool:
            for at, event in vendor.triggers():
                pages.setdefault(event["routing_key"], at)
            return side.routing_key in pages

        wait(sides, paged, "did not page", PATIENCE_SECONDS)
    waits = {key: pages[key] - at for key, at in broke.items()}
    return [(waits[one.ours.routing_key], waits[one.theirs.routing_key]) for one in playing]


def wait(sides: list[Side], ready: Callable[[Side], bool], otherwise: str, seconds: float) -> None:
    """Return when all sides are ready; end with what those that are not said last when that takes too long."""
    deadline = time.monotonic() + seconds
    waiting = sides
    while waiting := [side for side in waiting if not ready(side)]:
        if time.monotonic() > deadline:
            late = "\n".join(f"{side.name} {otherwise} within {seconds:g} s\n{side.last_words()}" for side in waiting)
            raise SystemExit(late)
        time.sleep(0.5)


def figures(waits: list[tuple[float, float]]) -> list[Figure]:
    """The figures of both sides, and their ratio."""
    bounds = (bound_seconds(slot=SLOT_SECONDS, interval=INTERVAL_SECONDS), None)
    medians = [statistics.median(side) for side in zip(*waits, strict=True)]
    found = [Figure(name="the policy needs an outage of", value=needed_seconds(), unit="s")]
    for name, side, median, bound in zip(("ours", "theirs"), zip(*waits, strict=True), medians, bounds, strict=True):
        found += [
            Figure(name=f"{name}: outage to accepted page, fastest", value=min(side), unit="s"),
            Figure(name=f"{name}: outage to accepted page, median", value=median, unit="s"),
            Figure(name=f"{name}: outage to accepted page, slowest", value=max(side), unit="s", under=bound),
        ]
    return [*found, Figure(name="ours / theirs, medians", value=medians[0] / medians[1], unit="", under=1)]


def main() -> None:
    """Measure and print."""
    parser = arguments("detection")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="outages to measure, side by side (default: 3)")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error("--rounds takes a number from 1 on")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    have_debian_packages(*PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        waits = measure(Path(folder), asked.rounds)
    about = {
        "policy": "google-30d",
        "history": "1 h, all good",
        "ours": f"probe every {INTERVAL_SECONDS} s, slots of {SLOT_SECONDS} s",
        "theirs": f"scrape and rules every {INTERVAL_SECONDS} s, group wait {GROUP_WAIT_SECONDS} s",
        "rounds (ours, theirs; s)": [[round(seconds, 1) for seconds in pair] for pair in waits],
    }
    report("detection", figures(waits), about, as_json=asked.json)


if __name__ == "__main__":
    main()
