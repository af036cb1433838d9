"""`kill -9` at every step of the router: before and after each writing, each delivery, and each request of one.

One life of an incident is lived through again and again, with a kill at the first time that a process comes by a step,
at the second, and so on until it comes by no more; each time a new process goes on with the same journal. What may not
happen is the same as in `test_machine`.
"""

from pathlib import Path

import pytest

from slo.demo.vendors.injection import Injection
from tests.router.machine.boundaries import Boundary
from tests.router.machine.invariants import hold_always, hold_at_the_end, hold_when_mended
from tests.router.machine.town import ANNA, ROBOT
from tests.router.machine.world import World
from tests.router.making import PAGE, TICKET

VENDORS = ("pagerduty", "slack", "jira", "mail")
WRITINGS = [f"{when} {call}" for call in ("commit", "begin", "finish") for when in ("before", "after")]
REQUESTS = [f"{vendor} {what}" for vendor in VENDORS for what in ("is asked", "has it")]
"""Between a delivery that begins and its first request nothing is written, nor between its end and its verdict."""


def live_through(world: World) -> None:
    """A ticket that becomes a page, an automation, a person in Slack, another on the ticket, a second page, the end."""
    gate = world.firing
    gate["gate"] = frozenset({TICKET})
    world.slot_ends()
    world.rests()
    gate["gate"] = frozenset({TICKET, PAGE})
    world.times.let_pass(10)
    world.slot_ends()
    world.rests()
    _page(world, "acknowledge", "integration")
    _comment(world, ROBOT)
    hold_always(world)
    for ts, incident in world.buttons("acknowledge"):
        world.presses(ts, "acknowledge", {"id": "U0ANNA", "name": "anna"}, incident)
    world.rests()
    _comment(world, ANNA)
    world.times.let_pass(300)
    gate["gate"] = frozenset({TICKET})
    world.slot_ends()
    world.times.let_pass(600)
    world.slot_ends()
    world.rests()
    gate["gate"] = frozenset({TICKET, PAGE})
    world.times.let_pass(10)
    world.town.inject("pagerduty", Injection(status=503, processed=True))
    world.town.inject("slack", Injection(reset=True, processed=True))
    world.town.inject("jira", Injection(status=500))
    world.slot_ends()
    world.rests()
    _page(world, "acknowledge", "user")
    world.rests()


def _page(world: World, action: str, agent: str) -> None:
    for page in world.town.pagerduty.incidents:
        if page["status"] != "resolved":
            world.acts_at_pagerduty(page["dedup_key"], action, agent)
    world.post_comes()


def _comment(world: World, by: dict[str, str]) -> None:
    for issue, incident in world.tickets():
        world.comments(issue, by, "I see it", incident, answers=by is ANNA)
    world.rests()


def killed_at(doom: Boundary, folder: Path) -> int:
    """Live through it with a kill there; how many kills there were: none where it never comes by."""
    folder.mkdir()
    with World(folder, doom) as world:
        live_through(world)
        world.mended()
        hold_always(world)
        hold_when_mended(world)
        incidents = {each.id for each in world.incidents().values() if each.slo == "gate"}
        assert incidents
        assert incidents <= world.answered
        world.ends()
        hold_always(world)
        hold_when_mended(world)
        hold_at_the_end(world)
        return world.deaths


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", [*WRITINGS, *REQUESTS])
def test_a_kill_at_any_step_changes_nothing(step: str, tmp_path: Path) -> None:
    number = 1
    while killed_at(Boundary(name=step, number=number), tmp_path / str(number)):
        number += 1
    assert number > 3, f"it came by {step} {number - 1} times: is that all?"
