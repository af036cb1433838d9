"""Which groups real servers have of an SLO: now, and a day back when they are asked for the first time."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slo.core.selector import parse_selector
from slo.core.sli import PrometheusSLI
from slo.core.slo import SLO
from slo.errors import ServerFault
from slo.sources.prometheus.answers import Series
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.groups import LOOK_BACK_SECONDS, GroupSearch
from tests.replay.oracle_counts import Series as Recorded
from tests.sources.prometheus.stored import client, entry, prometheus, victoria_metrics

END = 1_767_225_600
HOUR = 3600


def series(begin: int, end: int, **labels: str) -> Recorded:
    """A counter that is scraped every minute from one time before END to another."""
    times = range(END - begin, END - end + 1, 60)
    return Recorded(
        labels={"__name__": "requests_total", **labels}, samples=[(at * 1000, float(n)) for n, at in enumerate(times)]
    )


RECORDED = [
    series(2 * HOUR, 0, cluster="eu", code="200"),
    series(2 * HOUR, 0, cluster="eu", code="500"),
    series(1 * HOUR, 0, code="200"),
    series(9 * HOUR, 8 * HOUR, cluster="gone"),
    series(LOOK_BACK_SECONDS + 9 * HOUR, LOOK_BACK_SECONDS + 2 * HOUR, cluster="forgotten"),
    series(2 * HOUR, 0, cluster="of another", job="other"),
]


@pytest.fixture(scope="module", params=[prometheus, victoria_metrics], ids=["prometheus", "victoria-metrics"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("server")
    with request.param(folder, RECORDED) as url:
        yield url


@pytest.fixture
async def asking(url: str) -> AsyncIterator[Client]:
    async with client(entry(url)) as asking:
        yield asking


def search(*group_by: str) -> GroupSearch:
    sli = PrometheusSLI(server="server", total="requests_total", part="requests_total", part_is="bad")
    slo = SLO(
        name="api",
        objective=Fraction(99, 100),
        window=timedelta(days=30),
        sli=sli.key,
        pairs=(),
        definition=sli,
        group_by=group_by,
    )
    return GroupSearch(slo, parse_selector('requests_total{job!="other"}'))


async def test_the_first_answer_has_the_groups_of_a_day_and_the_next_those_since(asking: Client) -> None:
    looking = search("cluster")
    now = END + HOUR
    assert await asking.run(lambda: looking.read(asking, END - HOUR, now)) == {("eu",), ("gone",), ("",)}
    assert await asking.run(lambda: looking.read(asking, END, now)) == {("eu",), ("",)}
    assert await asking.run(lambda: looking.read(asking, END, now)) == set(), "nothing that was not asked already"


async def test_every_combination_is_a_group(asking: Client) -> None:
    looking = search("cluster", "code")
    found = await asking.run(lambda: looking.read(asking, END, END + HOUR))
    assert found == {("eu", "200"), ("eu", "500"), ("", "200"), ("gone", "")}


class Limited:
    """A server that answers for a number of points in time, and no more. `asked` are those that it was asked for."""

    def __init__(self, most: int, reason: str = "too_much") -> None:
        self.asked: list[int] = []
        self._most = most
        self._reason = reason

    def values(self, _expression: str, points: Sequence[int], _now: float) -> list[Series]:
        self.asked.append(len(points))
        if len(points) > self._most:
            raise ServerFault(self._reason)
        return []


def test_where_a_day_is_too_much_the_newest_time_is_asked_for() -> None:
    looking, server = search("cluster"), Limited(1)
    looking.read(server, END, END)  # type: ignore[arg-type]
    looking.read(server, END + 30, END + 30)  # type: ignore[arg-type]
    assert server.asked == [288, 1, 1]


@pytest.mark.parametrize(("most", "reason"), [(0, "too_much"), (0, "connect_refused")])
def test_what_was_not_answered_is_asked_for_again(most: int, reason: str) -> None:
    looking, server = search("cluster"), Limited(most, reason)
    for _ in range(2):
        with pytest.raises(ServerFault):
            looking.read(server, END, END)  # type: ignore[arg-type]
    assert server.asked[0] == server.asked[-1 if reason != "too_much" else 2] == 288
