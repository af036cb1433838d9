"""Every count of every slot, and when it became known, as the oracle has it, over small recordings of any shape."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slo.cli.context import load_settings
from slo.config.settings import Settings
from slo.replay.documents import report_document, transition_document
from slo.replay.files import FileReplay
from tests.replay.oracle import SECOND, Objective, Pair, evaluations, replay
from tests.replay.oracle_counts import Indicator, Matching, Series, entries_of, targets_of
from tests.replay.recordings import Scenario
from tests.replay.test_differential import first_difference

NEW_YEAR = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

INDICATORS = (
    Indicator(total=Matching(metric="requests_total"), part=Matching(metric="failures_total")),
    Indicator(total=Matching(metric="requests_total"), part=Matching(metric="successes_total"), part_is="good"),
    Indicator(total=Matching(metric="requests_total"), part=Matching(metric="requests_total", labels={"code": "5.."})),
)
TARGETS: Sequence[Mapping[str, str]] = ({}, {"job": "api"}, {"instance": "a"}, {"job": "api", "instance": "b"})
SERIES = (
    {"__name__": "requests_total"},
    {"__name__": "requests_total", "code": "500"},
    {"__name__": "failures_total"},
    {"__name__": "successes_total"},
    {"__name__": "up"},
    {"__name__": "build_info"},
)
VALUES = st.one_of(
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from([float("nan"), float("inf"), -1, 0.5, 7.75, 1e6, 2**53 + 2, 1e300]),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    slot = draw(st.sampled_from([1, 5, 10, 60])) * SECOND
    recording = []
    for identity in draw(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique_by=str)):
        unit = draw(st.sampled_from([1, slot // 20, slot // 2, slot]))
        times = draw(st.lists(st.integers(0, 40 * slot // unit), min_size=1, max_size=14, unique=True))
        scrapes = [NEW_YEAR + unit * time for time in sorted(times)]
        for labels in draw(st.lists(st.sampled_from(SERIES), min_size=1, unique_by=str)):
            values = st.sampled_from([0, 1, 1]) if labels["__name__"] == "up" else VALUES
            samples = [(at, draw(values)) for at in scrapes if draw(st.integers(0, 7))]
            if samples:
                recording.append(Series(labels={**labels, **identity}, samples=samples))
    assume(targets_of(recording))
    return Scenario(
        story="small",
        recording=sorted(recording, key=lambda series: series.labels["__name__"]),
        objectives=[_objective(f"slo-{index}", indicator, slot) for index, indicator in enumerate(INDICATORS)],
        slot=slot,
        step=slot * draw(st.sampled_from([1, 3])),
    )


def _objective(name: str, indicator: Indicator, slot: int) -> Objective:
    short, long = 2 * slot, 6 * slot
    pairs = (
        Pair(long=long, short=short, budget=Fraction(1, 2), severity="page", min_bad_events=5),
        Pair(long=2 * long, short=long, budget=Fraction(1, 1), severity="ticket", hold=2 * slot),
    )
    return Objective(name=name, objective=Fraction(3, 4), window=2 * long, indicator=indicator, pairs=pairs)


@settings(max_examples=120)
@given(what=scenarios())
def test_every_count_of_every_slot_is_that_of_the_oracle(
    what: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> None:
    loaded = settings_of(what.config)
    samples = tmp_path_factory.getbasetemp() / "small.om"
    samples.write_text(what.samples)
    steps = evaluations(what.recording, slot=what.slot, step=what.step)
    told = replay(what.recording, what.objectives, slot=what.slot, step=what.step)
    assert not first_difference(replayed(what, loaded, samples), told)
    for slo, found in zip(what.objectives, counted(what, loaded, samples), strict=True):
        entries = entries_of(targets_of(what.recording), slo.indicator, what.slot)
        known = summed((entry.arrives, entry.slot, entry[2:]) for entry in entries if entry.arrives <= steps[-1])
        assert found == known, slo.name


Arrived = tuple[int, int]
"""The slot at whose closing something became known, and the slot that it is about; their ends."""


@cache
def settings_of(config: str) -> Settings:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config)
        return load_settings(path)


def opened(what: Scenario, loaded: Settings, samples: Path) -> AbstractContextManager[FileReplay]:
    slot, step = what.slot // SECOND, what.step // SECOND
    return FileReplay.of(samples, loaded.slos, slot_seconds=slot, step_seconds=step)


def replayed(what: Scenario, loaded: Settings, samples: Path) -> list[Mapping[str, object]]:
    with opened(what, loaded, samples) as recorded:
        transitions = [transition_document(transition) for transition in recorded.transitions()]
        return [*transitions, *(report_document(status) for status in recorded.statuses())]


def counted(what: Scenario, loaded: Settings, samples: Path) -> list[dict[Arrived, list[int]]]:
    """What the counter source counts of each SLO: good, bad, unknown, covered time."""
    with opened(what, loaded, samples) as recorded:
        stretches = list(recorded._samples.stretches())
    blocks = [
        (came, block)
        for stretch in stretches
        for came, block in [*((None, each) for each in stretch.blocks), *stretch.late]
    ]
    return [
        summed(
            ((came or end) * SECOND, end * SECOND, block.counts[:, row, block.names.index(slo.sli)].tolist())
            for came, block in blocks
            for row, end in enumerate(block.ends.tolist())
        )
        for slo in loaded.slos
    ]


def summed(rows: Iterable[tuple[int, int, Sequence[int]]]) -> dict[Arrived, list[int]]:
    sums: dict[Arrived, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for arrived, slot, counts in rows:
        sums[arrived, slot] = [before + more for before, more in zip(sums[arrived, slot], counts, strict=True)]
    return {place: counts for place, counts in sums.items() if any(counts)}
