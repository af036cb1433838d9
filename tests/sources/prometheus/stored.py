"""Real servers with recorded samples: Prometheus over blocks of promtool, VictoriaMetrics after an import."""

import contextlib
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from slo.config.settings import ServerEntry
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.sources.prometheus.client import Client
from tests.replay.oracle_counts import Series
from tests.services import Service, free_port, program


@contextlib.contextmanager
def prometheus(folder: Path, recording: Sequence[Series], *flags: str) -> Iterator[str]:
    """The URL of a Prometheus that has these samples."""
    samples = folder / "samples.om"
    samples.write_text("".join(openmetrics(recording)), encoding="utf-8")
    promtool = program("promtool", package="prometheus")
    blocks = ["tsdb", "create-blocks-from", "--max-block-duration=576h", "openmetrics", samples, folder / "tsdb"]
    subprocess.run([promtool, *map(str, blocks)], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    port = free_port()
    command = [
        program("prometheus", package="prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        "--storage.tsdb.retention.time=50y",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    ]
    url = f"http://127.0.0.1:{port}"
    with Service(command, port=port, folder=folder, ready=lambda: _answers(f"{url}/-/ready")):
        yield url


@contextlib.contextmanager
def victoria_metrics(folder: Path, recording: Sequence[Series], *flags: str) -> Iterator[str]:
    """The URL of a VictoriaMetrics that has these samples."""
    port = free_port()
    command = [
        program("victoria-metrics", package="victoria-metrics"),
        f"-storageDataPath={folder}/data",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=50y",
        *flags,
    ]
    url = f"http://127.0.0.1:{port}"
    with Service(command, port=port, folder=folder, ready=lambda: _answers(f"{url}/health")):
        body = "".join(f"{name} {value!r} {at}\n" for name, value, at in _lines(recording)).encode()
        for address in ("/api/v1/import/prometheus", "/internal/force_flush"):
            with urllib.request.urlopen(url + address, body, timeout=30) as answer:
                answer.read()
        yield url


def openmetrics(recording: Iterable[Series]) -> Iterator[str]:
    """Samples as text, one metric after the other."""
    by_metric = sorted(recording, key=lambda series: series.labels["__name__"])
    for metric, members in groupby(by_metric, key=lambda series: series.labels["__name__"]):
        kind = "counter" if metric.endswith("_total") else "gauge"
        yield f"# TYPE {metric.removesuffix('_total')} {kind}\n"
        yield from (f"{name} {_number(value)} {at / 1000:.3f}\n" for name, value, at in _lines(members))
    yield "# EOF\n"


def entry(url: str, *, interval_seconds: int = 30, **more: object) -> ServerEntry:
    """A server of a configuration."""
    keys = {"timeout": timedelta(seconds=10), "offset": timedelta(seconds=30), **more}
    return ServerEntry(name="server", url=url, interval=timedelta(seconds=interval_seconds), **keys)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def client(entry: ServerEntry, telemetry: Telemetry | None = None) -> AsyncIterator[Client]:
    """A client of a server."""
    context = Context.default(SteadyClock())
    asking = Client(entry, context, telemetry or Telemetry())
    try:
        yield asking
    finally:
        asking.close()
        await context.close()


def _lines(recording: Iterable[Series]) -> Iterator[tuple[str, float, int]]:
    for series in recording:
        labels = ",".join(f'{name}="{value}"' for name, value in series.labels.items() if name != "__name__")
        name = f"{series.labels['__name__']}{{{labels}}}"
        yield from ((name, value, at) for at, value in series.samples)


def _number(value: float) -> str:
    return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
        return True
    return False
