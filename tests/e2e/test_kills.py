"""`kill -9` where it hurts: while PagerDuty answers, and at any time at all.

PagerDuty may be asked again for what it has already taken when the kill fell between its answer and the record of it;
under the same keys that is the same incident there.
"""

import http.client
import random
import time

import pytest

from slo.demo.vendors.injection import Injection
from tests.e2e.pagerduty import ROUTING_KEY, PagerDuty
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx

KILLS = 3
"""How many kills there are in the outage, and as many in the recovery."""

LONGEST_LIFE_SECONDS = 4.0
"""Some of the killed have only begun to start, some have paged."""

TAKEN = Injection(hang_seconds=3, reset=True, processed=True)
LOST = Injection(hang_seconds=3, reset=True)


@pytest.mark.parametrize(("what_happens", "taken"), [(TAKEN, 2), (LOST, 1)], ids=["taken", "not taken"])
@pytest.mark.parametrize("action", ["trigger", "resolve"])
def test_a_kill_between_the_question_and_its_answer_leaves_one_incident_at_pagerduty(
    what_happens: Injection, taken: int, action: str, watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()

    def killed_while_it_asks() -> None:
        pagerduty.inject(what_happens)
        (endpoint.stop if action == "trigger" else endpoint.start)()
        until("the question", lambda: pagerduty.asked(action))
        watch.kill()
        watch.start()

    if action == "trigger":
        killed_while_it_asks()
        until("the trigger on record", lambda: watch.delivered("trigger"))
        endpoint.start()
    else:
        endpoint.stop()
        until("the trigger on record", lambda: watch.delivered("trigger"))
        killed_while_it_asks()
    watch.end()
    assert watch.stop() == 0

    assert len(pagerduty.asked(action)) == 2
    assert len(pagerduty.accepted(action)) == taken
    assert_one_incident(watch, pagerduty)


@pytest.mark.parametrize("seed", [20260101])
def test_kills_at_any_time_leave_one_incident_at_pagerduty(
    seed: int, watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint, chance = nginx(), random.Random(seed)
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()

    def killed_now_and_then() -> None:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
            watch.kill()
            watch.begin()
        watch.kill()
        watch.start()

    endpoint.stop()
    killed_now_and_then()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    endpoint.start()
    killed_now_and_then()
    watch.end()
    watch.good(6)
    assert len(watch.incidents()) == 1
    assert watch.stop() == 0
    assert_one_incident(watch, pagerduty)


@pytest.mark.parametrize(
    "step", ["before commit", "after commit", "after begin", "after deliver", "before finish", "after finish"]
)
def test_kills_at_a_step_of_the_router_leave_one_incident_at_pagerduty(
    step: str, watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    """The first process dies there, and so does the next; `tests/router/machine` has every step in one process."""
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    assert watch.stop() == 0, "the contract is on record: what is written next is the incident"
    watch.begin(step, "1")
    until("that it listens", lambda: listens(watch) or not watch.lives)
    assert watch.lives, watch.said
    watch.good()
    endpoint.stop()
    until("the first death", lambda: not watch.lives)
    watch.kill()
    watch.begin(step, "1")
    until("the trigger on record, or another death", lambda: not watch.lives or has_paged(watch))
    if recovers := watch.lives:
        endpoint.start()
        until("the second death", lambda: not watch.lives)
    watch.kill()
    watch.start()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    if not recovers:
        endpoint.start()
    watch.end()
    assert watch.stop() == 0
    assert_one_incident(watch, pagerduty)


def has_paged(watch: Watch) -> bool:
    """Whether it says that the trigger is on record."""
    try:
        return watch.delivered("trigger")
    except (OSError, http.client.HTTPException):
        return False


def listens(watch: Watch) -> bool:
    """Whether it answers requests."""
    try:
        watch.text("/-/healthy")
    except (OSError, http.client.HTTPException):
        return False
    return True


def assert_one_incident(watch: Watch, pagerduty: PagerDuty) -> None:
    """At PagerDuty one incident is resolved, nothing was asked under other keys, and the journal is whole."""
    (incident,) = pagerduty.incidents
    assert (incident["status"], incident["dedup_key"]) == ("resolved", FIRST_KEY)
    keys = {(event["dedup_key"], event["routing_key"]) for event in pagerduty.asked("trigger")}
    assert keys | {(event["dedup_key"], event["routing_key"]) for event in pagerduty.asked("resolve")} == {
        (FIRST_KEY, ROUTING_KEY)
    }
    assert watch.verify() > 0
    assert watch.faults == []
