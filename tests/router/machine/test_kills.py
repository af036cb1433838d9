"""`kill -9` at every step of the router: after each writing, and after each request that a vendor takes.

One life of an incident is lived through again and again, with a kill at the first time that a process comes by a step,
at the second, and so on until it comes by no more; each time a new process goes on with the same journal. What may not
happen is the same as in `test_machine`.

A kill takes the memory of the process, so that what comes of it follows from what it leaves: the journal, and what the
vendors took. A kill before a step leaves what one after the step before it leaves, which has a test of its own here.
"""

import contextlib
import hashlib
import sqlite3
import threading
from pathlib import Path

import pytest

from slo.demo.vendors.injection import Injection
from tests.router.machine.boundaries import Boundary
from tests.router.machine.invariants import hold_always, hold_at_the_end, hold_when_mended
from tests.router.machine.town import ANNA, ROBOT
from tests.router.machine.world import World
from tests.router.making import PAGE, TICKET

VENDORS = ("pagerduty", "slack", "jira", "mail")
WRITINGS = ("commit", "begin", "finish")
STEPS = [*(f"after {writing}" for writing in WRITINGS), *(f"{vendor} has it" for vendor in VENDORS)]
"""Those that change what a kill leaves."""

STEPS_BEFORE = [*(f"before {writing}" for writing in WRITINGS), *(f"{vendor} is asked" for vendor in VENDORS)]
"""And those before them. A vendor changes between its two by nature: it is told of by its requests alone."""


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


@pytest.mark.timeout(900)  # thirty lives of a second each, and of ten where the machine is busy
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_changes_nothing(step: str, tmp_path: Path) -> None:
    number = 1
    while killed_at(Boundary(name=step, number=number), tmp_path / str(number)):
        number += 1
    assert number > 3, f"it came by {step} {number - 1} times: is that all?"


def test_a_kill_before_a_step_leaves_what_one_after_a_step_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(tmp_path) as world:
        before, after = set[str](), {journal_of(world)}
        passed = world.life.boundaries.passed
        come_by = world.life.boundaries.come_by

        writing = threading.RLock()  # so that nobody looks between a writing and the step after it

        def seen(step: str) -> None:
            begins, ends = step in STEPS_BEFORE, step in STEPS
            with writing:
                if begins or ends:
                    (before if begins else after).add(journal_of(world))
                if begins and step.startswith("before"):
                    writing.acquire()
                elif ends and step.startswith("after"):
                    writing.release()
            come_by(step)

        monkeypatch.setattr(world.life.boundaries, "come_by", seen)
        live_through(world)
        world.mended()
        world.ends()
        assert all(passed[step] > 3 for step in [*STEPS, *STEPS_BEFORE]), passed
    assert before <= after
    assert len(after) >= passed["after commit"] + passed["after begin"] + passed["after finish"]


def journal_of(world: World) -> str:
    """What a process finds that starts now."""
    with contextlib.closing(sqlite3.connect(world.path)) as database:
        return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()
