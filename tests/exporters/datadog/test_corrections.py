"""What is to be done so that Datadog's corrections are as our exclusions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exporters.datadog.corrections import (
    OTHER,
    SCHEDULED,
    Correction,
    CorrectionPlan,
    PresentCorrection,
    corrections,
    known_by,
    plan_corrections,
)
from slo.core.exclusion import Exclusion
from tests.exporters.datadog.made import NOW, once, recurring, slo
from tests.exporters.datadog.records import START

SLOS = {"1": slo(), "2": slo("orca", labels={"customer": "other"})}
HOUR, DAY = 3600, 86_400


def wanted(*exclusions: Exclusion, now: datetime = NOW, owner: str = "w1") -> list[Correction]:
    return corrections(exclusions, SLOS, owner=owner, now=now)


def planned(
    exclusions: Sequence[Exclusion], present: Sequence[Correction], *, now: datetime = NOW, owner: str = "w1"
) -> CorrectionPlan:
    there = [PresentCorrection(id=str(number), correction=each) for number, each in enumerate(present)]
    want = wanted(*exclusions, now=now, owner=owner)
    return plan_corrections(want, there, owner=owner, slos=SLOS, known=known_by(exclusions), now=now)


def test_an_exclusion_is_a_correction_of_each_slo_that_it_is_for() -> None:
    first, second = wanted(once())
    assert (first.slo, first.category, first.start, first.end) == ("1", SCHEDULED, START + HOUR, START + 3 * HOUR)
    assert first.description.startswith("move: new racks (anna) [watchkeep w1 ")
    assert second == replace(first, slo="2")
    assert [each.slo for each in wanted(once(slos=("orca",)))] == ["2"]
    assert [each.slo for each in wanted(once(labels={"customer": "acme"}))] == ["1"]


@pytest.mark.parametrize(("hours", "category"), [(-1, SCHEDULED), (2, OTHER)])
def test_what_was_said_afterwards_was_not_scheduled(hours: float, category: str) -> None:
    [correction, _] = wanted(once(created_at=NOW + timedelta(hours=hours)))
    assert correction.category == category


@pytest.mark.parametrize(
    ("exclusion", "rule"),
    [
        (recurring("FREQ=WEEKLY;BYDAY=SU"), "FREQ=WEEKLY;BYDAY=SU"),
        (recurring("rrule:freq=daily;interval=2;count=9"), "FREQ=DAILY;INTERVAL=2;COUNT=9"),
        (
            recurring("FREQ=DAILY", until=datetime(2026, 2, 1, 3, tzinfo=UTC)),
            "FREQ=DAILY;UNTIL=20260201T030000Z",
        ),
    ],
)
def test_a_rule_in_words_of_datadog_and_without_clock_changes_is_told_as_one(exclusion: Exclusion, rule: str) -> None:
    [correction, _] = wanted(exclusion)
    assert (correction.rule, correction.duration, correction.end) == (rule, HOUR, 0)


def test_a_rule_begins_with_its_first_occurrence() -> None:
    [correction, _] = wanted(recurring("FREQ=WEEKLY;BYDAY=SU"))
    assert datetime.fromtimestamp(correction.start, UTC) == datetime(2025, 12, 7, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("exclusion", "starts"),
    [
        (recurring("FREQ=DAILY", zone="Europe/Berlin"), [START + HOUR + day * DAY for day in range(-7, 2)]),
        (recurring("FREQ=DAILY;BYHOUR=2"), [START + 2 * HOUR + day * DAY for day in range(-7, 2)]),
        (recurring("FREQ=DAILY;COUNT=1", until=datetime(2026, 1, 1, tzinfo=UTC)), []),
        (recurring("FREQ=YEARLY", start=datetime(2020, 1, 2)), [START + DAY]),  # noqa: DTZ001 - local
    ],
)
def test_any_other_rule_is_written_out_for_the_days_around(exclusion: Exclusion, starts: list[int]) -> None:
    found = [each for each in wanted(exclusion) if each.slo == "1"]
    assert [each.start for each in found] == starts
    assert all((each.rule, each.end) == ("", each.start + HOUR) for each in found)


def test_what_is_in_step_stays_and_what_is_missing_is_created() -> None:
    exclusions = [once(), recurring("FREQ=WEEKLY;BYDAY=SU"), recurring("FREQ=DAILY", zone="Europe/Berlin", name="d")]
    everything = wanted(*exclusions)
    assert planned(exclusions, everything) == CorrectionPlan(delete=[], create=[])
    assert planned(exclusions, everything[1:]) == CorrectionPlan(delete=[], create=everything[:1])


def test_what_an_exclusion_says_otherwise_now_is_made_anew() -> None:
    assert planned([once(hours=3)], wanted(once())) == CorrectionPlan(delete=["0", "1"], create=wanted(once(hours=3)))


def test_what_is_not_wanted_any_more_or_there_twice_is_deleted() -> None:
    assert planned([], wanted(once())) == CorrectionPlan(delete=["0", "1"], create=[])
    assert planned([once()], [*wanted(once()), *wanted(once())]).delete == ["2", "3"]


@pytest.mark.parametrize(
    "foreign",
    [
        Correction(slo="1", category=OTHER, description="lunch", start=START, end=START + HOUR),
        replace(wanted(once(), owner="w2")[0]),
        replace(wanted(once())[0], slo="3"),
        replace(wanted(once())[0], description=wanted(once())[0].description + " as said before"),
    ],
    ids=["of people", "of another owner", "of an SLO that is not ours", "that quotes one"],
)
def test_what_is_not_ours_is_not_touched(foreign: Correction) -> None:
    assert planned([], [foreign]) == CorrectionPlan(delete=[], create=[])


def test_what_is_past_stays_while_its_exclusion_is_there_and_what_is_long_past_for_good() -> None:
    daily, later = recurring("FREQ=DAILY", zone="Europe/Berlin"), NOW + timedelta(days=30)
    before = wanted(daily)
    assert planned([daily], before, now=later).delete == []
    assert len(planned([], before, now=later).delete) == len(before)
    assert planned([], before, now=NOW + timedelta(days=100)).delete == []
    assert wanted(once(), now=NOW + timedelta(days=91)) == []
