"""Exclusions that people make outlive the process: as events of the journal, and as text on disk."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slo.core.events import Event
from slo.core.exclusion import Exclusion, Once
from slo.core.exclusion_events import NO_INCIDENT, ExclusionAdded, ExclusionWithdrawn, exclusions_after
from slo.core.folding import fold_all
from slo.core.recurrence import Recurrence
from slo.store.records import event_from_text, event_to_text

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONCE = Once(start=AT - timedelta(hours=5), end=AT - timedelta(hours=3))
WEEKLY = Recurrence(
    rule="FREQ=WEEKLY;BYDAY=SU",
    zone="Europe/London",
    start=datetime(2026, 1, 4, 2),  # noqa: DTZ001  a local time
    duration=timedelta(hours=2),
    until=AT + timedelta(days=365),
)


def exclusion(when: Once | Recurrence = ONCE, name: str = "patching") -> Exclusion:
    return Exclusion(
        name=name,
        reason="Machines are patched.",
        author="kim",
        created_at=AT,
        when=when,
        slos=("gate-availability",),
        labels={"customer": "acme"},
    )


@pytest.mark.parametrize("when", [ONCE, WEEKLY], ids=["once", "again and again"])
def test_an_exclusion_is_read_back_as_it_was_made(when: Once | Recurrence) -> None:
    event = ExclusionAdded.of(exclusion(when), at=AT)
    assert exclusions_after([event_from_text(event_to_text(event))]) == {"patching": exclusion(when)}


def test_whether_it_silences_is_read_back_too() -> None:
    event = ExclusionAdded.of(replace(exclusion(), silence=True), at=AT)
    assert exclusions_after([event_from_text(event_to_text(event))])["patching"].silence
    before = event_to_text(event).replace('"silence":true,', "")
    assert not exclusions_after([event_from_text(before)])["patching"].silence


def test_what_was_withdrawn_is_no_longer_in_force_and_may_be_made_anew() -> None:
    events: list[Event] = [
        ExclusionAdded.of(exclusion(), at=AT),
        ExclusionAdded.of(exclusion(name="other"), at=AT),
        ExclusionWithdrawn(incident=NO_INCIDENT, at=AT, name="patching", by="kim", why="it was tomorrow"),
    ]
    assert list(exclusions_after(events)) == ["other"]
    assert list(exclusions_after([*events, events[0]])) == ["other", "patching"]


def test_exclusions_are_about_no_incident() -> None:
    assert fold_all([ExclusionAdded.of(exclusion(), at=AT)]) == {}
