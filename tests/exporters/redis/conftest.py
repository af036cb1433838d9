"""Sentinels and exporters for tests at real servers. What awaits anything here runs on the watch's own event loop."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import pytest

from tests.hostile import LOOP
from tests.services import Service, free_port, program


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOP


class StartSentinel(Protocol):
    """Starts a Sentinel that watches the primary at this port as `main`, with a quorum of its own."""

    def __call__(self, primary: int, *, quorum: int = ...) -> Service: ...


@pytest.fixture(scope="session")
def start_sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSentinel]:
    """A factory of running Sentinels, which take a server for down after half a second."""
    executable = program("redis-sentinel", package="redis-sentinel")
    with contextlib.ExitStack() as running:

        def start(primary: int, *, quorum: int = 1) -> Service:
            folder, port = tmp_path_factory.mktemp("sentinel"), free_port()
            config = folder / "sentinel.conf"  # it writes there itself
            config.write_text(
                f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} {quorum}\n"
                "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n"
            )
            return running.enter_context(Service([executable, str(config)], port=port, folder=folder))

        yield start


class StartExporter(Protocol):
    """Starts a redis_exporter for the server at this port, with its usual settings."""

    def __call__(self, server: int) -> Service: ...


@pytest.fixture(scope="session")
def start_exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartExporter]:
    """A factory of running redis_exporters, Debian's."""
    executable = program("prometheus-redis-exporter", package="prometheus-redis-exporter")
    with contextlib.ExitStack() as running:

        def start(server: int) -> Service:
            folder, port = tmp_path_factory.mktemp("redis-exporter"), free_port()
            command = [
                *(executable, "-redis.addr", f"redis://127.0.0.1:{server}"),
                *("-web.listen-address", f"127.0.0.1:{port}", "-include-system-metrics"),
            ]
            return running.enter_context(Service(command, port=port, folder=folder))

        yield start
