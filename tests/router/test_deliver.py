"""The delivery loop over the real journal: order, room, patience, and nothing lost or said twice."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slo.core.delivery import Action, Ambiguous, Delivery, Message, Refused, Retry, Sent, Verdict
from slo.errors import StoreBusy, StoreFull
from slo.exposition.catalogue import Telemetry
from slo.router import attempt
from slo.router.deliver import P0_ROOM, ROOM, DeliveryLoop
from slo.router.direct import DirectPages
from slo.router.outbox import Outbox
from tests.router.making import message, ticket
from tests.router.worlds import MovableClock, Recorder, TroubledJournal, counted, until

ACTIONS = (Action.TRIGGER, Action.ACKNOWLEDGE, Action.RESOLVE)


class Post:
    """A delivery loop between a journal and two destinations."""

    def __init__(self, path: Path) -> None:
        self.telemetry = Telemetry()
        self.journal = TroubledJournal(path, self.telemetry)
        self.clock = MovableClock()
        self.oncall, self.hook = Recorder("key-1"), Recorder()
        self.sent_directly: list[Message] = []
        self.start()

    def start(self, sent_already: frozenset[tuple[str, str]] = frozenset()) -> None:
        """Also what a new process does."""
        outbox = Outbox(self.journal, clock=self.clock)
        self.direct = DirectPages(
            in_trouble=lambda _: outbox.in_trouble,
            sent=self.sent_directly.append,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
        )
        self.loop = DeliveryLoop(
            outbox=outbox,
            direct=self.direct,
            clock=self.clock,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
            sent_already=sent_already,
        )
        self.configure(oncall=self.oncall, hook=self.hook)

    def configure(self, **destinations: Recorder) -> None:
        self.loop.destinations = self.direct.destinations = destinations
        self.loop.paging = {"oncall"}

    def put(self, *messages: Message) -> None:
        self.journal.commit([], messages, at=self.clock.now())
        self.loop.wake()

    @contextlib.asynccontextmanager
    async def running(self, *, deadline_seconds: float = 5.0) -> AsyncIterator[None]:
        task = asyncio.create_task(self.loop.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.loop.close(deadline_seconds)
            await self.direct.close()

    def move(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.loop.wake()

    async def rest_after(self, attempts: int) -> None:
        """Wait until the pager was asked so often and the last verdict is written."""
        await until(lambda: len(self.oncall.begun) == attempts and not self.loop._tasks)

    def rows(self) -> list[Delivery]:
        return self.journal.deliveries("1")

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    post = Post(tmp_path / "journal.db")
    yield post
    post.journal.close()


def lane(destination: str = "oncall", key: str = "k1") -> list[Message]:
    return [message(f"{key}-{action}", action=action, destination=destination, key=key) for action in ACTIONS]


async def test_what_is_in_the_outbox_goes_out_at_once_and_is_counted(post: Post) -> None:
    async with post.running():
        post.put(message("m1"), ticket("m2", key="k2"))
        await until(lambda: post.states() == ["sent", "sent"])
        await until(lambda: not counted(post.telemetry, "watchkeep_outbox_depth", destination="oncall"))
    assert [m.id for m in post.oncall.taken + post.hook.taken] == ["m1", "m2"]
    assert counted(post.telemetry, "watchkeep_delivery_attempts_total", destination="oncall", verdict="sent") == 1


async def test_an_attempt_is_written_before_it_is_made(post: Post) -> None:
    seen: list[tuple[str, int]] = []

    async def look(_: Message) -> Verdict:
        seen.extend((row.state, row.attempts) for row in post.rows())
        return Sent()

    post.oncall.answers = [look]
    async with post.running():
        post.put(message("m1"))
        await until(lambda: post.states() == ["sent"])
    assert seen == [("pending", 1)]


async def test_a_lane_keeps_its_order_however_often_its_head_fails(post: Post) -> None:
    post.oncall.answers = [Retry(reason="server_error"), Ambiguous(reason="reset"), Sent(), Retry(reason="timeout")]
    async with post.running():
        post.put(*lane())
        for attempts in (1, 2, 4):
            await post.rest_after(attempts)
            post.move(10)
        await until(lambda: post.states() == ["sent"] * 3)
    assert post.oncall.actions == ["trigger"] * 3 + ["acknowledge"] * 2 + ["resolve"]
    failures = {
        reason: counted(post.telemetry, "watchkeep_delivery_failures_total", destination="oncall", reason=reason)
        for reason in ("server_error", "reset", "timeout")
    }
    assert failures == {"server_error": 1, "reset": 1, "timeout": 1}


async def test_waits_between_attempts_double_and_are_in_the_journal(post: Post) -> None:
    post.oncall.answers = [Retry(reason="server_error")] * 4
    async with post.running():
        post.put(message("m1"))
        for attempt_number, seconds in enumerate((1, 2, 4, 8), start=1):
            await post.rest_after(attempt_number)
            [row] = post.rows()
            assert (row.attempts, row.last_reason) == (attempt_number, "server_error")
            left = row.not_before - post.clock.now()
            assert timedelta(seconds=seconds - 1) < left <= timedelta(seconds=seconds)
            post.move(seconds)
        await until(lambda: post.states() == ["sent"])


async def test_a_lane_that_ended_while_the_outbox_was_read_is_not_begun_on_what_was_read(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, read, go_on = asyncio.Event(), threading.Event(), threading.Event()
    due = post.journal.due

    async def answer(_: Message) -> Verdict:
        await answered.wait()
        return Retry(reason="rate_limited", after_seconds=900)

    def due_slowly(*args: Any, **kwargs: Any) -> list[Delivery]:
        found: list[Delivery] = due(*args, **kwargs)
        if post.oncall.begun and not read.is_set():
            read.set()
            go_on.wait(30)
        return found

    monkeypatch.setattr(post.journal, "due", due_slowly)
    post.oncall.answers = [answer]
    async with post.running():
        post.put(message())
        await until(lambda: post.oncall.begun)
        post.loop.wake()
        await until(read.is_set)
        answered.set()
        await until(lambda: not post.loop._tasks)
        go_on.set()
        post.put(message("later", destination="hook"))
        await until(lambda: post.hook.taken)
    assert len(post.oncall.begun) == 1


async def test_a_lane_that_fails_holds_no_other(post: Post) -> None:
    post.oncall.answers = [Retry(reason="server_error")]
    async with post.running():
        post.put(message("m1", key="k1"))
        await until(lambda: len(post.oncall.begun) == 1)
        post.put(message("m2", key="k2"))
        await until(lambda: [m.id for m in post.oncall.taken] == ["m2"])


async def stuck(_: Message) -> Verdict:
    await asyncio.sleep(60)
    return Sent()


class Hall(Recorder):
    """A destination that says many things at once."""

    room = 2 * ROOM


@pytest.mark.parametrize(("hook", "room"), [(Recorder(), ROOM), (Hall(), 2 * ROOM)])
async def test_a_p0_finds_room_where_tickets_have_filled_what_is_theirs(post: Post, hook: Recorder, room: int) -> None:
    post.configure(oncall=post.oncall, hook=hook)
    hook.answers = [stuck] * 40
    async with post.running(deadline_seconds=0):
        post.put(*(ticket(f"t{n}", key=f"t{n}") for n in range(40)))
        await until(lambda: len(hook.begun) == room - P0_ROOM)
        hook.answers = []
        post.put(message("p0", key="p0", destination="hook"))
        await until(lambda: [m.id for m in hook.taken] == ["p0"])
        assert len(hook.begun) == room - P0_ROOM + 1


async def test_a_destination_that_hangs_keeps_no_other_waiting(post: Post) -> None:
    post.hook.answers = [stuck] * 200
    async with post.running(deadline_seconds=0):
        post.put(*(message(f"h{n}", key=f"h{n}", destination="hook") for n in range(200)))
        await until(lambda: len(post.hook.begun) == ROOM)
        post.put(ticket("t1", key="t1", destination="oncall"))
        await until(lambda: [m.id for m in post.oncall.taken] == ["t1"])


async def test_a_destination_that_asks_for_patience_gets_it_from_all_but_p0(post: Post) -> None:
    post.hook.answers = [Retry(reason="rate_limited", after_seconds=60)]
    async with post.running():
        post.put(ticket("t1", key="t1"))
        await until(lambda: post.rows()[0].last_reason == "rate_limited")
        assert timedelta(seconds=55) < post.rows()[0].not_before - post.clock.now() <= timedelta(seconds=60)
        post.put(ticket("t2", key="t2"), message("p0", key="p0", destination="hook"))
        await until(lambda: [m.id for m in post.hook.taken] == ["p0"])
        post.move(61)
        await until(lambda: sorted(m.id for m in post.hook.taken) == ["p0", "t1", "t2"])


async def test_one_message_of_a_lane_is_under_way_at_a_time(post: Post) -> None:
    post.oncall.answers = [stuck] * 9
    async with post.running(deadline_seconds=0):
        post.put(*lane())
        await until(lambda: post.oncall.begun)
        for other in ("t1", "t2", "t3"):
            post.put(ticket(other, key=other))
            await until(lambda: post.states()[-1] == "sent")
        assert post.oncall.actions == ["trigger"]


async def test_what_was_refused_is_not_tried_again_and_what_followed_it_is_dropped(post: Post) -> None:
    post.oncall.answers = [Refused(reason="rejected", detail="HTTP 400: no")]
    async with post.running():
        post.put(*lane(), *lane(key="k2"))
        await until(lambda: post.states().count("sent") == 3)
    assert post.states() == ["refused", "superseded", "superseded", "sent", "sent", "sent"]
    assert (post.rows()[0].last_reason, post.rows()[0].last_detail) == ("rejected", "HTTP 400: no")


async def test_a_destination_with_a_fault_of_its_own_is_tried_again(post: Post) -> None:
    async def fault(_: Message) -> Verdict:
        raise KeyError("no such thing")

    post.oncall.answers = [fault]
    async with post.running():
        post.put(message("m1"))
        await until(lambda: post.rows()[0].last_reason == "destination_fault")
        post.move(5)
        await until(lambda: post.states() == ["sent"])


async def test_a_destination_that_never_answers_is_given_up(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "DEADLINE_SECONDS", 0.05)
    post.oncall.answers = [stuck]
    async with post.running():
        post.put(message("m1"))
        await until(lambda: post.rows()[0].last_reason == "timeout")
        assert post.states() == ["pending"]


async def test_a_verdict_that_cannot_be_written_is_kept_and_the_message_not_sent_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.01)
    post.journal.failing = {"finish": StoreFull("no space")}
    async with post.running():
        post.put(*lane())
        await until(lambda: post.journal.calls.count("finish") > 5)
        assert post.oncall.actions == ["trigger"]
        post.journal.failing = {}
        await until(lambda: post.states() == ["sent"] * 3)
    assert post.oncall.actions == ["trigger", "acknowledge", "resolve"]
    assert [row.attempts for row in post.rows()] == [1, 1, 1]


async def test_nothing_is_sent_whose_attempt_cannot_be_written(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.01)
    post.journal.failing = {"begin": StoreBusy("held")}
    async with post.running():
        post.put(message("m1"), ticket("t1", key="t1"))
        await until(lambda: post.journal.calls.count("begin") > 5)
        assert not post.oncall.begun
        assert not post.hook.begun
        post.journal.failing = {}
        await until(lambda: post.states() == ["sent", "sent"])
    assert len(post.oncall.begun) == 1


async def test_an_outbox_that_cannot_be_read_is_read_later(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.01)
    post.journal.failing = {"due": StoreBusy("held")}
    async with post.running():
        post.put(message("m1"))
        await until(lambda: post.journal.calls.count("due") > 5)
        post.journal.failing = {}
        await until(lambda: post.states() == ["sent"])
    said = [record.message for record in caplog.records if "journal" in record.message]
    assert said == ["the journal cannot be read, and is tried again", "the journal can be read again"]


async def test_a_p0_whose_attempt_cannot_be_written_goes_out_directly_in_the_end(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("slo.router.direct.PATIENCE_SECONDS", 0.1)
    post.journal.failing = {"begin": StoreFull("no space")}
    async with post.running():
        post.put(message("m1"), message("m2", destination="hook"))
        await until(lambda: post.sent_directly)
        post.journal.failing = {}
        await until(lambda: post.states() == ["sent", "sent"])
    assert [m.id for m in post.oncall.begun] == ["m1"]
    assert [m.id for m in post.sent_directly] == ["m1"]


async def test_a_p0_that_went_out_directly_while_its_attempt_was_being_written_is_not_sent_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.outbox.HANGING_SECONDS", 0.05)
    monkeypatch.setattr("slo.router.direct.PATIENCE_SECONDS", 0.1)
    taken = asyncio.Event()

    async def slowly(_: Message) -> Verdict:
        await taken.wait()
        return Sent()

    post.oncall.answers = [slowly]
    free = post.journal.hanging["begin"] = threading.Event()
    async with post.running():
        post.put(message("m1"))
        post.direct.watch([message("m1")], {"oncall"})
        await until(lambda: post.oncall.begun)
        free.set()
        await until(lambda: not post.loop._tasks)
        assert post.states() == ["pending"]
        taken.set()
        post.loop.wake()
        await until(lambda: post.states() == ["sent"])
    assert len(post.oncall.begun) == 1


async def test_a_message_for_a_destination_that_is_gone_waits_for_it(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.configure(oncall=post.oncall)
    async with post.running():
        post.put(*lane("hook"))
        await until(lambda: post.rows()[0].last_reason == "destination_missing")
        assert post.states() == ["pending"] * 3
        reason = {"destination": "hook", "reason": "destination_missing"}
        assert counted(post.telemetry, "watchkeep_delivery_failures_total", **reason) == 1
        await until(lambda: counted(post.telemetry, "watchkeep_outbox_depth", destination="hook") == 3)
        post.configure(oncall=post.oncall, hook=post.hook)
        post.move(61)
        await until(lambda: post.states() == ["sent"] * 3)


async def test_a_lane_keeps_the_key_it_began_with_and_the_next_takes_the_new_one(post: Post) -> None:
    async with post.running():
        post.put(lane()[0])
        await until(lambda: post.states() == ["sent"])
    post.oncall.credential = "key-2"
    post.start()
    async with post.running():
        post.put(*lane()[1:], *lane(key="k2"))
        await until(lambda: post.states() == ["sent"] * 6)
    keys = {m.key: set[str]() for m in post.oncall.begun}
    for sent, credential in zip(post.oncall.begun, post.oncall.credentials, strict=True):
        keys[sent.key].add(credential)
    assert keys == {"k1": {"key-1"}, "k2": {"key-2"}}


async def test_the_next_process_goes_on_where_this_one_was_cut_off(post: Post) -> None:
    post.oncall.answers = [stuck]
    async with post.running(deadline_seconds=0):
        post.put(*lane())
        await until(lambda: post.oncall.begun)
    assert post.states() == ["pending"] * 3
    post.start()
    async with post.running():
        await until(lambda: post.states() == ["sent"] * 3)
    assert post.oncall.actions == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {m.id for m in post.oncall.begun[:2]} == {"k1-trigger"}


async def test_what_is_under_way_may_end_before_the_close(post: Post) -> None:
    async def soon(_: Message) -> Verdict:
        await asyncio.sleep(0.05)
        return Sent()

    post.oncall.answers = [soon]
    async with post.running():
        post.put(*lane())
        await until(lambda: post.oncall.begun)
    assert post.states() == ["sent", "pending", "pending"]


async def test_a_page_that_an_earlier_process_sent_directly_is_only_written_down(post: Post) -> None:
    post.put(*lane())
    post.start(frozenset({("oncall", "k1")}))
    async with post.running():
        await until(lambda: post.states() == ["sent"] * 3)
    assert post.oncall.actions == ["acknowledge", "resolve"]
    assert set(post.oncall.credentials) == {"key-1"}


async def test_it_stops_also_when_it_is_woken_at_the_same_moment(post: Post) -> None:
    task = asyncio.create_task(post.loop.run())
    await until(lambda: "due" in post.journal.calls and post.loop._wake._waiters)
    post.loop.wake()
    task.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
