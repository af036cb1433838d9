"""`kill -9` at every step of the router: before and after each writing, each delivery, and each request of one.

One life of an incident is lived through once, to see which boundaries there are; then once for each of them, with a
kill there and a new process on the same journal. What may not happen is the same as in `test_machine`.
"""

import functools
import tempfile
from pathlib import Path

import pytest

from slo.demo.vendors.injection import Injection
from tests.router.machine.boundaries import Boundary
from tests.router.machine.invariants import hold_always, hold_at_the_end, hold_when_mended
from tests.router.machine.town import ANNA, ROBOT
from tests.router.machine.world import World
from tests.router.making import PAGE, TICKET

KINDS = {
    "writing": ("before commit", "after commit", "before begin", "after begin", "before finish", "after finish"),
    "delivering": tuple(f"{when} {name}" for name in ("pagerduty", "slack", "jira", "mail") for when in ("before", "after")),
    "asking": tuple(f"{name} {what}" for name in ("pagerduty", "slack", "jira", "mail") for what in ("is asked", "has it")),
}


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


@functools.cache
def boundaries() -> dict[str, int]:
    """How often a process that is not killed comes by each step."""
    with tempfile.TemporaryDirectory() as folder, World(Path(folder)) as world:
        live_through(world)
        assert world.deaths == 0
        return dict(world.life.boundaries.passed)


def killed_at(doom: Boundary, folder: Path) -> int:
    """Live through it with a kill there; how many kills there were."""
    with World(folder, doom) as world:
        live_through(world)
        world.mended()
        hold_always(world)
        hold_when_mended(world)
        assert {incident.slo for incident in world.incidents().values()} == {"gate"}
        assert len(world.answered) == len(world.incidents())
        world.ends()
        hold_always(world)
        hold_when_mended(world)
        hold_at_the_end(world)
        return world.deaths


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names])
def test_a_kill_at_any_step_changes_nothing(kind: str, name: str, tmp_path: Path) -> None:
    times = boundaries()[name]
    assert times > 0
    for number in range(1, times + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert killed_at(Boundary(name=name, number=number), folder) == 1, f"nobody died at {name} {number}"
