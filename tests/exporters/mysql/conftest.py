"""Real servers for the tests of the collector, each made once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.databases import MariaDB, StartMariaDB
from tests.exporters.mysql.servers import FOLLOWER, Node, follow, galera, granted
from tests.hostile import LOOP

LOGGED = ("--log-bin=bin", "--performance-schema=ON")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The watch's own event loop."""
    return LOOP


@pytest.fixture(scope="session")
def primary(start_mariadb: StartMariaDB) -> MariaDB:
    """A server that another one follows, with what the manual says that the collector needs."""
    server = start_mariadb("--server-id=1", *LOGGED)
    server.run(FOLLOWER, *granted("mariadb", "heartbeat", "canary"))
    return server


@pytest.fixture(scope="session")
def replica(start_mariadb: StartMariaDB, primary: MariaDB) -> MariaDB:
    """A server that follows `primary`, and is in step."""
    server = start_mariadb("--server-id=2", "--read-only=ON", *LOGGED)
    follow(server, primary)
    server.run(f"DO MASTER_GTID_WAIT('{primary.run('SELECT @@gtid_binlog_pos').strip()}', 20)")
    return server


@pytest.fixture(scope="session")
def nodes() -> Iterator[list[Node]]:
    """Three nodes of a cluster."""
    with galera() as cluster:
        cluster[0].run(*granted("mariadb"))
        yield cluster
