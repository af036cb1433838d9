"""The vectorised engine against the scalar oracle: any SLOs, any traffic, gaps, late counts, restarts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from slo.core.budgeting import Budgeting, Method
from slo.core.calendar import CalendarWindow, Period
from slo.core.counts import Counts
from slo.core.exclusion import Exclusion, Once
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO
from tests.engine.twin import NEW_YEAR, Ending, Twin

pytestmark = pytest.mark.timeout(600)  # the scalar engine is slow, and a busy machine slower

SLIS = ("probe:a", "probe:b", "probe:c")

OBJECTIVES = [Fraction(1, 2), Fraction(3, 4), Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000)]
FACTORS = [Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2), Fraction(14, 5), Fraction(72, 5)]
"""Few and round, so that burn rates meet them exactly."""

CALENDARS = tuple(
    CalendarWindow(period=period, zone=zone)
    for period, zone in ((Period.WEEK, "UTC"), (Period.MONTH, "UTC"), (Period.QUARTER, "Africa/Lagos"))
)
"""Periods that begin within hours of the new year, or days after it."""

budgetings = st.one_of(
    st.just(Budgeting()),
    st.builds(
        Budgeting,
        method=st.just(Method.TIMESLICES),
        slice=st.sampled_from([1, 2, 5]).map(lambda minutes: timedelta(minutes=minutes)),
        target=st.sampled_from(OBJECTIVES),
        no_traffic_good=st.booleans(),
        no_data_bad=st.booleans(),
    ),
    st.builds(
        Budgeting,
        method=st.just(Method.RATIO_TIMESLICES),
        slice=st.sampled_from([1, 5]).map(lambda minutes: timedelta(minutes=minutes)),
    ),
)

NEAR_WRAP = Counts(good=10**12, bad=10**9, unknown=2**32 - 50, covered_ms=(2**32 - 3000) * 10)
"""Totals with which the unknown and covered counts of the rings soon wrap."""


@st.composite
def pairs(draw: st.DrawFn, *, slot: int, window: int) -> Pair:
    """A pair of windows of a few slots to a few minutes, at one of the round factors."""
    short = draw(st.integers(1, 8)) * slot
    long = short + draw(st.integers(1, 40)) * slot
    factor = draw(st.sampled_from(FACTORS))
    return Pair(
        long=timedelta(seconds=long),
        short=timedelta(seconds=short),
        budget=factor * Fraction(long, window),
        severity=draw(st.sampled_from([Severity.PAGE, Severity.PAGE, Severity.TICKET])),
        min_bad_events=draw(st.sampled_from([0, 1, 2, 3, 5, 8, 13])),
        hold=timedelta(seconds=draw(st.sampled_from([0, 0, 1, 3, 10])) * slot),
    )


@st.composite
def small_slos(draw: st.DrawFn, *, slot: int) -> list[SLO]:
    """One to five SLOs over up to three SLIs, with policies of their own; some share their shape."""
    window = draw(st.integers(20, 120)) * slot
    policies = draw(
        st.lists(
            st.lists(pairs(slot=slot, window=window), max_size=3, unique_by=lambda pair: (pair.long, pair.short)),
            min_size=1,
            max_size=3,
        )
    )
    return [
        SLO(
            name=f"slo-{number}",
            objective=draw(st.sampled_from(OBJECTIVES)),
            window=timedelta(seconds=window),
            sli=draw(st.sampled_from(SLIS)),
            pairs=tuple(draw(st.sampled_from(policies))),
            calendar=draw(st.sampled_from([None, *CALENDARS])),
            more_windows=draw(
                st.sampled_from([(), (), (timedelta(seconds=200 * slot), timedelta(hours=2)), CALENDARS])
            ),
        )
        for number in range(draw(st.integers(1, 5)))
    ]


@st.composite
def made_slos(draw: st.DrawFn, *, slot: int, start: int) -> tuple[list[SLO], list[Exclusion]]:
    """SLOs that the ledger makes columns for: of slices, of other SLOs, of definitions one after the other."""
    window = draw(st.integers(20, 120)) * slot
    policy = draw(st.lists(pairs(slot=slot, window=window), max_size=2, unique_by=lambda pair: (pair.long, pair.short)))
    plain = SLO(
        name="plain",
        objective=draw(st.sampled_from(OBJECTIVES)),
        window=timedelta(seconds=window),
        sli=SLIS[0],
        pairs=tuple(policy),
        interval=draw(st.sampled_from([None, timedelta(seconds=slot), timedelta(seconds=2 * slot)])),
        more_windows=draw(st.sampled_from([(), (timedelta(hours=2),), CALENDARS])),
    )
    other = replace(plain, name="other", sli=SLIS[1], objective=draw(st.sampled_from(OBJECTIVES)))
    sliced = replace(plain, name="sliced", sli=draw(st.sampled_from(SLIS)), budgeting=draw(budgetings))
    all_of = AllOf(slos=("plain", "other"))
    weighted = Weighted(
        weights=(("plain", Fraction(1)), ("other", draw(st.sampled_from([Fraction(1), Fraction(5, 2)]))))
    )
    moments = draw(st.lists(st.integers(-10, 60), max_size=2, unique=True))
    versions = [
        replace(
            draw(st.sampled_from([plain, other, sliced])),
            name="versions",
            objective=draw(st.sampled_from(OBJECTIVES)),
            effective_from=None if number == 0 else _moment(start, moments[number - 1]),
        )
        for number in range(len(moments) + 1)
    ]
    made = [
        sliced,
        replace(sliced, name="every", sli=all_of.key, definition=all_of, budgeting=draw(budgetings)),
        replace(plain, name="mean", sli=weighted.key, definition=weighted),
        *versions,
    ]
    kept = draw(st.lists(st.sampled_from(["sliced", "every", "mean", "versions"]), min_size=1, unique=True))
    spans = draw(st.lists(st.tuples(st.integers(-120, 90), st.integers(1, 40)), max_size=3))
    exclusions = [
        Exclusion(
            name=f"{begin}",
            reason="maintenance",
            author="kim",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            when=Once(start=_moment(start, begin), end=_moment(start, begin + length)),
        )
        for begin, length in spans
    ]
    return [plain, other, *(slo for slo in made if slo.name in kept)], exclusions


def _moment(start: int, minutes: int) -> datetime:
    return datetime.fromtimestamp(start // 60 * 60 + minutes * 60, UTC)


def long_slos() -> list[SLO]:
    """Windows over an hour, whose trailing edges move in steps of several slots of 10 s."""
    page = Pair(
        long=timedelta(hours=2),
        short=timedelta(minutes=10),
        budget=Fraction(1, 8),
        severity=Severity.PAGE,
        min_bad_events=3,
    )
    ticket = Pair(
        long=timedelta(hours=6),
        short=timedelta(hours=1),
        budget=Fraction(1, 4),
        severity=Severity.TICKET,
        hold=timedelta(minutes=2),
    )
    return [
        SLO(name="half-day", objective=Fraction(9, 10), window=timedelta(hours=12), sli=SLIS[0], pairs=(page, ticket)),
        SLO(name="three-hours", objective=Fraction(1, 2), window=timedelta(hours=3), sli=SLIS[0], pairs=(page,)),
        SLO(name="no-policy", objective=Fraction(3, 4), window=timedelta(minutes=70), sli=SLIS[1], pairs=()),
    ]


def policy_slos() -> list[SLO]:
    """The named policies over the windows that they are named after, with the minimum that probes have."""
    return [
        SLO(
            name=policy,
            objective=Fraction(objective),
            window=timedelta(days=int(policy.rpartition("-")[2].removesuffix("d"))),
            sli=sli,
            pairs=tuple(replace(pair, min_bad_events=3) for pair in POLICIES[policy]),
        )
        for policy, objective, sli in (
            ("google-30d", "0.999", SLIS[0]),
            ("google-28d", "0.99", SLIS[1]),
            ("pyrra-28d", "0.999", SLIS[0]),
            ("datadog-7d", "0.995", SLIS[2]),
        )
    ]


def weeks_slos() -> list[SLO]:
    """Windows up to weeks over slots of 10 s: their edges move in minutes and hours."""
    return [
        SLO(name=policy, objective=Fraction(99, 100), window=timedelta(days=days), sli=SLIS[0], pairs=POLICIES[policy])
        for policy, days in (("google-30d", 30), ("pyrra-28d", 28), ("datadog-7d", 7))
    ]


counts = st.builds(
    Counts,
    good=st.integers(0, 6),
    bad=st.sampled_from([0, 0, 0, 1, 2, 5]),
    unknown=st.sampled_from([0, 0, 1, 30]),
    covered_ms=st.integers(0, 100).map(lambda tens: tens * 10),
)
"""What a slot of a second holds; longer slots are covered for as many seconds."""


class TwinMachine(RuleBasedStateMachine):
    """A watch that lives through everything that may happen to it."""

    families: tuple[str, ...] = ("small", "small", "small", "small", "long", "policies")
    twin: Twin

    @initialize(data=st.data(), start=st.integers(-7200, 7200), wraps=st.booleans())
    def begin(self, data: st.DataObject, start: int, *, wraps: bool) -> None:
        """Begin to watch at any time, young or near the end of the counters."""
        family = data.draw(st.sampled_from(self.families))
        exclusions: list[Exclusion] = []
        if family == "made":
            slot, wraps = data.draw(st.sampled_from([10, 15, 60])), False
            slos, exclusions = data.draw(made_slos(slot=slot, start=NEW_YEAR + start))
        elif family == "small":
            slot = data.draw(st.sampled_from([1, 2, 5, 10, 15, 60]))
            slos = data.draw(small_slos(slot=slot))
        else:
            slot, slos = (10, long_slos()) if family == "long" else (60, policy_slos())
        begin = (NEW_YEAR + start) // slot * slot
        self.twin = Twin(slos, slot=slot, start=begin, carried=NEAR_WRAP if wraps else None, exclusions=exclusions)
        self.earliest = 0
        if family == "made":  # nothing may arrive for a time before the SLIs began: they would have begun then
            self.earliest = begin + slot
            for sli in range(3):
                self._add(sli, self.earliest, Counts(covered_ms=10))
            self.twin.close(self.earliest)

    @rule(
        slots=st.integers(1, 40),
        pattern=st.lists(st.tuples(st.integers(0, 2), counts), min_size=1, max_size=5),
    )
    def traffic(self, slots: int, pattern: list[tuple[int, Counts]]) -> None:
        """Some slots of one SLI at a time, partly known, the same pattern again and again."""
        for number in range(slots):
            sli, seen = pattern[number % len(pattern)]
            end = self.twin.now + self.twin.slot
            self._add(sli, end, seen)
            self.twin.close(end)

    @rule(slots=st.integers(1, 90), bad=st.lists(st.sampled_from([0, 0, 0, 1, 1, 2]), min_size=1, max_size=7))
    def known(self, slots: int, bad: list[int]) -> None:
        """Some slots of every SLI, wholly known, with failures that come and go."""
        for number in range(slots):
            end = self.twin.now + self.twin.slot
            for sli in range(3):
                failed = bad[(number + sli) % len(bad)]
                self._add(sli, end, Counts(good=4 - failed, bad=failed, covered_ms=1000))
            self.twin.close(end)

    @rule(slots=st.integers(1, 90))
    def healthy(self, slots: int) -> None:
        """All is well for a while."""
        self.known(slots, [0])

    @rule(sli=st.integers(0, 2), back=st.integers(0, 60), counts=counts)
    def late(self, sli: int, back: int, counts: Counts) -> None:
        """Something arrives for a slot that has closed."""
        self._add(sli, self.twin.now - back * self.twin.slot, counts)

    @rule(sli=st.integers(0, 2), back=st.sampled_from([100, 359, 360, 361, 720, 3000]), counts=counts)
    def very_late(self, sli: int, back: int, counts: Counts) -> None:
        """Something arrives hours late, at or beyond the edges of windows."""
        self._add(sli, self.twin.now - back * self.twin.slot, counts)

    @rule(sli=st.integers(0, 2), ahead=st.integers(2, 50), counts=counts)
    def early(self, sli: int, ahead: int, counts: Counts) -> None:
        """Something is counted in a slot that closes later."""
        self._add(sli, self.twin.now + ahead * self.twin.slot, counts)

    @rule(slots=st.one_of(st.integers(2, 100), st.sampled_from([359, 360, 361, 362, 1000, 3601, 9000])))
    def gap(self, slots: int) -> None:
        """Many slots close at once: the machine slept."""
        self.twin.close(self.twin.now + slots * self.twin.slot)

    @rule(seen=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30), counts), min_size=1, max_size=3))
    def catch_up(self, seen: list[tuple[int, int, Counts]]) -> None:
        """Slots were counted in and could not be closed in time: they close at once."""
        now = self.twin.now
        for sli, ahead, one in seen:
            self._add(sli, now + ahead * self.twin.slot, one)
        self.twin.close(now + 30 * self.twin.slot)

    @rule(order=st.permutations(SLIS), ending=st.sampled_from(Ending), packed=st.booleans())
    def restart(self, order: list[str], ending: Ending, *, packed: bool) -> None:
        """The ledger ends and begins again from its disk; the configuration has its SLIs in another order."""
        self.twin.restart(order, ending=ending, packed=packed)

    @rule(slis=st.frozensets(st.sampled_from(SLIS)))
    def blame(self, slis: frozenset[str]) -> None:
        """Other targets are at fault than before."""
        self.twin.at_fault = slis

    @rule()
    def look(self) -> None:
        """Somebody reads the page."""
        self.twin.compare()

    def teardown(self) -> None:
        """Somebody always does in the end."""
        if hasattr(self, "twin"):
            self.twin.compare()

    def _add(self, sli: int, end: int, counts: Counts) -> None:
        names = [name for name in self.twin.engine.ledger.names if name in SLIS]
        covered_ms = counts.covered_ms * self.twin.slot
        self.twin.add(names[sli % len(names)], max(end, self.earliest), replace(counts, covered_ms=covered_ms))


class MadeTwinMachine(TwinMachine):
    """The same with SLOs whose columns are made of what is counted."""

    families = ("made",)


TwinMachine.TestCase.settings = settings(max_examples=75, stateful_step_count=20)
MadeTwinMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=20)
test_the_engine_and_its_oracle_never_differ = TwinMachine.TestCase
test_nor_do_they_where_columns_are_made = MadeTwinMachine.TestCase


@settings(max_examples=8)
@given(
    hours=st.lists(st.tuples(st.integers(0, 32 * 24), counts), min_size=1, max_size=30),
    start=st.integers(0, 9 * 360),
    moments=st.lists(st.tuples(st.integers(1, 800), st.integers(0, 31 * 8640), counts), min_size=1, max_size=8),
    packed=st.booleans(),
)
def test_weeks_of_history_in_slots_and_minutes_make_the_windows_that_the_slots_make(
    *,
    hours: list[tuple[int, Counts]],
    start: int,
    moments: list[tuple[int, int, Counts]],
    packed: bool,
) -> None:
    now = NEW_YEAR + start * 10
    twin = Twin(weeks_slos(), slot=10, start=now)
    for age, seen in hours:
        twin.remember(SLIS[0], now - age * 3600, slots=360, counts=replace(seen, covered_ms=seen.covered_ms * 10))
    twin.restart(SLIS[:1], ending=Ending.KILLED, packed=packed)
    twin.compare()
    for slots, age, late in moments:
        twin.close(twin.now + slots * 10)
        twin.add(SLIS[0], twin.now - age * 10, late)
        twin.compare()
