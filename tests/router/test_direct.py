"""Pages without the journal: only P0, only after ten seconds, only while the journal is in trouble, and once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from slo.core.delivery import Action, Message, Refused, Retry, Sent
from slo.core.policy import Severity
from slo.exposition.catalogue import Telemetry
from slo.router.direct import DirectPages
from tests.router.making import STAGING, message
from tests.router.worlds import Recorder

pytestmark = pytest.mark.looptime


class Bench:
    """Direct pages with a journal that is in trouble or not."""

    def __init__(self) -> None:
        self.trouble = True
        self.sent: list[Message] = []
        self.oncall, self.hook = Recorder("key-1"), Recorder()
        self.pages = DirectPages(
            in_trouble=lambda _: self.trouble, sent=self.sent.append, telemetry=Telemetry(), jitter=lambda: 0.0
        )
        self.pages.destinations = {"oncall": self.oncall, "hook": self.hook}

    def watch(self, *messages: Message) -> None:
        self.pages.watch(messages, {"oncall"})


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.pages.close()


async def test_a_p0_page_waits_ten_seconds_and_goes_out_once(bench: Bench) -> None:
    bench.watch(message("m1"))
    bench.watch(message("m1"))
    await asyncio.sleep(9.9)
    assert not bench.oncall.begun
    await asyncio.sleep(0.2)
    assert bench.oncall.begun == bench.sent == [message("m1")]
    assert bench.oncall.credentials == ["key-1"]
    assert bench.pages.verdict(message("m1")) == Sent()
    await asyncio.sleep(3600)
    assert len(bench.oncall.begun) == 1


async def test_it_is_not_sent_where_the_outbox_has_begun_to(bench: Bench) -> None:
    bench.watch(message("m1"))
    await asyncio.sleep(5)
    bench.pages.forget(message("m1"))
    await asyncio.sleep(3600)
    assert not bench.oncall.begun


async def test_it_is_not_sent_while_the_journal_is_well_and_is_as_soon_as_it_is_not(bench: Bench) -> None:
    bench.trouble = False
    bench.watch(message("m1"))
    await asyncio.sleep(60)
    assert not bench.oncall.begun
    bench.trouble = True
    await asyncio.sleep(1.1)
    assert len(bench.oncall.begun) == 1


@pytest.mark.parametrize(
    "other",
    [
        message("m1", labels=STAGING),
        message("m1", severity=Severity.TICKET),
        message("m1", action=Action.RESOLVE),
        message("m1", action=Action.ACKNOWLEDGE),
        message("m1", destination="hook"),
    ],
    ids=["P1", "ticket", "resolve", "acknowledge", "no pager"],
)
async def test_nothing_but_a_p0_page_goes_out_directly(bench: Bench, other: Message) -> None:
    bench.watch(other)
    await asyncio.sleep(3600)
    assert not bench.oncall.begun
    assert not bench.hook.begun


async def test_it_is_tried_again_until_it_is_taken(bench: Bench) -> None:
    bench.oncall.answers = [Retry(reason="server_error"), Retry(reason="rate_limited", after_seconds=30)]
    bench.watch(message("m1"))
    await asyncio.sleep(10.5)
    assert (len(bench.oncall.begun), bench.pages.sends(message("m1"))) == (1, True)
    assert bench.pages.verdict(message("m1")) is None
    await asyncio.sleep(1)
    assert len(bench.oncall.begun) == 2
    await asyncio.sleep(29)
    assert len(bench.oncall.begun) == 2
    await asyncio.sleep(2)
    assert bench.sent == [message("m1")]
    assert not bench.pages.sends(message("m1"))


async def test_it_is_not_tried_again_when_it_is_refused(bench: Bench) -> None:
    bench.oncall.answers = [Refused(reason="rejected")]
    bench.watch(message("m1"))
    await asyncio.sleep(3600)
    assert len(bench.oncall.begun) == 1
    assert bench.pages.verdict(message("m1")) == Refused(reason="rejected")
    assert not bench.sent


async def test_it_waits_for_a_destination_that_is_gone(bench: Bench) -> None:
    bench.pages.destinations = {}
    bench.watch(message("m1"))
    await asyncio.sleep(60)
    bench.pages.destinations = {"oncall": bench.oncall}
    await asyncio.sleep(120)
    assert bench.sent == [message("m1")]


async def test_the_recovery_of_the_journal_does_not_stop_what_is_being_sent(bench: Bench) -> None:
    bench.oncall.answers = [Retry(reason="server_error")]
    bench.watch(message("m1"))
    await asyncio.sleep(10.5)
    bench.trouble = False
    await asyncio.sleep(2)
    assert bench.sent == [message("m1")]
