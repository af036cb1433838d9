"""What is said to whoever does what is so already: a sentence, no event, and nobody is told."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from slo.core.acts import (
    Acknowledge,
    Act,
    Assign,
    Attribute,
    EndChat,
    GoOn,
    Prioritize,
    Promise,
    Resolve,
    Responsibility,
    Say,
    Target,
    Wait,
)
from slo.core.eta import ETA
from slo.core.priority import Priority
from slo.errors import UsageError
from slo.router.already import already
from slo.router.messages import Teller
from slo.router.people import decide_act
from tests.router.desk import Desk
from tests.router.making import TICKET, alert, at, routes

BY = {"target": Target(incident="1"), "by": "anna", "via": "api"}

ACKNOWLEDGE = Acknowledge(**BY)  # type: ignore[arg-type]  # a table of a test, checked by the record itself
WAIT = Wait(**BY)  # type: ignore[arg-type]
GO_ON = GoOn(**BY)  # type: ignore[arg-type]
P1, P2 = (Prioritize(**BY, priority=each, why="agreed") for each in (Priority.P1, Priority.P2))  # type: ignore[arg-type]
OWNED = Assign(**BY, owner="ben")  # type: ignore[arg-type]
THEIRS = Attribute(**BY, responsibility=Responsibility.THIRD_PARTY)  # type: ignore[arg-type]
ENDED = Resolve(**BY, why="done")  # type: ignore[arg-type]
OTHERS: tuple[Act, ...] = (
    Say(**BY, text="looking"),  # type: ignore[arg-type]
    Promise(**BY, eta=ETA(recover_at=at(9000))),  # type: ignore[arg-type]
    EndChat(**BY),  # type: ignore[arg-type]
    replace(THEIRS, why="their load balancer"),
)
ACTS: tuple[Act, ...] = (ACKNOWLEDGE, WAIT, GO_ON, P1, P2, OWNED, THEIRS, ENDED, *OTHERS)


def desk_after(*acts: Act) -> Desk:
    desk = Desk(routes())
    desk.slot(0, alert(TICKET))
    for number, act in enumerate(acts, 1):
        desk.does(number, act)
    return desk


@pytest.mark.parametrize(
    ("before", "act", "sentence"),
    [
        ([ACKNOWLEDGE], replace(ACKNOWLEDGE, by="ben"), "anna has taken incident 1 on already"),
        ([], P1, "incident 1 is a P1 already"),
        ([], GO_ON, "incident 1 is not waiting"),
        ([ACKNOWLEDGE, WAIT, GO_ON], GO_ON, "incident 1 is not waiting"),
        ([ACKNOWLEDGE, WAIT], WAIT, "incident 1 waits for the customer already"),
        ([OWNED], OWNED, "ben owns incident 1 already"),
        ([THEIRS], THEIRS, "it was said of incident 1 already that what failed is a third party's part"),
        ([ENDED], GO_ON, "incident 1 is not waiting"),
    ],
)
def test_what_is_so_already_is_said_and_nothing_is_done(before: Sequence[Act], act: Act, sentence: str) -> None:
    desk = desk_after(*before)
    assert already(act, desk.incident) == sentence
    assert not desk.does(100, act)


@pytest.mark.parametrize(
    "before",
    [[], [ACKNOWLEDGE], [ACKNOWLEDGE, WAIT], [P2], [OWNED, THEIRS], [ACKNOWLEDGE, WAIT, ENDED], [ENDED]],
    ids=lambda before: " ".join(type(act).__name__ for act in before) or "untouched",
)
def test_something_is_said_where_nothing_is_done_and_nowhere_else(before: list[Act]) -> None:
    desk = desk_after(*before)
    for act in ACTS:
        try:
            decision = decide_act(act, desk.incidents, teller=Teller(at=at(200)))
        except UsageError:
            assert already(act, desk.incident) == "", "what cannot be is refused, and not so already"
        else:
            assert bool(already(act, desk.incident)) is not bool(decision), act
