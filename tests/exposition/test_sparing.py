"""What the log hears now and then only: at once, then with how many times, and nothing is left uncounted."""

import asyncio
import logging

import pytest

from slo.exposition.sparing import Sparing

pytestmark = pytest.mark.looptime

logger = logging.getLogger(__name__)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.__dict__["of"], record.__dict__.get("times", 1)) for record in caplog.records]


async def test_each_thing_is_told_at_once_and_then_with_how_many_times_it_came(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = Sparing(logger, every_seconds=60)
    for _ in range(5):
        for key in ("a", "b"):
            log.tell(logging.WARNING, "it happened", key=key, extra={"of": key})
        await asyncio.sleep(1)
    assert told(caplog) == [("a", 1), ("b", 1)]
    await asyncio.sleep(60)
    assert sorted(told(caplog)[2:]) == [("a", 4), ("b", 4)]


async def test_what_came_once_is_told_once_and_is_new_when_the_time_is_over(caplog: pytest.LogCaptureFixture) -> None:
    log = Sparing(logger, every_seconds=60)
    for _ in range(3):
        log.tell(logging.WARNING, "it happened", extra={"of": "a"})
        await asyncio.sleep(61)
    assert told(caplog) == [("a", 1)] * 3


async def test_the_last_one_is_told_of_with_its_error(caplog: pytest.LogCaptureFixture) -> None:
    log = Sparing(logger, every_seconds=60)
    for number in range(3):
        log.tell(logging.ERROR, "it failed", extra={"of": str(number)}, error=ValueError(number))
    await asyncio.sleep(61)
    assert told(caplog) == [("0", 1), ("2", 2)]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["0", "2"]
