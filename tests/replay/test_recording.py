"""A recording is read back by time, whatever order it came in and however little of it fits into memory."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.replay import recording as module
from slo.replay.recording import Recording

TOTAL = {"__name__": "requests_total", "job": "api", "instance": "a"}
BAD = {"__name__": "errors_total", "job": "api", "instance": "a"}
UP = {"__name__": "up", "job": "api", "instance": "a"}
OTHER = {"__name__": "requests_total"}
API = ("api", "a")


def samples(*pairs: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([at for at, _ in pairs], np.int64), np.array([value for _, value in pairs], float)


Recorded = Callable[..., Recording]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Makes recordings of series: labels with pairs of time and value. They are closed after the test."""
    recordings: list[Recording] = []

    def make(*series: tuple[dict[str, str], list[tuple[int, float]]]) -> Recording:
        recording = Recording(lambda labels: labels["__name__"] != "up")
        recordings.append(recording)
        for labels, pairs in series:
            recording.add(labels, *samples(*pairs))
        recording.finish()
        return recording

    yield make
    for recording in recordings:
        recording.close()


def read(recording: Recording, after: int, until: int) -> list[tuple[int, list[float | None]]]:
    times, values = recording.scrapes(recording.targets[API], after, until)
    rows = [[None if math.isnan(value) else value for value in row] for row in values.tolist()]
    return list(zip(times.tolist(), rows, strict=True))


def test_all_series_of_a_target_are_read_side_by_side(recorded: Recorded) -> None:
    recording = recorded((TOTAL, [(10, 1), (40, 2), (70, 3)]), (BAD, [(40, 5), (70, 6)]))
    assert read(recording, 0, 40) == [(10, [1, None]), (40, [2, 5])]
    assert read(recording, 40, 100) == [(70, [3, 6])]
    assert read(recording, 100, 200) == []


def test_scrapes_are_the_times_of_all_series_also_of_those_that_nobody_wants(recorded: Recorded) -> None:
    assert read(recorded((TOTAL, [(10, 1)]), (UP, [(10, 1), (40, 1)])), 0, 50) == [(10, [1]), (40, [None])]


def test_a_time_at_which_the_target_was_down_is_no_scrape(recorded: Recorded) -> None:
    assert read(recorded((TOTAL, [(10, 1), (40, 2)]), (UP, [(10, 1), (40, 0)])), 0, 50) == [(10, [1])]


def test_targets_go_by_job_and_instance_and_what_has_neither_is_one_target(recorded: Recorded) -> None:
    recording = recorded((TOTAL, [(10, 1)]), (OTHER, [(20, 1)]))
    assert {name: target.scraped.times_ms.tolist() for name, target in recording.targets.items()} == {
        API: [10],
        ("", ""): [20],
    }
    assert recording.bounds_ms == (10, 20)


@pytest.mark.parametrize(
    ("times", "interval"), [([0, 30, 60, 300], 30), ([0, 30, 61], 30), ([5], 60_000)], ids=["median", "cut", "one"]
)
def test_the_interval_is_the_median_distance(recorded: Recorded, times: list[int], interval: int) -> None:
    recording = recorded((TOTAL, [(at, 1) for at in times]))
    assert recording.targets[API].scraped.interval_ms == interval


def test_an_empty_recording_has_no_bounds(recorded: Recorded) -> None:
    assert recorded().bounds_ms is None


@given(
    series=st.lists(st.sets(st.integers(1, 60), min_size=1).map(sorted), min_size=1, max_size=4),
    piece=st.integers(1, 5),
    waiting=st.integers(1, 50),
    cuts=st.sets(st.integers(1, 59)),
)
def test_it_does_not_matter_how_it_came_and_how_it_is_read(
    series: list[list[int]], piece: int, waiting: int, cuts: set[int]
) -> None:
    labels = [{**TOTAL, "code": str(index)} for index in range(len(series))]
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("WAITING_SAMPLES", "WAITING_TIMES", "READ_SAMPLES"):
            patch.setattr(module, limit, waiting if limit != "READ_SAMPLES" else piece)
        recording = Recording(lambda _labels: True)
        parts = [
            (times[begin : begin + piece], each)
            for each, times in zip(labels, series, strict=True)
            for begin in range(0, len(times), piece)
        ]
        for times, each in sorted(parts, key=lambda part: part[0][0]):
            recording.add(each, *samples(*((at, at * 10.0) for at in times)))
        recording.finish()
        target = recording.targets[API]
        found = [recording.scrapes(target, a, b) for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 60], strict=True)]
        recording.close()
    order = [labels.index(dict(one.labels)) for one in target.series]
    times = np.concatenate([each for each, _ in found]).tolist()
    values = np.concatenate([each for _, each in found])
    assert times == sorted(set().union(*series))
    for column, index in enumerate(order):
        assert [at if at in series[index] else None for at in times] == [
            None if math.isnan(value) else round(value / 10) for value in values[:, column].tolist()
        ]
