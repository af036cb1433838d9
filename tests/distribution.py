"""Which tests run in one process, and in which order: what costs wall time when hundreds of tests are spread.

Markers of xdist would say who stays together, but xdist 3.8 writes that into a name that pytest 9.2 does not read any
more. So the scheduler is told, and knows files.
"""

from collections.abc import Mapping

import pytest

TOGETHER: Mapping[str, str] = {
    "tests/interop/prometheus/test_history.py": "history of a Prometheus",
    "tests/e2e/test_bad_days.py": "bad days",
    "tests/probes/test_redis.py": "redis",
    "tests/exporters/redis/test_beside.py": "redis beside its exporter",
    "tests/exporters/redis/test_faults.py": "faults of redis",
    "tests/exporters/mysql/test_beside.py": "servers of MySQL",
    "tests/exporters/mysql/test_faults.py": "servers of MySQL",
    "tests/exposition/test_peers.py": "peers",
    "tests/probes/test_sql.py": "databases",
    "tests/net/test_sessions.py": "databases",
    "tests/exporters/postgres/test_beside.py": "a primary and its standby of PostgreSQL",
    "tests/exporters/postgres/test_faults.py": "a primary and its standby of PostgreSQL",
}
"""Files whose tests share what takes long to make, and what that is: they run in one process, and are begun first."""

WAITING = ("tests/e2e/", "tests/demo/test_story.py")
"""Tests of whole processes, which wait most of the time."""

WORKING = (
    "tests/router/machine/",
    "tests/engine/test_twin.py",
    "tests/replay/test_differential.py::test_replay_of_a_month",
    "tests/router/test_shared_pages.py::TestSharedPages",
)
"""Tests that keep a processor busy for a minute and longer."""


def file_of(nodeid: str) -> str:
    """The file that a test is in."""
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, those that work spread among those that wait: together they fill the processors, and
    at the end no worker is alone with one that has only begun. What runs together is begun before all of them anyway.
    """
    alone = [item for item in items if file_of(item.nodeid) not in TOGETHER]
    waiting = [item for item in alone if item.nodeid.startswith(WAITING)]
    working = [item for item in alone if item.nodeid.startswith(WORKING)]
    among = len(waiting) // len(working) if working else 0
    longest: list[pytest.Item] = []
    for number, item in enumerate(working):
        longest += [item, *waiting[number * among : (number + 1) * among]]
    longest += waiting[len(working) * among :]
    begun = set(longest)
    items[:] = [*longest, *(item for item in items if item not in begun)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Spread the tests one by one, but those that run together."""
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda nodeid: TOGETHER.get(file_of(nodeid), nodeid)
    scheduler._pending_of = pending_of
    return scheduler


def pending_of(workload: dict[str, dict[str, bool]]) -> int:
    """How many tests of a worker are not done. Lets go of what is, which xdist would count again after each test."""
    for scope in [scope for scope, tests in workload.items() if all(tests.values())]:
        del workload[scope]
    return sum(not done for tests in workload.values() for done in tests.values())
