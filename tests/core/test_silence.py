"""Silences: who is not told, until when, and that none is without an end or an owner."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.events import Event
from slo.core.exclusion import Exclusion, Once
from slo.core.folding import fold_all
from slo.core.matching import parse_matcher
from slo.core.recurrence import Recurrence
from slo.core.silence import Silence, silence_of, silenced_by
from slo.core.silence_events import SilenceAdded, SilenceExpired, silences_after
from slo.store.records import event_from_text, event_to_text

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONCE = Once(start=AT - HOUR, end=AT + HOUR)
SUNDAYS = Recurrence(
    rule="FREQ=WEEKLY;BYDAY=SU",
    zone="Europe/London",
    start=datetime(2026, 1, 4, 2),  # noqa: DTZ001  a local time
    duration=2 * HOUR,
    until=AT + timedelta(days=365),
)
GATE = {"service": "gate", "slo": "gate-availability", "customer": "acme", "severity": "page", "priority": "P0"}


def silence(*matchers: str, when: Once | Recurrence = ONCE, name: str = "move") -> Silence:
    return Silence(
        name=name,
        matchers=tuple(map(parse_matcher, matchers or ('service="gate"', 'severity!="page"'))),
        reason="The gate moves.",
        owner="kim",
        when=when,
        created_at=AT,
    )


@pytest.mark.parametrize(
    ("matchers", "labels", "hidden"),
    [
        (("service=gate",), {}, True),
        (("service=gate", "customer=acme"), {}, True),
        (("service=gate", "customer=globex"), {}, False),
        (("slo=~gate-.*",), {}, True),
        (("slo=~gate",), {}, False),
        (("service=gate", 'scope=~"cluster=eu"'), {"scope": "cluster=eu"}, True),
        (('cluster!="eu"', "service=gate"), {}, True),
        (("service=gate",), {"source": "watchkeep"}, False),
        (("source=watchkeep",), {"source": "watchkeep"}, False),
    ],
)
def test_it_hides_what_fulfils_every_matcher_and_never_what_the_watch_says_of_itself(
    matchers: tuple[str, ...], labels: dict[str, str], *, hidden: bool
) -> None:
    assert (silenced_by(GATE | labels, [silence(*matchers)], AT) is not None) == hidden


@pytest.mark.parametrize(
    ("when", "at", "hidden"),
    [
        (ONCE, AT - HOUR - timedelta(microseconds=1), False),
        (ONCE, AT - HOUR, True),
        (ONCE, AT + HOUR - timedelta(microseconds=1), True),
        (ONCE, AT + HOUR, False),
        (SUNDAYS, datetime(2026, 3, 1, 1, 59, 59, tzinfo=UTC), False),
        (SUNDAYS, datetime(2026, 3, 1, 2, 0, tzinfo=UTC), True),
        (SUNDAYS, datetime(2026, 3, 1, 4, 0, tzinfo=UTC), False),
        # The clocks of London go forward at 01:00 UTC on this day: 02:00 there is 01:00 UTC.
        (SUNDAYS, datetime(2026, 3, 29, 1, 0, tzinfo=UTC), True),
        (SUNDAYS, datetime(2026, 4, 5, 2, 59, 59, tzinfo=UTC), True),
        (SUNDAYS, datetime(2026, 4, 5, 3, 0, tzinfo=UTC), False),
        (SUNDAYS, datetime(2027, 3, 7, 2, 30, tzinfo=UTC), False),
    ],
)
def test_it_begins_and_ends_to_the_second_in_the_time_of_its_zone(
    when: Once | Recurrence, at: datetime, *, hidden: bool
) -> None:
    assert (silenced_by(GATE, [silence("service=gate", when=when)], at) is not None) == hidden


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(-(10**6), 2 * 10**6))
def test_it_is_in_force_from_its_start_up_to_its_end(start: int, length: int, after: int) -> None:
    begin = datetime.fromtimestamp(start, UTC)
    once = Once(start=begin, end=begin + timedelta(seconds=length))
    assert silence(when=once).in_force(begin + timedelta(seconds=after)) == (0 <= after < length)


def test_the_first_of_several_is_named() -> None:
    other, first, second = silence("service=deck"), silence("service=gate"), silence("customer=acme")
    assert silenced_by(GATE, [other, first, second], AT) is first


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"owner": " "}, "owner is empty; write who answers for it"),
        ({"reason": ""}, "reason is empty; write why"),
        ({"matchers": ()}, "match holds for every alert; write a matcher that names some"),
        ({"matchers": (parse_matcher('service!="gate"'),)}, "match holds for every alert"),
        ({"when": Recurrence(rule="FREQ=DAILY", zone="UTC", start=SUNDAYS.start, duration=HOUR)}, "until is missing"),
    ],
)
def test_one_without_owner_reason_subject_or_end_is_refused(broken: dict[str, object], says: str) -> None:
    values: dict[str, object] = {
        "name": "move",
        "matchers": (parse_matcher("service=gate"),),
        "reason": "The gate moves.",
        "owner": "kim",
        "when": ONCE,
    }
    with pytest.raises(ValueError, match=says):
        Silence(**values | broken)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["FREQ=DAILY;COUNT=3", "FREQ=DAILY;UNTIL=20260401"])
def test_a_rule_may_end_itself(rule: str) -> None:
    when = Recurrence(rule=rule, zone="UTC", start=SUNDAYS.start, duration=HOUR)
    assert silence(when=when).when == when


def test_an_exclusion_may_silence_what_it_excludes_while_it_is_in_force() -> None:
    exclusion = Exclusion(
        name="patching",
        reason="Machines are patched.",
        author="kim",
        created_at=AT,
        when=ONCE,
        slos=("gate-availability", "gate.speed"),
        labels={"customer": "acme"},
        silence=True,
    )
    made = silence_of(exclusion)
    assert list(map(str, made.matchers)) == ['slo=~"gate-availability|gate[.]speed"', 'customer="acme"']
    assert list(map(str, silence_of(replace(exclusion, slos=("gate.speed",), labels={})).matchers)) == [
        'slo="gate.speed"'
    ]
    assert made.exclusion == exclusion.name
    assert silenced_by(GATE, [made], AT) is made
    assert silenced_by(GATE, [made], AT + HOUR) is None
    assert silenced_by(GATE | {"customer": "globex"}, [made], AT) is None
    assert silenced_by(GATE | {"slo": "gate.speed"}, [made], AT) is made
    assert silenced_by(GATE | {"slo": "gate-speed"}, [made], AT) is None


@pytest.mark.parametrize("when", [ONCE, SUNDAYS], ids=["once", "again and again"])
def test_a_silence_is_read_back_as_it_was_made(when: Once | Recurrence) -> None:
    made = silence('reason=~"a\\\\d|\\"b\\""', "customer=acme", when=when)
    event = SilenceAdded.of(made, at=AT)
    assert silences_after([event_from_text(event_to_text(event))]) == {"move": made}


def test_what_was_ended_is_over_and_may_be_made_anew() -> None:
    events: list[Event] = [
        SilenceAdded.of(silence(), at=AT),
        SilenceAdded.of(silence(name="other"), at=AT),
        SilenceExpired(incident="", at=AT, name="move", by="kim", why="it is done"),
    ]
    assert list(silences_after(events)) == ["other"]
    assert list(silences_after([*events, events[0]])) == ["other", "move"]
    assert fold_all(events) == {}
