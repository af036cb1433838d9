"""Where a canary goes among what a forwarder is to send, and how a forwarder stands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporters.forwarders.elk import Config
from exporters.forwarding.measuring import Reading
from slo.app.forwarding_line import Line, Promised
from slo.config.settings import ForwarderEntry
from slo.core.canary import Canary
from slo.core.telemetry import Logged, Measured, Rank, Telemetry
from slo.core.telemetry_document import read, written
from slo.errors import Fault, StoreFull
from slo.exposition.forwarding import Forwarding
from slo.store.spool import SpoolFile
from slo.store.spooled import Depth, New
from tests.exporters.clocks import SetClock
from tests.exporters.forwarding.far_side import FarSide, waiting

AT = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = Canary(id="0123456789abcdef0123456789abcdef", forwarder="acme", at=AT)


class TakesAll(FarSide):
    """A far side that has a place for logs."""

    ranks = frozenset(Rank)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SpoolFile]:
    file = SpoolFile(tmp_path / "spool")
    yield file
    file.close()


def line(file: SpoolFile, far: FarSide, **keys: Any) -> Line:
    config = Config.model_validate({"url": "https://far.example", "match": ["customer=acme"], **keys})
    entry = ForwarderEntry(name="acme", type="elk", config=config, spool_bytes=10**6)
    return Line(
        entry,
        far,
        file,
        head=0,
        promised=lambda: Promised(slos=(), exclusions=()),
        pods=None,
        clock=SetClock(),
        telemetry=Forwarding(CollectorRegistry()),
    )


async def put(file: SpoolFile, far: FarSide, **keys: Any) -> list[Telemetry]:
    """What waits, in order, once a canary was put before a metric."""
    made = line(file, far, **keys)
    made.put(CANARY)
    made.spool.add([New(rank=Rank.METRIC, at=AT.timestamp(), body=written(Measured(at=AT, points=[])))])
    await made.spool.flush()
    return [read(body.encode()) for body in waiting(file)]


async def test_a_canary_waits_behind_all_else_and_for_no_matcher(file: SpoolFile) -> None:
    _, canary = await put(file, TakesAll(), labels={"provider": "ours", "forwarder": "mine"})
    assert isinstance(canary, Logged)
    assert (canary.id, canary.dataset) == (CANARY.id, "watchkeep.canary")
    assert canary.labels == {"forwarder": "acme", "provider": "ours"}


async def test_where_there_is_no_place_for_logs_it_is_a_point_behind_those_before_it(file: SpoolFile) -> None:
    canary, _ = await put(file, FarSide())
    assert isinstance(canary, Measured)
    assert [(name, labels, value) for name, _, labels, value in canary.points] == [
        ("watchkeep_canary", {"forwarder": "acme"}, CANARY.number)
    ]


async def test_a_forwarder_that_cannot_ask_says_so(file: SpoolFile) -> None:
    made = line(file, FarSide())
    assert made.taken_at is None
    with pytest.raises(Fault, match=r"canary_unread: nobody can ask http://far\.example"):
        await made.find([CANARY], 0.0)


@pytest.mark.parametrize("cumulative", [True, False])
async def test_who_follows_totals_is_told_which_series_have_ended_over_a_reload_too(
    file: SpoolFile,
    cumulative: bool,  # noqa: FBT001
) -> None:
    far = FarSide()
    far.cumulative = cumulative
    made = line(file, far, match=[])
    reading = Reading([made.selection])
    for slo in (b"gate", b"orca"):
        await made.tell_metrics(reading.read(b'# TYPE slo_x gauge\nslo_x{slo="%s"} 1\n' % slo), AT)
        made.selection.follow({})
    await made.spool.flush()
    told = [read(body.encode()) for body in waiting(file)]
    ended = [point.labels for each in told if isinstance(each, Measured) and each.ended for point in each.points]
    assert ended == ([{"slo": "gate"}] if cumulative else [])


async def test_what_the_disk_does_not_take_waits_in_memory_and_is_shown_with_the_reason(
    file: SpoolFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("acme.spool: no space is left to write to")

    made = line(file, FarSide())
    await made.spool.flush()
    earlier, later = (New(rank=Rank.COUNT, at=at, body=b"12345") for at in (10.0, 20.0))
    with monkeypatch.context() as patched:
        patched.setattr(file, "append", full)
        made.spool.add([later])
        await made.spool.flush()
        made.spool.add([earlier])
        state = await made.state()
    assert state.waiting == {Rank.COUNT: Depth(records=2, size_bytes=10, oldest=10.0)}
    assert (state.size_bytes, state.fails, state.last_failure) == (
        10,
        True,
        "acme.spool: no space is left to write to",
    )
    await made.spool.flush()
    made.spool.add([earlier])
    state = await made.state()
    assert state.waiting == {Rank.COUNT: Depth(records=3, size_bytes=15, oldest=10.0)}, "on disk and in memory"
    assert (state.fails, state.last_failure) == (False, None)
