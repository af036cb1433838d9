"""The outbox: lanes go out in order, what failed waits for its time, and nothing that was promised is dropped."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from slo.core.delivery import Action, Ambiguous, Delivery, Retry, Sent
from slo.core.priority import Priority
from slo.errors import StoreError
from slo.store import outbox
from slo.store.journal import Journal
from tests.store.making import NOW, REFUSED, at, attempt, journal, message, put


def names(deliveries: list[Delivery]) -> list[str]:
    return [each.message.id for each in deliveries]


def only(store: Journal, name: str) -> Delivery:
    (found,) = [each for each in store.deliveries("i1") if each.message.id == name]
    return found


def test_only_the_head_of_a_lane_is_ever_due(store: Journal) -> None:
    put(store, message("t"), message("a", Action.ACKNOWLEDGE), message("r", Action.RESOLVE))
    put(store, message("other", key="k2"), message("hook", destination="hook"))
    for expected in (["t", "other", "hook"], ["a", "other", "hook"], ["r", "other", "hook"], ["other", "hook"]):
        assert names(store.due(NOW)) == expected
        attempt(store, Sent())
    attempt(store, Sent())
    assert store.due(NOW) == []
    assert store.depth(NOW) == {}


def test_the_most_urgent_come_first_then_the_oldest(store: Journal) -> None:
    priorities = [Priority.P2, Priority.P1, Priority.P0, Priority.P1, Priority.P0]
    put(store, *(message(f"m{n}", key=f"k{n}", priority=priority) for n, priority in enumerate(priorities)))
    assert names(store.due(NOW)) == ["m2", "m4", "m1", "m3", "m0"]


def test_no_destination_takes_the_place_of_another(store: Journal) -> None:
    put(store, *(message(f"m{n}", key=f"k{n}", destination="hangs") for n in range(10)))
    put(store, message("late", key="k99", priority=Priority.P2))
    assert names(store.due(NOW, limit=3)) == ["m0", "m1", "m2", "late"]


def test_those_of_some_destinations_are_found_by_themselves(store: Journal) -> None:
    put(store, message("a"), message("b", key="k2", priority=Priority.P0), message("hook", destination="hook"))
    assert names(store.due(NOW, among={"hook"})) == ["hook"]
    assert names(store.due(NOW, among={"hook", "nobody"}, limit=1)) == ["hook"]
    assert "hook" not in names(store.due(NOW, among={only(store, "a").message.destination}))


def test_a_retry_waits_for_its_time_and_its_lane_with_it_across_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"), message("r", Action.RESOLVE), message("other", key="k2"))
        attempt(store, Retry(reason="http_503", detail="Service Unavailable", after_seconds=30.0), wait=30)
    with journal(path) as store:
        assert names(store.due(at(29.999))) == ["other"]
        assert store.next_due(NOW) == at(30)
        assert store.next_due(at(30)) is None
        assert names(store.due(at(30))) == ["t", "other"]
        waiting = only(store, "t")
        assert (waiting.state, waiting.attempts, waiting.not_before) == ("pending", 1, at(30))
        assert (waiting.last_reason, waiting.last_detail) == ("http_503", "Service Unavailable")
        attempt(store, Sent(reference="dedup-1"), now=at(30))
        assert names(store.due(at(30))) == ["r", "other"]
        sent = only(store, "t")
        assert (sent.state, sent.attempts, sent.last_reason, sent.last_detail) == ("sent", 2, "", "dedup-1")


def test_what_waits_for_a_time_of_a_clock_that_was_wrong_is_due(store: Journal) -> None:
    put(store, message("t"))
    attempt(store, Retry(reason="http_503"), wait=40 * 86_400)
    assert names(store.due(at(0))) == ["t"]


def test_what_may_have_been_taken_is_sent_again_with_its_reason_kept(store: Journal) -> None:
    put(store, message("t"))
    attempt(store, Ambiguous(reason="timeout", detail="after the request was written"), wait=5)
    waiting = only(store, "t")
    assert (waiting.state, waiting.attempts, waiting.last_reason) == ("pending", 1, "timeout")
    assert names(store.due(at(5))) == ["t"]


def test_a_retry_without_a_time_is_due_at_once(store: Journal) -> None:
    put(store, message("t"))
    attempt(store, Retry(reason="reset"), now=at(3))
    assert only(store, "t").not_before == at(3)


def test_an_attempt_is_on_record_before_its_call_and_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"))
        store.begin(store.due(NOW)[0].sequence, credential="", now=NOW)
    with journal(path) as store:
        (again,) = store.due(NOW)
        assert (again.state, again.attempts) == ("pending", 1)


def test_a_refused_trigger_supersedes_the_rest_of_its_lane_up_to_the_next_trigger(store: Journal) -> None:
    put(store, message("t"), message("a", Action.ACKNOWLEDGE), message("r", Action.RESOLVE), message("other", key="k2"))
    put(store, message("t2"), message("r2", Action.RESOLVE))
    attempt(store, REFUSED)
    states = {each.message.id: (each.state, each.last_reason) for each in store.deliveries("i1")}
    assert states == {
        "t": ("refused", "bad_request"),
        "a": ("superseded", "trigger_refused"),
        "r": ("superseded", "trigger_refused"),
        "other": ("pending", ""),
        "t2": ("pending", ""),
        "r2": ("pending", ""),
    }
    assert names(store.due(NOW)) == ["other", "t2"]


def test_what_comes_later_into_a_lane_whose_trigger_was_refused_is_superseded_too(store: Journal) -> None:
    put(store, message("t"))
    attempt(store, REFUSED)
    put(store, message("r", Action.RESOLVE), message("hook", Action.RESOLVE, destination="hook"))
    assert (only(store, "r").state, only(store, "hook").state) == ("superseded", "pending")
    put(store, message("t2"), message("r2", Action.RESOLVE))
    assert (only(store, "t2").state, only(store, "r2").state) == ("pending", "pending")
    assert store.depth(NOW) == {"hook": (1, 0.0), "oncall": (2, 0.0)}


@pytest.mark.parametrize("action", [Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE])
def test_anything_else_that_is_refused_does_not_block_its_lane(store: Journal, action: Action) -> None:
    put(store, message("t"), message("x", action), message("r", Action.RESOLVE))
    attempt(store, Sent())
    attempt(store, REFUSED)
    assert (only(store, "x").state, only(store, "x").last_detail) == ("refused", REFUSED.detail)
    assert names(store.due(NOW)) == ["r"]


def test_depth_tells_how_many_wait_and_how_old_the_oldest_is(store: Journal) -> None:
    put(store, message("t"), message("a", Action.ACKNOWLEDGE))
    put(store, message("hook", destination="hook"), now=at(40))
    assert store.depth(at(60)) == {"oncall": (2, 60.0), "hook": (1, 20.0)}
    assert store.depth(at(-60)) == {"oncall": (2, 0.0), "hook": (1, 0.0)}, (
        "a clock that went back makes no age negative"
    )
    attempt(store, Sent())
    assert store.depth(at(60))["oncall"] == (1, 60.0)


@pytest.mark.parametrize("sequence", [1, 99])
def test_what_is_not_pending_cannot_be_attempted_or_finished(store: Journal, sequence: int) -> None:
    put(store, message("t"))
    attempt(store, Sent())
    with pytest.raises(StoreError, match=f"the delivery {sequence} is not pending"):
        store.begin(sequence, credential="", now=NOW)
    with pytest.raises(StoreError, match=f"the delivery {sequence} is not pending"):
        store.finish(sequence, REFUSED, now=NOW, not_before=None)
    assert only(store, "t").state == "sent"


def test_a_message_that_cannot_be_read_is_refused_and_its_lane_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("t"), message("other", key="k2"), message("u", Action.UPDATE, key="k2"))
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE outbox SET body = '{}' WHERE message = 'other'")
        assert names(store.due(NOW)) == ["t"]
        assert caplog.messages == ["a message in the outbox cannot be read and is not sent"]
        assert names(store.due(NOW)) == ["t"]
        with closing(sqlite3.connect(path)) as db:
            rows = dict(db.execute("SELECT message, state || ' ' || reason FROM outbox"))
        assert rows == {"t": "pending ", "other": "refused unreadable", "u": "superseded trigger_refused"}
    assert len(caplog.messages) == 1


def test_reading_what_is_due_never_walks_through_what_was_sent(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path):
        pass
    queries = {
        "outbox_due (destination=?)": outbox.DUE,
        "outbox_waiting (not_before>?)": outbox.NEXT_DUE,
        "COVERING INDEX outbox_due": outbox.DEPTH,
        "outbox_of_incident": outbox.of_incident("i1"),
    }
    with closing(sqlite3.connect(path)) as db:
        for index, query in queries.items():
            sql = str(query.compile(dialect=sqlite.dialect()))
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", [0] * sql.count("?"))]
            walks = [step for step in plan if step.startswith("SCAN") and "INDEX outbox_due" not in step]
            assert all("outbox" not in step for step in walks), (index, plan)
            assert any(index in step for step in plan), (index, plan)
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, "the index has the order"
