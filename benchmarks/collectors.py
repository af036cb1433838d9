"""Our collectors beside Debian's exporters of the same servers: what one scrape costs, and what many targets take.

Who collects has core 0 to itself; the servers and who asks have core 1. Both sides run with their usual sets of
metrics; ours keeps its connection and asks for slow things once a minute, theirs logs in for every scrape (redis and
mysqld) and asks for all of it each time.
"""

import gzip
import json
import os
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

from benchmarks._databases import PACKAGES, mariadb, postgres, redis
from benchmarks._output import Figure, report
from benchmarks._process import (
    Server,
    cpu_seconds,
    free_port,
    have_debian_packages,
    peak_resident_bytes,
    serving,
    watching,
)

OUR_CORE, OTHER_CORE = 0, 1
SCRAPES = 200
CROWD_SERVERS, ADDRESSES = 7, 15
CROWD = 100
CROWD_SECONDS = 60
GZIP = b"\x1f\x8b"
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


def sides(ports: Mapping[str, int], folder: Path) -> list[Side]:
    """The three vendors, each with its server at one of these ports."""
    at = {vendor: f"127.0.0.1:{port}" for vendor, port in ports.items()}
    login = {"username": "watch", "password": "watch"}
    client = folder / "my.cnf"
    client.write_text(
        f"[client]\nuser=watch\npassword=watch\nhost=127.0.0.1\nport={ports['mysql']}\n", encoding="utf-8"
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


def crowd(folder: Path) -> list[Figure]:
    """A whole watch of a hundred Redis targets, scraped every fifteen seconds."""
    with ExitStack() as running:
        targets = []
        for _ in range(CROWD_SERVERS):
            addresses = [f"127.0.0.{number}" for number in range(1, ADDRESSES + 1)]
            port = running.enter_context(redis(folder, OTHER_CORE, address=" ".join(addresses)))
            targets += [f"{address}:{port}" for address in addresses]
        targets = targets[:CROWD]
        entry = {"name": "cache", "type": "redis", "interval": "15s", "targets": targets}
        slo = {"name": "cache", "objective": "99.9%", "window": "30d", "sli": {"collector": "cache"}}
        (folder / "crowd").mkdir()
        config = json.dumps({"collectors": [entry], "slos": [slo]})
        watch = running.enter_context(watching(folder / "crowd", config))
        time.sleep(20)
        before = cpu_seconds(watch.pid)
        took, text = [], ""
        for _ in range(CROWD_SECONDS // 15):
            text, seconds = scraped(f"{watch.url}/metrics")
            took.append(seconds)
            time.sleep(15)
        cpu = (cpu_seconds(watch.pid) - before) / (CROWD_SECONDS // 15)
        up = sum(line.startswith("redis_up{") and line.endswith(" 1.0") for line in text.splitlines())
        return [
            Figure(name=f"{CROWD} Redis: up", value=up, unit="targets", above=CROWD),
            Figure(name=f"{CROWD} Redis: samples", value=samples_in(text, "redis_"), unit=""),
            Figure(name=f"{CROWD} Redis: CPU for all rounds and a scrape", value=cpu * 1000, unit="ms"),
            Figure(name=f"{CROWD} Redis: slowest scrape", value=max(took) * 1000, unit="ms"),
            Figure(name=f"{CROWD} Redis: peak RSS", value=peak_resident_bytes(watch.pid) / 1e6, unit="MB", under=120.0),
        ]


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
        ports = {
            "redis": running.enter_context(redis(folder, OTHER_CORE)),
            "mysql": running.enter_context(mariadb(folder, OTHER_CORE)),
            "postgres": running.enter_context(postgres(OTHER_CORE)),
        }
        figures = [figure for side in sides(ports, folder) for figure in compared(side, folder)]
        figures += [*crowd(folder), *rendering()]
    report("collectors", figures, {"scrapes": SCRAPES, "cores": os.cpu_count()})


if __name__ == "__main__":
    main()
