"""Our collectors beside Debian's exporters of the same servers: what one scrape costs, and what many targets take.

Who collects has core 0 to itself; the servers and who asks have core 1. Both sides run with their usual sets of
metrics; ours keeps its connection and asks for slow things once a minute, theirs logs in for every scrape (redis and
mysqld) and asks for all of it each time.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._databases import PACKAGES, Database, mariadb, postgres, redis
from benchmarks._histogram import grown, quantile
from benchmarks._output import Figure, report
from benchmarks._process import (
    Server,
    cpu_seconds,
    free_port,
    have_debian_packages,
    peak_resident_bytes,
    scrape,
    serving,
    watching,
)

OUR_CORE, OTHER_CORE = 0, 1
SCRAPES = 200
CROWD_SERVERS, ADDRESSES = 7, 15
CROWD = 100
ROUNDS, INTERVAL_SECONDS = 4, 15
GZIP = b"\x1f\x8b"
LATENESS = "watchkeep_probe_lateness_seconds"
EXPORTERS = ("prometheus-redis-exporter", "prometheus-mysqld-exporter", "prometheus-postgres-exporter")


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One vendor: our configuration, the exporter's command and environment, and how little ours is to cost."""

    vendor: str
    ours: Mapping[str, object]
    theirs: str
    under: float
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


def sides(databases: Mapping[str, Database], folder: Path) -> list[Side]:
    """The three vendors, each with its server."""
    at = {vendor: f"127.0.0.1:{database.port}" for vendor, database in databases.items()}
    login = {"username": "watch", "password": "watch"}
    client = folder / "my.cnf"
    client.write_text(
        f"[client]\nuser=watch\npassword=watch\nhost=127.0.0.1\nport={databases['mysql'].port}\n", encoding="utf-8"
    )
    return [
        Side(
            vendor="redis",
            ours={"target": at["redis"]},
            theirs=EXPORTERS[0],
            under=0.4,
            arguments=(f"--redis.addr=redis://{at['redis']}",),
        ),
        Side(
            vendor="mysql",
            ours={"target": at["mysql"], **login},
            theirs=EXPORTERS[1],
            under=0.3,
            arguments=(f"--config.my-cnf={client}",),
        ),
        Side(
            vendor="postgres",
            ours={"target": at["postgres"], **login},
            theirs=EXPORTERS[2],
            under=0.5,
            environ={"DATA_SOURCE_NAME": f"postgresql://watch:watch@{at['postgres']}/postgres?sslmode=disable"},
        ),
    ]


@contextmanager
def exporter(side: Side, folder: Path) -> Iterator[Server]:
    """Debian's exporter, on one core."""
    address = f"127.0.0.1:{free_port()}"
    environ = [f"{name}={value}" for name, value in {**side.environ, "GOMAXPROCS": "1"}.items()]
    command = ["taskset", "-c", str(OUR_CORE), "env", *environ, side.theirs, f"--web.listen-address={address}"]
    with serving(side.theirs, *command, *side.arguments, address=address, folder=folder, ready="/") as server:
        yield server


def scraped(url: str) -> tuple[str, float]:
    """What a scrape as Prometheus makes it is answered with, and how many seconds that took."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=20) as answer:
        body = answer.read()
    seconds = time.perf_counter() - began
    return (gzip.decompress(body) if body[:2] == GZIP else body).decode(), seconds


def theirs(side: Side, folder: Path) -> dict[str, Any]:
    """What scrapes of the exporter cost it, one after the other."""
    with exporter(side, folder) as server:
        url = f"{server.url}/metrics"
        for _ in range(5):
            scraped(url)
        before = cpu_seconds(server.pid)
        took = sorted(scraped(url)[1] for _ in range(SCRAPES))
        cpu = (cpu_seconds(server.pid) - before) / SCRAPES
        rss, (text, _) = peak_resident_bytes(server.pid), scraped(url)
        return {"p50": took[SCRAPES // 2], "cpu": cpu, "rss": rss, "text": text}


def ours(side: Side, folder: Path) -> dict[str, Any]:
    """What as many rounds and texts cost us, by themselves."""
    config = folder / f"{side.vendor}.yaml"
    entry = {"name": side.vendor, "type": side.vendor, "interval": "15s", **side.ours}
    config.write_text(json.dumps({"collectors": [entry], "slos": []}), encoding="utf-8")
    command = ["taskset", "-c", str(OUR_CORE), sys.executable, "-m", "benchmarks._collector"]
    done = subprocess.run(
        [*command, str(config), side.vendor, str(SCRAPES)], stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def samples_in(text: str, *prefixes: str) -> int:
    """How many samples a text has whose names begin so."""
    return sum(line.startswith(prefixes) for line in text.splitlines())


PREFIXES = {"redis": ("redis_",), "mysql": ("mysql_",), "postgres": ("pg_",)}


def compared(side: Side, folder: Path) -> list[Figure]:
    """Both sides on one server."""
    peer, own = theirs(side, folder), ours(side, folder)
    figures = [
        Figure(name=f"{side.vendor}: rounds that were not good", value=len(own["wrong"]), unit="reasons", under=0)
    ]
    for name, seen in (("ours", own), ("theirs", peer)):
        count = samples_in(seen["text"], *PREFIXES[side.vendor])
        least = samples_in(peer["text"], *PREFIXES[side.vendor]) if name == "ours" else None
        figures += [
            Figure(name=f"{side.vendor}, {name}: samples", value=count, unit="", above=least),
            Figure(name=f"{side.vendor}, {name}: p50", value=seen["p50"] * 1000, unit="ms"),
            Figure(name=f"{side.vendor}, {name}: CPU a scrape", value=seen["cpu"] * 1000, unit="ms"),
            Figure(name=f"{side.vendor}, {name}: peak RSS", value=seen["rss"] / 1e6, unit="MB"),
        ]
    ratio = own["cpu"] / peer["cpu"]
    return [*figures, Figure(name=f"{side.vendor}: CPU, ours / theirs", value=ratio, unit="x", under=side.under)]


@contextmanager
def crowded(folder: Path, databases: Mapping[str, Database]) -> Iterator[tuple[Server, list[Database]]]:
    """A whole watch of a hundred Redis targets at a few servers, and of these databases."""
    folder.mkdir()
    with ExitStack() as running:
        addresses = [f"127.0.0.{number}" for number in range(1, ADDRESSES + 1)]
        servers = [
            running.enter_context(redis(folder, OTHER_CORE, address=" ".join(addresses))) for _ in range(CROWD_SERVERS)
        ]
        targets = [f"{address}:{server.port}" for server in servers for address in addresses][:CROWD]
        pace = {"interval": f"{INTERVAL_SECONDS}s", "timeout": "5s"}
        login = {"username": "watch", "password": "watch"}
        entries: list[dict[str, object]] = [
            {"name": vendor, "type": vendor, "target": f"127.0.0.1:{database.port}", **pace, **login}
            for vendor, database in databases.items()
        ]
        entries.append({"name": "cache", "type": "redis", "targets": targets, **pace})
        slo = {"name": "cache", "objective": "99.9%", "window": "30d", "sli": {"collector": "cache"}}
        config = json.dumps({"collectors": entries, "slos": [slo]})
        watch = running.enter_context(watching(folder, config))
        time.sleep(INTERVAL_SECONDS + 5)
        yield watch, servers


def crowd(folder: Path) -> list[Figure]:
    """A hundred Redis targets, scraped as often as they are collected."""
    with crowded(folder / "crowd", {}) as (watch, _):
        cpu, took, text = cpu_seconds(watch.pid), [], ""
        for _ in range(ROUNDS):
            text, seconds = scraped(f"{watch.url}/metrics")
            took.append(seconds)
            time.sleep(INTERVAL_SECONDS)
        cpu = (cpu_seconds(watch.pid) - cpu) / ROUNDS
        return [
            Figure(name=f"{CROWD} Redis: up", value=_up(text, "redis"), unit="targets", above=CROWD),
            Figure(name=f"{CROWD} Redis: samples", value=samples_in(text, "redis_"), unit=""),
            Figure(name=f"{CROWD} Redis: CPU for all rounds and a scrape", value=cpu * 1000, unit="ms"),
            Figure(name=f"{CROWD} Redis: slowest scrape", value=max(took) * 1000, unit="ms"),
            Figure(name=f"{CROWD} Redis: peak RSS", value=peak_resident_bytes(watch.pid) / 1e6, unit="MB", under=120.0),
        ]


def beside_frozen(folder: Path, databases: Mapping[str, Database]) -> list[Figure]:
    """How late rounds begin while nothing is wrong, and while some servers stand still."""
    others = {vendor: databases[vendor] for vendor in ("mysql", "postgres")}
    with crowded(folder / "beside", others) as (watch, servers), ExitStack() as still:
        before = scrape(watch.url)
        time.sleep(ROUNDS * INTERVAL_SECONDS)
        alone = grown(before, scrape(watch.url), LATENESS)
        for pid in (pid for server in (servers[0], *others.values()) for pid in server.processes):
            os.kill(pid, signal.SIGSTOP)
            still.callback(os.kill, pid, signal.SIGCONT)
        time.sleep(INTERVAL_SECONDS + 6)
        before = scrape(watch.url)
        time.sleep(ROUNDS * INTERVAL_SECONDS)
        after = scrape(watch.url)
        prefix = f"{ADDRESSES} Redis, a MariaDB and a PostgreSQL that stand still"
        late = quantile(grown(before, after, LATENESS), 0.99)
        return [
            Figure(name="rounds begin late, p99", value=quantile(alone, 0.99) * 1000, unit="ms"),
            Figure(name=f"beside {prefix}, p99", value=late * 1000, unit="ms", under=50.0),
            Figure(name=f"{prefix}: not down", value=_not_down(after, servers[0].port), unit="targets", under=0),
        ]


def _up(text: str, vendor: str) -> int:
    return sum(line.startswith(f"{vendor}_up{{") and line.endswith(" 1.0") for line in text.splitlines())


def _not_down(samples: Mapping[str, float], port: int) -> int:
    """How many of the targets that stand still are up, or not told of."""
    still = [value for name, value in samples.items() if name.startswith("redis_up{") and name.endswith(f':{port}"}}')]
    still += [value for name, value in samples.items() if name.startswith(("mysql_up{", "pg_up{"))]
    return sum(value != 0.0 for value in still) + ADDRESSES + 2 - len(still)


def rendering() -> list[Figure]:
    """100,000 samples as text, all of them others than before."""
    command = ["taskset", "-c", str(OUR_CORE), sys.executable, "-m", "benchmarks._collector", "render", "100", "1000"]
    seen = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout)
    return [
        Figure(name="100,000 samples: CPU", value=seen["cpu"] * 1000, unit="ms", under=60.0),
        Figure(name="100,000 samples: CPU of prometheus_client", value=seen["theirs"] * 1000, unit="ms"),
        Figure(name="100,000 samples: text", value=seen["bytes"] / 1e6, unit="MB"),
    ]


def main() -> None:
    """Measure everything, and print the figures."""
    have_debian_packages(*PACKAGES, *EXPORTERS)
    with tempfile.TemporaryDirectory() as place, ExitStack() as running:
        folder = Path(place)
        databases = {
            "redis": running.enter_context(redis(folder, OTHER_CORE)),
            "mysql": running.enter_context(mariadb(folder, OTHER_CORE)),
            "postgres": running.enter_context(postgres(OTHER_CORE)),
        }
        figures = [figure for side in sides(databases, folder) for figure in compared(side, folder)]
        figures += [*crowd(folder), *beside_frozen(folder, databases), *rendering()]
    report("collectors", figures, {"scrapes": SCRAPES, "cores": os.cpu_count()})


if __name__ == "__main__":
    main()
