"""Forwarding on one core: from what is told, by way of the spool on disk, to an answer of the other side.

The other side is a process of its own that takes everything, on the other core. Of each forwarder it is measured how
many points or documents go through in a second, and how much processor 1,000 of them take. A peer in the same run is
the official client of Elasticsearch, without a spool. Last, how late slots are evaluated while four destinations hang,
beside a watch that forwards nothing.
"""

import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from elasticsearch import Elasticsearch, helpers
from prometheus_client import CollectorRegistry

from benchmarks import _hanging
from benchmarks._output import Figure, report
from benchmarks._process import free_port, serving
from exporters.elk.document import documents
from exporters.forwarders import datadog, elk, otlp, remote_write
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from slo.core.telemetry import Counted, Counts3, Forwarder, Logged, Measured, Point, Rank, Telemetry, id_of
from slo.core.telemetry_document import read, written
from slo.exposition.forwarding import Forwarding
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spool import SpoolFile
from slo.store.spooled import New

POINTS_A_RECORD = 500
METRIC_RECORDS = 600
LOG_RECORDS = 60_000
COUNT_RECORDS = 60_000
TOLD_AT_ONCE = 2_000
POINTS_TARGET = 50_000
DOCUMENTS_TARGET = 20_000

LABELS = {"customer": "acme", "environment": "production", "service": "gate"}


def measured() -> Iterator[New]:
    """Metrics of 500 SLOs at moments a second apart: a second a record."""
    now = datetime.now(UTC)
    series = [{**LABELS, "slo": f"gate-{number}", "window": "1h"} for number in range(POINTS_A_RECORD)]
    for moment in range(METRIC_RECORDS):
        at = now - timedelta(seconds=METRIC_RECORDS - moment)
        points = [Point("slo_burn_rate", "gauge", labels, moment / 7) for labels in series]
        yield _new(Rank.METRIC, at, Measured(at=at, points=points))


def counted() -> Iterator[New]:
    """Counts of 100 SLOs in slots of a second."""
    now = int(time.time())
    for number in range(COUNT_RECORDS):
        slot, slo = divmod(number, 100)
        end = now - COUNT_RECORDS // 100 + slot
        totals = Counts3(10 * slot, slot, 0)
        labels = {**LABELS, "slo": f"gate-{slo}"}
        id_ = id_of("counted", slo, end)
        told = Counted(id=id_, end=end, seconds=1, labels=labels, counts=Counts3(10, 1, 0), totals=totals)
        yield _new(Rank.COUNT, datetime.fromtimestamp(end, UTC), told)


def logged() -> Iterator[New]:
    """Rounds that were bad."""
    now = datetime.now(UTC)
    for number in range(LOG_RECORDS):
        told = Logged(
            id=id_of("outcome", number),
            at=now,
            dataset="watchkeep.outcome",
            action="observed",
            outcome="failure",
            level="error",
            message=f"gate of https://gate-{number}.acme.example/health is bad: connect_refused",
            labels=LABELS,
            fields={
                "check": "gate",
                "target": f"https://gate-{number}.acme.example/health",
                "state": "bad",
                "reason": "connect_refused",
                "duration_seconds": 0.0123,
                "phases": {"resolve": 0.001, "connect": 0.011},
            },
        )
        yield _new(Rank.OUTCOME, now, told)


def _new(rank: Rank, at: datetime, told: Telemetry) -> New:
    return New(rank=rank, at=at.timestamp(), body=written(told))


async def through(forwarder: Forwarder, tellings: Iterable[New]) -> tuple[float, float]:
    """Tell, spool and send: how long that takes, and how much processor, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        clock, telemetry = SteadyClock(), Forwarding(CollectorRegistry())
        file = SpoolFile(Path(folder) / "spool")
        spool = Spool(file, "far", most_bytes=10**10, clock=clock, telemetry=telemetry)
        sending = Sending(spool, forwarder, max_age=timedelta(days=1), clock=clock, telemetry=telemetry)
        begun, worked = time.perf_counter(), time.process_time()
        for together in _chunks(tellings, TOLD_AT_ONCE):
            spool.add(together)
            await spool.flush()
            while (pause := await sending.once()) is not None:
                if pause:
                    raise SystemExit(f"{forwarder.shown} did not take a batch: {sending.last_failure}")
        took = time.perf_counter() - begun, time.process_time() - worked
        if file.dead.count():
            raise SystemExit(f"{forwarder.shown} refused {file.dead.count()}")
        await forwarder.aclose()
        await spool.close()
        return took


def _chunks(items: Iterable[New], size: int) -> Iterator[list[New]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


async def measure(url: str) -> list[Figure]:
    """The figures of every forwarder."""
    context = Context.default(SteadyClock())

    def written_to(kind: Any, **keys: object) -> Forwarder:
        forwarder: Forwarder = kind.build(kind.Config.model_validate(keys), context)
        return forwarder

    points = METRIC_RECORDS * POINTS_A_RECORD
    key = {"api_key": "0" * 32}
    figures: list[Figure] = []
    rows: Sequence[tuple[str, Callable[[], Forwarder], Callable[[], Iterator[New]], int, str, float | None]] = (
        (
            "remote_write, metrics",
            lambda: written_to(remote_write, url=f"{url}/write"),
            measured,
            points,
            "points",
            POINTS_TARGET,
        ),
        (
            "remote_write, counts",
            lambda: written_to(remote_write, url=f"{url}/write"),
            counted,
            3 * COUNT_RECORDS,
            "points",
            None,
        ),
        ("elk, logs", lambda: written_to(elk, url=f"{url}/bulk"), logged, LOG_RECORDS, "documents", DOCUMENTS_TARGET),
        (
            "elk, counts",
            lambda: written_to(elk, url=f"{url}/bulk"),
            counted,
            COUNT_RECORDS,
            "documents",
            DOCUMENTS_TARGET,
        ),
        ("otlp, metrics", lambda: written_to(otlp, url=url), measured, points, "points", None),
        ("datadog, metrics", lambda: written_to(datadog, url=url, **key), measured, points, "points", None),
        ("datadog, logs", lambda: written_to(datadog, url=url, **key), logged, LOG_RECORDS, "logs", None),
    )
    for name, made, telling, items, unit, target in rows:
        seconds, cpu = await through(made(), telling())
        figures.append(Figure(name=name, value=items / seconds, unit=f"{unit}/s", above=target))
        figures.append(Figure(name=f"{name}, processor for 1,000", value=cpu / items * 1e6, unit="ms"))
    await context.close()
    return figures


def peer(url: str, ours: float) -> list[Figure]:
    """The official client sends the same documents to the same place, without a spool: how fast ours is by that."""
    actions = (
        {"_op_type": "create", "_index": "peer", "_id": document.id, "_source": document.fields}
        for each in logged()
        for document in documents(read(each.body), None)
    )
    with Elasticsearch(f"{url}/bulk", http_compress=True) as client:
        begun = time.perf_counter()
        done, _ = helpers.bulk(client, actions, chunk_size=1_000)
        rate = done / (time.perf_counter() - begun)
    return [
        Figure(name="elk, logs: the official client, without a spool", value=rate, unit="documents/s"),
        Figure(name="elk, logs: ours, by that", value=ours / rate, unit="ratio"),
    ]


async def hanging(url: str) -> list[Figure]:
    """How late slots are evaluated, with destinations that hang and without any."""
    without = _hanging.typical_and_worst(await _hanging.lateness([]))
    beside = _hanging.typical_and_worst(await _hanging.lateness(_hanging.hanging(url)))
    return [
        Figure(name="evaluation after the end of a slot, nothing forwarded, median", value=without[0], unit="ms"),
        Figure(name="evaluation after the end of a slot, nothing forwarded, worst", value=without[1], unit="ms"),
        Figure(name="evaluation after the end of a slot, four hang, median", value=beside[0], unit="ms"),
        Figure(name="evaluation after the end of a slot, four hang, worst", value=beside[1], unit="ms", under=1000),
    ]


def main() -> None:
    """Measure on one core; the other side has the other one."""
    port = free_port()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks._sink", str(port)]
        with serving("sink", *command, address=f"127.0.0.1:{port}", folder=Path(folder)) as sink:
            os.sched_setaffinity(sink.pid, cores[1:] or cores)
            os.sched_setaffinity(0, cores[:1])
            figures = uvloop.run(measure(sink.url))
            ours = next(figure.value for figure in figures if figure.name == "elk, logs")
            figures += peer(sink.url, ours)
            figures += uvloop.run(hanging(sink.url))
    about = {
        "points": METRIC_RECORDS * POINTS_A_RECORD,
        "documents": LOG_RECORDS,
        "slos": _hanging.SLOS,
        "cores": "one for the watch, another for the other side" if len(cores) > 1 else "one for both",
    }
    report("forward", figures, about)


if __name__ == "__main__":
    main()
