"""Paths in the outbox: what has failed is found until it has a copy, what follows it too, and beats do not pile up."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from slo.core.delivery import Action, Message, Retry, Sent
from slo.core.paths import DeliveryPath, Look, Passage, copy_id
from slo.core.priority import Priority
from slo.store.journal import Journal
from slo.store.paths import BEATS_KEPT, LOOKS_BACK
from tests.store.making import NOW, REFUSED, at, attempt, journal, message, put

PATHS = {"oncall": DeliveryPath(fallback="second"), "second": DeliveryPath(fallback="mail"), "mail": DeliveryPath()}
ACK, RESOLVE = Action.ACKNOWLEDGE, Action.RESOLVE


def looked(store: Journal, now: datetime = NOW, since: int = 0) -> Look:
    return store.look(since, PATHS, now)


def strays(store: Journal, now: datetime = NOW) -> list[str]:
    return [each.id for each in looked(store, now).strays]


def copy(of: Message, to: str = "second") -> Message:
    return message(copy_id(of.id, to), of.action, key=of.key, destination=to)


def test_a_trigger_that_is_overdue_goes_elsewhere_and_what_follows_it_too(store: Journal) -> None:
    trigger, ack, resolve = message("t"), message("a", ACK), message("r", RESOLVE)
    put(store, trigger, ack)
    assert strays(store, at(120)) == []
    assert strays(store, at(121)) == ["t"]
    put(store, copy(trigger), now=at(121))
    assert strays(store, at(122)) == ["a"]
    put(store, copy(ack), resolve, now=at(122))
    assert strays(store, at(122)) == ["r"]
    put(store, copy(resolve), now=at(122))
    assert strays(store, at(123)) == []


@pytest.mark.parametrize(("priority", "seconds"), [(Priority.P0, 120), (Priority.P1, 900), (Priority.P2, 900)])
def test_the_deadline_is_that_of_the_priority(store: Journal, priority: Priority, seconds: int) -> None:
    put(store, message("t", priority=priority))
    assert strays(store, at(seconds)) == []
    assert strays(store, at(seconds + 1)) == ["t"]


def test_a_trigger_that_is_refused_goes_elsewhere_at_once_and_what_was_superseded_with_it(store: Journal) -> None:
    trigger, ack = message("t"), message("a", ACK)
    put(store, trigger, ack)
    attempt(store, REFUSED)
    assert strays(store) == ["t"]
    put(store, copy(trigger), message("r", RESOLVE))
    assert strays(store) == ["a", "r"]


def test_what_was_taken_stays_where_it_is_and_so_does_what_nobody_knows_the_beginning_of(store: Journal) -> None:
    put(store, message("t"), message("a", ACK), message("other", key="k2", destination="mail"))
    attempt(store, Sent())
    assert strays(store, at(10_000)) == []


def test_a_refusal_of_the_past_wakes_nobody(store: Journal) -> None:
    put(store, message("t"))
    attempt(store, REFUSED)
    assert strays(store, NOW + LOOKS_BACK - timedelta(seconds=1)) == ["t"]
    assert strays(store, NOW + LOOKS_BACK) == []


def test_a_copy_that_fails_goes_on_to_the_next_path(store: Journal) -> None:
    trigger = message("t")
    put(store, trigger)
    attempt(store, REFUSED)
    put(store, copy(trigger))
    attempt(store, REFUSED)
    assert strays(store) == [copy_id("t", "second")]
    put(store, copy(copy(trigger), "mail"))
    assert strays(store) == []


def test_who_was_told_by_itself_is_not_told_again(store: Journal) -> None:
    trigger, theirs = message("t"), message("theirs", destination="second")
    put(store, trigger, theirs)
    assert "t" not in strays(store, at(121))


def test_who_was_told_by_itself_later_gets_no_more_copies(store: Journal) -> None:
    trigger = message("t")
    put(store, trigger)
    put(store, copy(trigger), now=at(121))
    put(store, message("theirs", destination="second"), message("a", ACK), now=at(130))
    assert strays(store, at(131)) == []


def test_whom_two_fall_back_on_is_told_once(store: Journal) -> None:
    paths = PATHS | {"twin": DeliveryPath(fallback="second")}
    first, twin = message("t"), message("u", destination="twin")
    put(store, first, twin)
    put(store, copy(first), now=at(121))
    assert store.look(0, paths, at(122)).strays == ()


def test_a_look_reads_only_what_can_have_changed_since_the_last(store: Journal) -> None:
    assert looked(store).settled == 1
    put(store, message("t"), message("u", key="k2"))
    assert looked(store, since=1).settled == 1
    attempt(store, Sent(), now=at(1))
    second = looked(store, since=1)
    assert second.settled == 2
    assert second.passages == {"oncall": Passage(waiting={Priority.P0: NOW}, sent_at=at(1))}
    third = looked(store, since=second.settled)
    assert third.passages == {"oncall": Passage(waiting={Priority.P0: NOW})}
    attempt(store, REFUSED, now=at(2))
    fourth = looked(store, since=third.settled)
    assert (fourth.passages, fourth.settled) == ({"oncall": Passage(refused={Priority.P0: at(2)})}, 3)
    assert [each.id for each in fourth.strays] == ["u"]
    assert looked(store, since=fourth.settled).passages == {}


def test_the_reason_is_that_of_the_newest_that_failed(store: Journal) -> None:
    assert store.why("oncall") == ("", "")
    put(store, message("t"), message("u", key="k2"))
    attempt(store, Retry(reason="timeout", detail="30 s"), wait=60)
    assert store.why("oncall") == ("timeout", "30 s")
    attempt(store, REFUSED)
    assert store.why("oncall") == (REFUSED.reason, REFUSED.detail)


def beat(number: int) -> Message:
    return message(
        f"heartbeat/switch/{number}", Action.HEARTBEAT, key=f"heartbeat/{number}", destination="switch", incident=""
    )


def test_ten_thousand_beats_fill_nothing(store: Journal, tmp_path: Path) -> None:
    """They are written and ended a hundred at a time, which is faster."""
    for first in range(0, 10_000, 100):
        store.beat([beat(first + number) for number in range(100)], at=at(first))
        with closing(sqlite3.connect(tmp_path / "journal.db")) as file, file:
            file.execute("UPDATE outbox SET state = 'sent', finished_at = created_at")
    assert len(store.deliveries("")) <= BEATS_KEPT + 100
    assert looked(store).passages["switch"].sent_at == at(9900)


def test_a_beat_is_written_once_however_often_a_process_begins_anew(tmp_path: Path) -> None:
    for _ in range(3):
        with journal(tmp_path / "journal.db") as store:
            store.beat([beat(7)], at=NOW)
            assert [each.message.id for each in store.deliveries("")] == [beat(7).id]
            assert store.verify() == 0
