"""Paths: what counts as overdue, as refused, and as through again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from slo.core.paths import DeliveryPath, Passage, copy_id
from slo.core.priority import Priority

P0, P1, P2 = Priority
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
USUAL = DeliveryPath()


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("waiting", "path", "failing"),
    [
        ({}, USUAL, set()),
        ({P0: ago(120)}, USUAL, set()),
        ({P0: ago(121)}, USUAL, {P0}),
        ({P1: ago(900), P2: ago(901)}, USUAL, {P2}),
        ({P0: ago(31), P1: ago(30)}, DeliveryPath(deadline=timedelta(seconds=30)), {P0}),
    ],
)
def test_what_waits_for_longer_than_its_deadline_does_not_get_through(
    waiting: Mapping[Priority, datetime], path: DeliveryPath, failing: set[Priority]
) -> None:
    assert Passage(waiting=waiting).failing(path, NOW) == failing


@pytest.mark.parametrize(
    ("refused", "sent_at", "failing"),
    [
        ({P1: ago(86_400 * 30)}, None, {P1}),
        ({P0: ago(10), P2: ago(30)}, ago(20), {P0}),
        ({P0: ago(20)}, ago(20), set()),
    ],
)
def test_a_refusal_counts_until_something_is_taken(
    refused: Mapping[Priority, datetime], sent_at: datetime | None, failing: set[Priority]
) -> None:
    assert Passage(refused=refused, sent_at=sent_at).failing(USUAL, NOW) == failing


def test_looks_add_up() -> None:
    first = Passage(waiting={P0: ago(60)}, refused={P0: ago(50), P2: ago(40)}, sent_at=ago(30))
    then = Passage(waiting={P1: ago(5)}, refused={P0: ago(10)})
    both = then.after(first)
    assert both == Passage(waiting={P1: ago(5)}, refused={P0: ago(10), P2: ago(40)}, sent_at=ago(30))
    assert Passage(sent_at=ago(1)).after(both).sent_at == ago(1)


def test_a_copy_has_one_id_and_the_copy_of_a_copy_another() -> None:
    once = copy_id("m1", "second")
    assert once == copy_id("m1", "second")
    assert len({"m1", once, copy_id("m1", "third"), copy_id(once, "third")}) == 4
