"""Two real servers that take Prometheus remote write, one of each for a session, read back over their own APIs."""

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest

from tests.services import Service, free_port, program

Samples: TypeAlias = dict[frozenset[tuple[str, str]], list[tuple[int, float]]]
"""By the labels of a series, `__name__` among them: each sample with its time in ms, as often as it is there."""


def _slos_of(port: int, selector: str) -> list[str]:
    query = urllib.parse.urlencode({"query": selector})
    found = json.loads(_asked(f"http://127.0.0.1:{port}/api/v1/query?{query}"))["data"]["result"]
    return sorted(series["metric"]["slo"] for series in found)


class Receiver(Protocol):
    """A server. `path` is where it takes remote write."""

    @property
    def port(self) -> int: ...
    @property
    def path(self) -> str: ...

    def samples(self, selector: str) -> Samples:
        """Everything that is stored of the series that a selector selects."""

    def now(self, selector: str) -> list[str]:
        """The labels `slo` of the series that a selector selects and that have a value now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prometheus:
    """A Prometheus that was started with its receiver."""

    port: int
    path: str = "/api/v1/write"

    def samples(self, selector: str) -> Samples:
        """Everything that is stored of the series that a selector selects."""
        query = urllib.parse.urlencode({"query": f"{selector}[1d]"})
        found = json.loads(_asked(f"http://127.0.0.1:{self.port}/api/v1/query?{query}"))["data"]["result"]
        return {
            frozenset(series["metric"].items()): [(round(at * 1000), float(value)) for at, value in series["values"]]
            for series in found
        }

    def now(self, selector: str) -> list[str]:
        """The labels `slo` of the series that a selector selects and that have a value now."""
        return _slos_of(self.port, selector)


@dataclass(frozen=True, kw_only=True, slots=True)
class VictoriaMetrics:
    """A VictoriaMetrics that knows a sample that comes twice."""

    port: int
    path: str = "/api/v1/write"

    def samples(self, selector: str) -> Samples:
        """Everything that is stored of the series that a selector selects."""
        url = f"http://127.0.0.1:{self.port}"
        _asked(f"{url}/internal/force_flush")
        query = urllib.parse.urlencode({"match[]": selector})
        found: Samples = {}
        for line in _asked(f"{url}/api/v1/export?{query}").splitlines():
            series = json.loads(line)
            key = frozenset(series["metric"].items())
            found.setdefault(key, []).extend(zip(series["timestamps"], map(float, series["values"]), strict=True))
        return {key: sorted(samples) for key, samples in found.items()}

    def now(self, selector: str) -> list[str]:
        """The labels `slo` of the series that a selector selects and that have a value now."""
        _asked(f"http://127.0.0.1:{self.port}/internal/force_flush")
        return _slos_of(self.port, selector)


def _asked(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
    return body


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
        return True
    return False


@pytest.fixture(scope="session")
def prometheus_receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with `--web.enable-remote-write-receiver`."""
    folder, port = tmp_path_factory.mktemp("receiver"), free_port()
    with _prometheus(folder, port):
        yield Prometheus(port=port)


@contextlib.contextmanager
def _prometheus(folder: Path, port: int) -> Iterator[None]:
    (folder / "prometheus.yml").write_text("{}", encoding="utf-8")
    command = [
        program("prometheus", package="prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    with Service(command, port=port, folder=folder, ready=lambda: _answers(f"http://127.0.0.1:{port}/-/ready")):
        yield


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    """VictoriaMetrics with `-dedup.minScrapeInterval=1ms`."""
    folder, port = tmp_path_factory.mktemp("victoria"), free_port()
    command = [
        program("victoria-metrics", package="victoria-metrics"),
        f"-storageDataPath={folder}/data",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=1",
        "-dedup.minScrapeInterval=1ms",
        "-search.latencyOffset=0s",
    ]
    with Service(command, port=port, folder=folder, ready=lambda: _answers(f"http://127.0.0.1:{port}/health")):
        yield VictoriaMetrics(port=port)
