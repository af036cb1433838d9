"""What comes in from destinations: who is believed, what is done, and who is asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from slo.app.inbound import InboundActs
from slo.core.acts import Act, Target
from slo.core.delivery import Lane, Message, Sent, Verdict
from slo.core.folding import fold_all
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.errors import Forged, Malformed, StoreBusy, UsageError, WatchkeepError
from slo.exposition.catalogue import Telemetry
from tests.router.making import T0, takes_on
from tests.router.worlds import counted
from tests.web.watches import opened

INBOUND = Inbound(headers={}, body=b"{}", at=T0)


@dataclass
class Known:
    """Receives what is signed with its name."""

    name: str
    acts: tuple[Act, ...] = ()
    elsewhere: bool = False
    problems: list[str] | None = None
    """What was told afterwards, where anything is to be."""

    async def receive(self, inbound: Inbound) -> Received:
        if inbound.headers.get("signed-by") != self.name:
            raise Forged(f"not signed by {self.name}")
        if not inbound.body:
            raise Malformed("nothing is in it")
        then = None if self.problems is None else self.then
        return Received(acts=self.acts, status=200, elsewhere=self.elsewhere, then=then)

    async def then(self, problem: str) -> Received:
        assert self.problems is not None
        self.problems.append(problem)
        return Received(status=207)


@dataclass
class Door:
    """The acts that are to be done, and what becomes of them."""

    raises: Exception | None = None
    done: list[Act] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        self.inbound = InboundActs(self.act, telemetry=self.telemetry)

    async def act(self, act: Act) -> Incident:
        if self.raises:
            raise self.raises
        self.done.append(act)
        return fold_all([opened()])[opened().incident]

    def counted(self, result: str, way: str = "pagerduty") -> float:
        return counted(self.telemetry, "watchkeep_webhooks_total", way=way, result=result)


def signed(by: str, body: bytes = b"{}") -> Inbound:
    return replace(INBOUND, headers={"signed-by": by}, body=body)


async def test_the_one_who_knows_the_sender_is_believed_and_what_it_says_is_done() -> None:
    door = Door()
    door.inbound.receivers = {"pagerduty": [Known("eu", (takes_on("1"),)), Known("us", (takes_on("2"), takes_on("3")))]}
    assert await door.inbound.receive("pagerduty", signed("us")) == Received(
        acts=(takes_on("2"), takes_on("3")), status=200
    )
    assert door.done == [takes_on("2"), takes_on("3")]
    assert door.counted("received") == 1


async def test_what_nobody_knows_is_forged_and_what_is_signed_may_be_malformed() -> None:
    door = Door()
    door.inbound.receivers = {"pagerduty": [Known("eu"), Known("us")]}
    with pytest.raises(Forged, match="not signed by us"):
        await door.inbound.receive("pagerduty", signed("me"))
    with pytest.raises(Malformed):
        await door.inbound.receive("pagerduty", signed("eu", b""))
    assert (door.counted("forged"), door.counted("malformed"), door.done) == (1, 1, [])


@pytest.mark.parametrize(
    ("receivers", "done"),
    [
        ([Known("eu", elsewhere=True), Known("us", (takes_on("2"),)), Known("eu", (takes_on("3"),))], ["3"]),
        ([Known("eu", (takes_on("1"),)), Known("eu", (takes_on("2"),))], ["1"]),
        ([Known("us"), Known("eu", elsewhere=True)], []),
        ([Known("eu", elsewhere=True), Known("us")], []),
        ([Known("eu", elsewhere=True), Known("eu", elsewhere=True)], []),
    ],
)
async def test_of_those_who_know_the_sender_it_is_for_the_first_whom_it_concerns(
    receivers: list[Known], done: list[str]
) -> None:
    door = Door()
    door.inbound.receivers = {"pagerduty": receivers}
    received = await door.inbound.receive("pagerduty", replace(INBOUND, headers={"signed-by": "eu"}))
    assert received is not None
    assert received.status == 200
    assert [act.target.incident for act in door.done] == done
    assert door.counted("received") == 1


@pytest.mark.looptime
async def test_a_flood_of_forged_requests_is_counted_and_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.inbound.receivers = {"pagerduty": [Known("eu")], "slack": [Known("team")]}
    for _ in range(600):
        for way in ("pagerduty", "slack"):
            with pytest.raises(Forged):
                await door.inbound.receive(way, signed("me"))
        await asyncio.sleep(0.25)
    await asyncio.sleep(60)
    assert (door.counted("forged"), door.counted("forged", "slack")) == (600, 600)
    for way in ("pagerduty", "slack"):
        told = [record.__dict__ for record in caplog.records if record.__dict__["way"] == way]
        assert [line.get("times", 1) for line in told] == [1, 239, 240, 120]
        assert {line["result"] for line in told} == {"forged"}


async def test_where_nobody_receives_there_is_nobody_to_ask() -> None:
    assert await Door().inbound.receive("slack", INBOUND) is None


async def test_what_cannot_be_done_is_taken_all_the_same_and_what_is_not_on_record_is_not() -> None:
    door = Door(raises=UsageError("there is no incident 9"))
    door.inbound.receivers = {"pagerduty": [Known("eu", (takes_on("9"),))]}
    assert await door.inbound.receive("pagerduty", signed("eu")) is not None, "sending it again helps nobody"
    door.raises = StoreBusy("the journal cannot be written")
    with pytest.raises(StoreBusy):
        await door.inbound.receive("pagerduty", signed("eu"))


async def test_who_has_more_to_do_afterwards_is_told_what_could_not_be_done_and_answers() -> None:
    door, eu = Door(), Known("eu", (takes_on("1"), takes_on("2")), problems=[])
    door.inbound.receivers = {"slack": [eu]}
    assert await door.inbound.receive("slack", signed("eu")) == Received(status=207)
    door.raises = UsageError("there is no incident 9")
    await door.inbound.receive("slack", signed("eu"))
    assert eu.problems == ["", "there is no incident 9"]


@dataclass
class Asked:
    """A destination that can be asked, or one that cannot answer."""

    fails: bool = False
    credential: str = ""
    keys: list[str] = field(default_factory=list)

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        return Sent()

    async def aclose(self) -> None:
        pass

    async def acts_on(self, keys: Sequence[str]) -> Sequence[Act]:
        if self.fails:
            raise WatchkeepError("it does not answer")
        self.keys += keys
        return [takes_on("1", by="ben")]


def paged(name: str, *, priority: Priority = Priority.P0, answered: bool = False, at: datetime = T0) -> Incident:
    incident = fold_all([replace(opened(name), priority=priority)])[name]
    return replace(incident, page_open=True, page_key=f"key-{name}", paged_to=("us", "eu"), page_answered=answered)


async def test_whoever_has_the_page_of_an_unanswered_p0_is_asked_and_one_that_is_silent_keeps_nobody_back() -> None:
    door, us = Door(), Asked()
    incidents = {
        "1": paged("1"),
        "2": paged("2", answered=True),
        "3": paged("3", priority=Priority.P1),
        "4": replace(paged("4"), page_open=False),
    }
    await door.inbound.reconcile({"eu": Asked(fails=True), "us": us}, incidents)
    there = Target(incident="1", destination="us")
    assert (us.keys, door.done) == (["key-1"], [takes_on(by="ben", target=there)])
