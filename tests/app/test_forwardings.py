"""Each forwarder is told what is its own, from the moment on at which it is configured, whatever happens to others."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slo.app.closed import Closed
from slo.app.forwardings import Forwardings
from slo.app.place import Place
from slo.config.forwarding import LogsConfig
from slo.config.load import load
from slo.config.settings import ForwarderEntry, Settings
from slo.core.events import Acknowledged
from slo.core.folding import fold_all
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.telemetry import Counted, Logged, Measured, Rank, Record, Telemetry
from slo.core.telemetry_document import read
from slo.errors import ConfigError, StoreError
from slo.exposition.catalogue import Telemetry as OwnMetrics
from slo.kinds import Kinds
from slo.net.context import Context
from slo.router.incidents import Incidents
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from slo.store.spool import SpoolFile
from tests.app.making import START, Time, an_slo, books
from tests.exporters.forwarding.far_side import FarSide
from tests.web.watches import FakeWatch, a_busy_watch, opened

CUSTOMERS = ("acme", "other")


class Keeping(FarSide):
    """A far side that takes everything, as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Telemetry] = []
        self.closed = False

    def encode(self, records: Any) -> Any:
        self.told += [read(record.body) for record in records]
        return super().encode([Record(number=1, rank=each.rank, at=each.at, body=b"x") for each in records])

    async def aclose(self) -> None:
        self.closed = True


def entry(name: str, *, match: list[str] | None = None, **more: Any) -> ForwarderEntry:
    config = LogsConfig.model_validate({"match": match or [], "metrics": ["slo_*"], **more})
    return ForwarderEntry(name=name, type="keeping", config=config, spool_bytes=10**7)


def settings(folder: Path, *forwarders: ForwarderEntry) -> Settings:
    """Two probes, each of which feeds the SLO of one customer, and one that feeds both."""
    path = folder / "watchkeep.yaml"
    path.write_text(
        """
probes:
  - {name: acme-gate, type: tcp, target: "127.0.0.1:1"}
  - {name: other-gate, type: tcp, target: "127.0.0.1:2"}
  - {name: shared, type: tcp, target: "127.0.0.1:3"}
slos:
  - {name: a, objective: 99%, window: 1d, sli: {probe: acme-gate}, labels: {customer: acme}}
  - {name: o, objective: 99%, window: 1d, sli: {probe: other-gate}, labels: {customer: other}}
  - {name: as, objective: 99%, window: 1d, sli: {probe: shared}, labels: {customer: acme}}
  - {name: os, objective: 99%, window: 1d, sli: {probe: shared}, labels: {customer: other}}
""",
        encoding="utf-8",
    )
    return replace(load(path, Kinds.installed(), {}), forwarders=forwarders)


class World:
    """Forwardings over a journal, with far sides by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.far: dict[str, Keeping] = {}
        self.time = Time()
        self.metrics = OwnMetrics()
        self.journal = Journal(folder / "journal.db", telemetry=self.metrics)
        self.watch: FakeWatch = a_busy_watch()
        data = DataFolder(folder / "data")
        kinds = SimpleNamespace(forwarders=SimpleNamespace(module=lambda _: SimpleNamespace(build=self._built)))
        self._next = ""
        clock = self.time.clock()
        self.forwardings = Forwardings(
            Place(config=folder / "watchkeep.yaml", environ={}, kinds=cast("Kinds", kinds), folder=data),
            cast("Any", self.watch),
            books(folder, self.time),
            self.journal,
            lambda: Incidents.of(fold_all(event for _, event in self.journal.events())),
            clock=clock,
            context=Context.default(clock),
            telemetry=self.metrics.forwarding,
        )
        self._folder = data

    async def configure(self, *forwarders: ForwarderEntry) -> None:
        configured = settings(self.folder, *forwarders)
        for each in forwarders:
            self.far.setdefault(each.name, Keeping())
        self._waiting = [each.name for each in forwarders]
        prepared = await self.forwardings.prepare(configured)
        await self.forwardings.adopt(prepared, configured)

    def _built(self, config: LogsConfig, _context: Context) -> Keeping:
        name = config.labels["forwarder"]
        if "broken" in name:
            raise OSError("ca.pem: there is no such file")
        self.far[name] = Keeping()
        return self.far[name]

    async def told(self) -> dict[str, list[Telemetry]]:
        """Tell what happened, send it, and give what each far side got since it was built."""
        await self.forwardings._tell_once()
        for line in self.forwardings.lines.values():
            await line.spool.flush()
            while await line.sending.once() is not None:
                pass
        return {name: far.told for name, far in self.far.items()}

    async def close(self) -> None:
        await self.forwardings.close(0.1)
        self.journal.close()
        self._folder.close()


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made = World(folder)
    try:
        yield made
    finally:
        await made.close()


def to(name: str, **keys: Any) -> ForwarderEntry:
    return entry(name, labels={"forwarder": name}, **keys)


def bad(check: str, **labels: str) -> Outcome:
    from tests.web.watches import AT

    return Outcome(check=check, target="t", module="tcp", at=AT, state=State.BAD, reason="timeout", labels=labels)


def logs(told: list[Telemetry]) -> list[tuple[str, str]]:
    return [(each.dataset.removeprefix("watchkeep."), each.action) for each in told if isinstance(each, Logged)]


async def test_each_customer_gets_the_events_of_his_incidents_and_whoever_selects_nothing_gets_all(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("acme", match=["customer=acme"]), to("other", match=["customer=other"]), to("ours"))
        first = opened()
        made.journal.commit([first, Acknowledged(incident=first.incident, at=first.at, by="kim")], [], at=first.at)
        told = await made.told()
    assert logs(told["acme"]) == logs(told["ours"]) == [("incident", "opened"), ("incident", "acknowledged")]
    assert logs(told["other"]) == []


async def test_a_forwarder_is_told_what_happens_after_it_was_configured_and_once_however_often_it_is_changed(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as made:
        made.journal.commit([opened("2026-0001")], [], at=opened().at)
        await made.configure(to("ours"))
        made.journal.commit([opened("2026-0002")], [], at=opened().at)
        before = made.far["ours"]
        assert len(logs((await made.told())["ours"])) == 1
        made.journal.commit([opened("2026-0003")], [], at=opened().at)
        await made.configure(to("ours", max_age="1d"))
        assert before.closed, "another one has taken its place"
        told = (await made.told())["ours"]
        assert [each.sequence for each in told if isinstance(each, Logged)] == [3]
        await made.configure()
        assert made.forwardings.lines == {}
        made.journal.commit([opened("2026-0004")], [], at=opened().at)
        await made.configure(to("ours"))
        told = (await made.told())["ours"]
        assert [each.sequence for each in told if isinstance(each, Logged)] == [4], "its spool has waited for it"


@pytest.mark.parametrize(
    ("outcome", "whose"),
    [
        (bad("acme-gate"), {"acme", "ours"}),
        (bad("other-gate"), {"other", "ours"}),
        (bad("shared"), {"ours"}),
        (bad("shared", customer="acme"), {"acme", "ours"}),
        (bad("acme-gate", customer="other"), {"other", "ours"}),
        (bad("nobody"), {"ours"}),
        (replace(bad("acme-gate"), state=State.GOOD), set()),
    ],
)
async def test_a_round_goes_to_whom_its_target_belongs(outcome: Outcome, whose: set[str], tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("acme", match=["customer=acme"]), to("other", match=["customer=other"]), to("ours"))
        made.forwardings.observe(outcome)
        told = await made.told()
    assert {name for name, each in told.items() if logs(each)} == whose
    if whose == {"acme", "ours"}:
        assert all(each.labels["customer"] == "acme" for each in told["ours"] if isinstance(each, Logged))


async def test_counts_and_metrics_go_to_whom_the_slo_belongs(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("acme", match=["customer=acme"]), to("ours"))
        slos = {name: replace(an_slo(f"probe:{name}"), labels={"customer": name}) for name in CUSTOMERS}
        totals = {"acme": (5, 0, 0), "other": (7, 1, 0)}
        for end, more in ((START, 0), (START + 10, 1)):
            counted = {name: (good + more, bad_, unknown) for name, (good, bad_, unknown) in totals.items()}
            made.forwardings.closed(Closed(begun=end - 10, end=end, seconds=10, slos=slos, totals=counted, blocks=[]))
        measuring = asyncio.create_task(made.forwardings._measure())
        for _ in range(1_000):
            await asyncio.sleep(0.01)
            made.time.passes(1.0)
            for line in made.forwardings.lines.values():
                await line.spool.flush()
            if all(Rank.METRIC in line.spool.file.depths() for line in made.forwardings.lines.values()):
                break
        measuring.cancel()
        told = await made.told()
    for name, customers in (("acme", {"acme"}), ("ours", set(CUSTOMERS))):
        counted_ = [each for each in told[name] if isinstance(each, Counted)]
        assert {each.labels["customer"] for each in counted_} == customers
        assert {each.counts.good for each in counted_} == {1}
    points = [point for each in told["acme"] if isinstance(each, Measured) for point in each.points]
    assert points
    assert {point.labels["customer"] for point in points} == {"acme"}


async def test_one_that_cannot_be_built_is_refused_with_its_place_and_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("ours"))
        with pytest.raises(ConfigError, match=r"forwarders\[broken\]: cannot be used: ca.pem: there is no such file"):
            await made.configure(to("ours"), to("broken"))
        assert list(made.forwardings.lines) == ["ours"]


async def test_a_spool_that_cannot_be_opened_stops_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with world(tmp_path) as made:
        with closing(SpoolFile(made._folder.spool("ours"))) as file, file._file.reading() as db:
            db.execute("PRAGMA user_version = 99")
        await made.configure(to("ours"), to("acme"))
        assert list(made.forwardings.lines) == ["acme"]
        ours, acme = await made.forwardings.states()
        assert (ours.name, ours.fails, acme.name, acme.fails) == ("ours", True, "acme", False)
        assert "was written by a newer Watchkeep" in (ours.last_failure or "")
        with pytest.raises(StoreError, match="newer"):
            await made.forwardings.retry("ours")
        failures, labels = "watchkeep_forwarder_failures_total", {"forwarder": "ours", "reason": "spool"}
        assert made.metrics.registry.get_sample_value(failures, labels) == 1
        await made.configure(to("acme"))
        assert [each.name for each in await made.forwardings.states()] == ["acme"]
        assert made.metrics.registry.get_sample_value(failures, labels) is None
    assert "a spool cannot be opened, nothing is forwarded from it" in caplog.text
    assert made.far["ours"].closed


async def test_a_spool_that_could_not_be_opened_is_opened_when_it_can_be_and_goes_on_where_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as made:
        path = made._folder.spool("ours")
        with closing(SpoolFile(path)) as file, file._file.reading() as db:
            file.append([], {"journal": "0"})
            db.execute("PRAGMA user_version = 99")
        made.journal.commit([opened()], [], at=opened().at)
        await made.configure(to("ours"), to("acme"))
        await made.forwardings._outlets.open_shut()
        assert [each.fails for each in await made.forwardings.states()] == [True, False]
        assert caplog.text.count("a spool cannot be opened") == 1, "it is said once"
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("PRAGMA user_version = 1")
        await made.forwardings._outlets.open_shut()
        assert list(made.forwardings.lines) == ["ours", "acme"]
        assert [each.fails for each in await made.forwardings.states()] == [False, False]
        assert len(logs((await made.told())["ours"])) == 1


async def test_rounds_that_come_faster_than_they_can_be_told_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.forwardings.MOST_OUTCOMES", 2)
    async with world(tmp_path) as made:
        await made.configure(to("ours"))
        for _ in range(5):
            made.forwardings.observe(bad("shared"))
        labels = {"forwarder": "ours", "record": "outcome", "reason": "flood"}
        dropped = made.metrics.registry.get_sample_value("watchkeep_forwarder_records_dropped_total", labels)
        assert dropped == 3
        assert len(logs((await made.told())["ours"])) == 2


async def test_a_fault_of_ours_in_one_forwarder_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("ours"), to("acme"))

        def broken(_records: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(made.far["ours"], "encode", broken)
        made.forwardings.observe(bad("shared"))
        told = await made.told()
        assert len(logs(told["acme"])) == 1
        (ours, _) = await made.forwardings.states()
        assert ours.dead == {"unwritable": 1}
        monkeypatch.undo()
        assert await made.forwardings.retry("ours") == 1
        assert await made.forwardings.retry("nobody") is None


async def test_what_somebody_discards_is_counted_and_no_more_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("ours"))

        def broken(_records: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(made.far["ours"], "encode", broken)
        made.forwardings.observe(bad("shared"))
        await made.told()
        assert await made.forwardings.discard("nobody") is None
        assert await made.forwardings.discard("ours") == 1
        labels = {"forwarder": "ours", "record": "outcome", "reason": "discarded"}
        value = made.metrics.registry.get_sample_value
        assert value("watchkeep_forwarder_records_dropped_total", labels) == 1
        assert value("watchkeep_forwarder_dead_letters", {"forwarder": "ours"}) == 0


async def test_after_a_spool_was_damaged_the_last_events_are_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.forwarding_line.TOLD_AGAIN", 2)
    async with world(tmp_path) as made:
        await made.configure(to("ours"))
        for number in range(5):
            made.journal.commit([opened(f"2026-000{number}")], [], at=opened().at)
        assert len(logs((await made.told())["ours"])) == 5
        await made.configure()
        spool = made.folder / "data" / "spools" / "ours.spool"
        spool.write_bytes(b"x" * 8192)
        await made.configure(to("ours"))
        told = (await made.told())["ours"]
        assert [each.sequence for each in told if isinstance(each, Logged)] == [4, 5]


async def test_what_waits_for_everybody_does_not_go_to_one_customer_when_the_match_is_changed(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("ours"))
        for check in ("acme-gate", "other-gate", "shared"):
            made.forwardings.observe(bad(check))
        await made.forwardings._tell_once()
        await made.configure(to("ours", match=["customer=acme"]))
        told = (await made.told())["ours"]
        labels = {"forwarder": "ours", "record": "outcome", "reason": "deselected"}
        name = "watchkeep_forwarder_records_dropped_total"
        assert made.metrics.registry.get_sample_value(name, labels) == 2
    assert [each.labels["customer"] for each in told if isinstance(each, Logged)] == ["acme"]


async def test_what_waits_is_not_looked_at_where_whose_it_is_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.configure(to("ours", match=["customer=acme"]))
        made.forwardings.observe(bad("acme-gate"))
        await made.forwardings._tell_once()
        await made.configure(to("ours", match=["customer=acme"], max_age="1d"))
        assert len(logs((await made.told())["ours"])) == 1
