"""The servers that tests of the collector share."""

import pytest

from tests.databases import Postgres, StartPostgres
from tests.exporters.postgres.watching import start_pair


@pytest.fixture(scope="session")
def pair(start_postgres: StartPostgres) -> tuple[Postgres, Postgres]:
    """A primary and its standby that nobody breaks for good. The standby soon gives up a primary that is silent."""
    return start_pair(
        start_postgres,
        "wal_sender_timeout=0",
        "shared_preload_libraries=pg_stat_statements",
        standby=("wal_receiver_timeout=2s", "wal_retrieve_retry_interval=200ms"),
    )


@pytest.fixture
def primary(pair: tuple[Postgres, Postgres]) -> Postgres:
    return pair[0]


@pytest.fixture
def standby(pair: tuple[Postgres, Postgres]) -> Postgres:
    return pair[1]
