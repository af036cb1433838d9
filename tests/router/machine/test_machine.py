"""The router among its vendors, whatever happens in whatever order: alerts, people, programs, kills, bad days, clocks.

See `invariants` for what is held against the records.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from slo.core.alert import FiringPair
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.workspace import BOT_USER
from slo.errors import StoreBusy, StoreFull
from tests.router.machine.invariants import hold_always, hold_at_the_end, hold_when_mended
from tests.router.machine.town import ANNA, CARLA, ROBOT
from tests.router.machine.world import SLOS, World
from tests.router.making import PAGE, SLOW_PAGE, TICKET

EXAMPLES = 32
STEPS = 20

FIRING = st.sampled_from(
    [
        frozenset[FiringPair](),
        frozenset({TICKET}),
        frozenset({PAGE}),
        frozenset({PAGE, SLOW_PAGE, TICKET}),
    ]
)
BAD_DAYS = st.sampled_from(
    [
        Injection(status=500),
        Injection(status=503, processed=True),
        Injection(status=429, retry_after="20"),
        Injection(reset=True),
        Injection(reset=True, processed=True),
        Injection(status=502, times=5),
        Injection(reset=True, processed=True, times=3),
    ]
)
STEPS_OF_A_PROCESS = st.sampled_from(
    [
        *("before commit", "after commit", "before begin", "after begin", "before finish", "after finish"),
        *(f"before {name}" for name in ("pagerduty", "slack", "jira", "mail")),
        *(f"after {name}" for name in ("pagerduty", "slack", "jira", "mail")),
        *(f"{name} is asked" for name in ("pagerduty", "slack", "jira", "mail")),
        *(f"{name} has it" for name in ("pagerduty", "slack", "jira", "mail")),
    ]
)
WHICH = st.integers(0, 3)
PERSON = {"id": "U0ANNA", "name": "anna"}
PROGRAM = {"id": BOT_USER, "name": "watchkeep"}


T = TypeVar("T")


def chosen(among: Sequence[T], which: int) -> Sequence[T]:
    """The one of that number, as a list; none where there is none at all."""
    return [among[which % len(among)]] if among else []


class Machine(RuleBasedStateMachine):
    """Two SLOs, one of which is a P0 when it pages, and four destinations."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="watchkeep-machine-")
        self.world = World(Path(self._folder.name)).__enter__()

    def teardown(self) -> None:
        try:
            self.world.mended()
            hold_always(self.world)
            hold_when_mended(self.world)
            self.world.ends()
            hold_always(self.world)
            hold_when_mended(self.world)
            hold_at_the_end(self.world)
        finally:
            self.world.__exit__()
            self._folder.cleanup()

    # Alerts and time

    @initialize()
    def the_gate_pages(self) -> None:
        self.alerts_change("gate", frozenset({PAGE}))

    @rule(slo=st.sampled_from(sorted(SLOS)), firing=FIRING)
    def alerts_change(self, slo: str, firing: frozenset[FiringPair]) -> None:
        self.world.firing[slo] = firing
        self.world.times.let_pass(10)
        self.world.slot_ends()
        self.world.rests()

    @rule(slo=st.sampled_from(sorted(SLOS)))
    def an_outage_passes(self, slo: str) -> None:
        for firing in (frozenset({PAGE}), frozenset[FiringPair](), frozenset[FiringPair]()):
            self.alerts_change(slo, firing)
            self.world.times.let_pass(3600)

    @rule(seconds=st.sampled_from([10, 300, 1900, 4000, 15_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.times.let_pass(seconds)
        self.world.slot_ends()
        self.world.rests()

    @rule(ahead=st.sampled_from([0, 0, 120, -120, 1500, -1500]))
    def the_clock_jumps(self, ahead: int) -> None:
        self.world.times.ahead_seconds = ahead
        self.world.slot_ends()

    # People and programs. What there is to be acted on follows from the world, which is not drawn: they take the one
    # of number `which`, if there is any.

    @rule(which=WHICH)
    def somebody_acknowledges_by_the_command_line(self, which: int) -> None:
        for incident in chosen(self.open(), which):
            self.world.acknowledges(incident)

    @rule(
        which=WHICH,
        action=st.sampled_from(["acknowledge", "acknowledge", "resolve"]),
        agent=st.sampled_from(["user", "integration", "none"]),
    )
    def somebody_or_something_acts_at_pagerduty(self, which: int, action: str, agent: str) -> None:
        for key in chosen(self.pages(), which):
            self.world.acts_at_pagerduty(key, action, agent)

    @rule(again=st.booleans())
    def the_post_comes(self, **drawn: bool) -> None:
        if drawn["again"]:
            self.world.last_comes_again()
        self.world.post_comes()

    @rule(which=WHICH, user=st.sampled_from([PERSON, PERSON, PROGRAM]))
    def somebody_or_something_presses_a_button_in_slack(self, which: int, user: dict[str, str]) -> None:
        for ts, incident in chosen(self.world.buttons("acknowledge"), which):
            self.world.presses(ts, "acknowledge", user, incident if user is PERSON else "")

    @rule(which=WHICH, by=st.sampled_from([ANNA, CARLA, ROBOT]))
    def somebody_or_something_comments_in_jira(self, which: int, by: dict[str, str]) -> None:
        for issue, incident in chosen(self.world.tickets(), which):
            self.world.comments(issue, by, "I see it", incident, answers=by is ANNA)
        self.world.rests()

    @rule(which=WHICH, form=st.sampled_from(["note", "eta"]))
    def somebody_fills_in_a_form_in_slack(self, which: int, form: str) -> None:
        values: dict[str, object] = {"text": "I look"} if form == "note" else {"minutes": 45}
        for ts, incident in chosen(self.world.buttons(form), which):
            self.world.fills_in(ts, form, values, PERSON, incident)
        self.world.rests()

    @rule(which=WHICH, by=st.sampled_from([ANNA, ROBOT]))
    def somebody_or_something_resolves_the_ticket(self, which: int, by: dict[str, str]) -> None:
        for issue, incident in chosen(self.world.tickets(), which):
            self.world.moves(issue, by, "Resolved", incident if by is ANNA else "")
        self.world.rests()

    @rule()
    def webhooks_are_lost_and_pagerduty_is_asked(self) -> None:
        self.world.loses_the_post()
        self.world.asks_pagerduty()

    # Silences, bad days, kills

    @rule(slo=st.sampled_from(sorted(SLOS)), seconds=st.sampled_from([60, 1800]))
    def somebody_silences(self, slo: str, seconds: int) -> None:
        self.world.times.let_pass(1)
        self.world.silences(slo, seconds)

    @rule(vendor=st.sampled_from(["pagerduty", "slack", "jira"]), injection=BAD_DAYS)
    def a_vendor_has_a_bad_day(self, vendor: str, injection: Injection) -> None:
        self.world.town.inject(vendor, injection)

    @rule(times=st.sampled_from([1, 3]))
    def mail_is_greylisted(self, times: int) -> None:
        self.world.town.mail.refusing = times

    @rule(trouble=st.sampled_from([None, StoreFull("no space"), StoreBusy("held")]))
    def the_disk_fills_or_is_mended(self, trouble: StoreFull | StoreBusy | None) -> None:
        self.world.life.journal.trouble = trouble

    @rule()
    def it_is_killed(self) -> None:
        self.world.is_killed()

    @rule(step=STEPS_OF_A_PROCESS, times=st.integers(1, 3))
    def it_will_be_killed(self, step: str, times: int) -> None:
        self.world.life.boundaries.doom_soon(step, times)

    @rule()
    def it_is_restarted(self) -> None:
        self.world.restarts()

    @invariant()
    def promises_are_kept(self) -> None:
        hold_always(self.world)

    def open(self) -> list[str]:
        return [incident.id for incident in self.world.incidents().values() if incident.open]

    def pages(self) -> list[str]:
        incidents = self.world.town.pagerduty.incidents
        return sorted({each["dedup_key"] for each in incidents if each["status"] != "resolved"})


class SecondOutage(Machine):
    """The same, where all has been over once before."""

    @initialize()
    def the_gate_pages(self) -> None:
        self.an_outage_passes("gate")
        for slo in SLOS:
            self.alerts_change(slo, frozenset({PAGE}))


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("machine", [Machine, SecondOutage])
def test_whatever_happens_promises_are_kept(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate],  # an example takes a second: one that fails is read as it is, not made smaller
            suppress_health_check=list(HealthCheck),
        ),
    )
