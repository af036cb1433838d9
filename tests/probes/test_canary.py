"""How canaries are put and looked for, round by round, and what becomes of those that never arrive."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import pytest

from probes import canary
from probes.canary import MOST_PENDING, CanaryProbe
from slo.core.canary import Canary
from slo.core.outcome import Judgement
from slo.core.reason import State
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.context import Context
from tests.exporters.clocks import SetClock
from tests.probes.looking import look


class FarSide:
    """A forwarder and what is behind it. What is put is `there` at once, unless it is `deaf`."""

    def __init__(self) -> None:
        self.put_ones: list[Canary] = []
        self.there: set[Canary] = set()
        self.asked: list[Sequence[Canary]] = []
        self.deaf = False
        self.unread: Fault | None = None
        self.taken_at: datetime | None = None

    def put(self, one: Canary) -> None:
        self.put_ones.append(one)
        if not self.deaf:
            self.there.add(one)
            self.taken_at = one.at

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        self.asked.append(canaries)
        if self.unread is not None:
            raise self.unread
        return frozenset(canaries) & self.there


class Rounds:
    """A probe, its far side, and time that passes between its rounds."""

    def __init__(self, **keys: Any) -> None:
        self.clock = SetClock()
        self.far = FarSide()
        self.context = Context.default(self.clock)
        self.context.carriers["acme-elk"] = self.far
        config = canary.Config.model_validate({"forwarder": "acme-elk", "within": "5m", **keys})
        self.probe: CanaryProbe = canary.build(config, self.context)
        self.samples: list[Sample] = []

    async def round(self, after_seconds: float = 60.0) -> str:
        """The reason of the next round."""
        self.clock.seconds += after_seconds
        facts = await self.probe.observe(self.clock.monotonic() + 5)
        self.samples = list(self.probe.samples(facts))
        [judgement] = self.probe.judge(facts)
        assert isinstance(judgement, Judgement)
        return judgement.reason

    async def rounds(self, count: int) -> list[str]:
        return [await self.round() for _ in range(count)]

    def value(self, name: str) -> float | None:
        return next((sample.value for sample in self.samples if sample.name == name), None)


@pytest.fixture
async def rounds() -> AsyncIterator[Rounds]:
    made = Rounds()
    yield made
    await made.context.close()


async def test_the_first_round_knows_nothing_and_every_next_one_finds_the_one_before(rounds: Rounds) -> None:
    assert await rounds.rounds(4) == ["canary_awaited", "ok", "ok", "ok"]
    assert rounds.value("probe_canary_lag_seconds") == 60.0
    assert rounds.value("probe_canary_pending") == 1
    assert [list(asked) for asked in rounds.far.asked] == [[each] for each in rounds.far.put_ones[:3]]
    assert len({one.id for one in rounds.far.put_ones}) == 4


async def test_a_far_side_that_shows_nothing_is_late_after_the_time_and_good_when_all_is_there(rounds: Rounds) -> None:
    await rounds.rounds(2)
    rounds.far.deaf = True
    assert await rounds.rounds(8) == ["ok"] * 6 + ["canary_late"] * 2  # the one of the second round was there
    assert rounds.value("probe_canary_lag_seconds") == 420.0
    assert rounds.value("probe_canary_pending") == 8
    rounds.far.deaf = False
    rounds.far.there |= set(rounds.far.put_ones)
    assert await rounds.round() == "ok"
    assert rounds.value("probe_canary_lag_seconds") == 480.0
    assert rounds.value("probe_canary_pending") == 1


async def test_one_that_is_lost_makes_one_round_bad(rounds: Rounds) -> None:
    await rounds.rounds(2)
    rounds.far.deaf = True
    await rounds.round()
    rounds.far.deaf = False
    assert await rounds.rounds(9) == ["ok"] * 5 + ["canary_late"] + ["ok"] * 3
    assert rounds.value("probe_canary_pending") == 1


async def test_after_an_outage_that_loses_all_as_many_rounds_were_bad_as_were_lost(rounds: Rounds) -> None:
    await rounds.rounds(2)
    rounds.far.deaf = True
    said = await rounds.rounds(20)
    rounds.far.deaf = False
    said += await rounds.rounds(10)
    assert said == ["ok"] * 6 + ["canary_late"] * 20 + ["ok"] * 4


async def test_however_long_nothing_is_there_few_are_looked_for_and_the_oldest_stays(rounds: Rounds) -> None:
    rounds.far.deaf = True
    await rounds.rounds(3 * MOST_PENDING)
    assert await rounds.round() == "canary_late"
    assert rounds.value("probe_canary_pending") == MOST_PENDING
    assert rounds.far.asked[-1][0] == rounds.far.put_ones[0]
    assert rounds.far.asked[-1][-1] == rounds.far.put_ones[-2]


async def test_rounds_that_come_fast_put_no_more_than_half_of_the_most_within_the_time() -> None:
    rounds = Rounds(within="1h")
    rounds.far.deaf = True
    assert {await rounds.round(10.0) for _ in range(360)} == {"canary_awaited"}
    assert (rounds.value("probe_canary_pending") or 0) <= MOST_PENDING / 2
    assert [await rounds.round(10.0) for _ in range(2)] == ["canary_awaited", "canary_late"]


async def test_a_far_side_that_cannot_be_read_is_unknown_once_something_may_be_late(rounds: Rounds) -> None:
    await rounds.rounds(2)
    rounds.far.unread = Fault("canary_unread", detail="auth_refused")
    assert await rounds.rounds(8) == ["ok"] * 5 + ["canary_unread"] * 3
    assert rounds.value("probe_canary_lag_seconds") is None
    rounds.far.unread = None
    assert await rounds.round() == "ok"


async def test_a_far_side_that_is_down_is_late_since_nothing_can_have_been_sent(rounds: Rounds) -> None:
    await rounds.rounds(2)
    rounds.far.unread, rounds.far.deaf = Fault("canary_unread", detail="connect_refused"), True
    # the last that was taken may be there; the first that was not taken is late a minute after that one
    assert await rounds.rounds(8) == ["ok"] * 5 + ["canary_unread"] + ["canary_late"] * 2


async def test_without_the_forwarder_nothing_is_known(rounds: Rounds) -> None:
    await rounds.rounds(2)
    carrier = rounds.context.carriers.pop("acme-elk")
    with pytest.raises(Fault, match="canary_unsent"):
        await rounds.round()
    [judgement] = rounds.probe.judge(Fault("canary_unsent"))
    assert judgement.state is State.UNKNOWN
    assert not list(rounds.probe.samples(Fault("canary_unsent")))
    rounds.context.carriers["acme-elk"] = carrier  # as after a reload: what was put before is still looked for
    assert await rounds.round() == "ok"


async def test_what_is_explained(rounds: Rounds) -> None:
    seen = await look(canary, {"forwarder": "acme-elk"}, context=rounds.context)
    assert seen.reason == "canary_awaited"
    assert seen.findings == {"under way": "1"}
