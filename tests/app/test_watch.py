"""The watch as a whole: restarts, and other configurations while it runs."""

import asyncio
import threading
from pathlib import Path

import pytest

from slo.app.books import Books
from slo.config.load import load
from slo.config.settings import Settings
from slo.core.alert import FiringPair
from slo.core.policy import Severity
from slo.core.slo import SLO
from slo.errors import ConfigError, StoreDamaged, StoreError
from tests.app.making import Time, sample
from tests.app.played import PlayedWatch, configuration

PAGE = FiringPair(severity=Severity.PAGE, long="2m", short="30s")
RELOADED = "watchkeep_config_last_reload_successful"
GATE_ONE, GATE_TWO = "acme:gate-availability:-:g1", "acme:gate-availability:-:g2"


async def test_what_fired_before_a_long_absence_fires_until_something_is_known_again(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time) as played:
        await played.slots(12, "connect_refused")
    time.passes(7200)
    async with PlayedWatch(tmp_path, time) as played:
        await played.slots(20, "")
        (incident,) = played.watch.desk.incidents()
        assert (incident.firing, played.resolves) == (frozenset({PAGE}), [])
        await played.slots(20)
        assert (played.triggers, played.resolves) == ([GATE_ONE], [GATE_ONE])


async def test_a_kill_at_every_slot_of_an_outage_pages_once_and_resolves_once(tmp_path: Path) -> None:
    time = Time()
    for reason in [*["connect_refused"] * 8, *["ok"] * 12]:
        async with PlayedWatch(tmp_path, time) as played:
            await played.slots(1, reason)
    async with PlayedWatch(tmp_path, time) as played:
        assert (played.triggers, played.resolves) == ([GATE_ONE], [GATE_ONE])
        (status,) = played.statuses
        assert (status.totals["bad"], status.totals["good"]) == (8, 12)


async def test_extra_rounds_are_evidence_of_an_incident_and_count_for_nothing(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(2, "connect_refused")
        for _ in range(20):
            played.outcome("gate", "connect_refused", extra=True)
        await played.slots(1, "")
        assert played.triggers == [], "a page takes three events, and extra rounds are none"
        played.outcome("gate", "connect_refused")
        for _ in range(2):
            played.outcome("gate", "status", extra=True)
        await played.slots(1, "")
        (incident,) = played.watch.desk.incidents()
        assert (incident.evidence.reason, incident.evidence.detail) == ("status", "and in 2 extra rounds")
        (status,) = played.statuses
        assert status.totals == {"good": 0, "bad": 3, "unknown": 0}


async def test_an_slo_that_is_removed_ends_its_incident_and_begins_a_new_one_when_it_comes_back(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration("gate", "deck")) as played:
        await played.slots(12, "connect_refused", probes=("gate", "deck"))
        assert sorted(played.triggers) == ["acme:deck-availability:-:g1", GATE_ONE]
        played.configure(configuration("deck"))
        await played.watch.reload()
        await played.slots(1, "connect_refused", probes=("gate", "deck"))
        assert played.resolves == [GATE_ONE]
        gate = next(incident for incident in played.watch.desk.incidents() if incident.slo == "gate-availability")
        assert gate.resolved_why == "the SLO was removed from the configuration"
        played.configure(configuration("deck", "gate"))
        await played.watch.reload()
        await played.slots(1, "connect_refused", probes=("gate", "deck"))
        assert sorted(played.triggers) == ["acme:deck-availability:-:g1", GATE_ONE, GATE_TWO]
        assert [status.slo.name for status in played.statuses] == ["deck-availability", "gate-availability"]


async def test_another_configuration_keeps_what_is_known_and_what_fires(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(30)
        await played.slots(6, "connect_refused")
        before = played.statuses[0]
        played.configure(configuration("deck", "gate", window="2h"))
        await played.watch.reload()
        after = played.statuses[1]
        assert (after.totals, after.maturity_seconds) == (before.totals, before.maturity_seconds)
        assert after.firing == before.firing == {PAGE}
        assert after.budget.window == "2h"
        await played.slots(30, probes=("gate", "deck"))
        assert (played.triggers, played.resolves) == ([GATE_ONE], [GATE_ONE])
        assert played.statuses[0].totals["good"] == 30


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("slot: [", "watchkeep.yaml:"),
        (configuration("gate", slot=5), "slot: cannot change from 10s while the watch runs; restart it"),
        (configuration("gate") | {"probez": []}, "probez: unknown key"),
    ],
    ids=["no YAML", "another slot", "a misspelt key"],
)
async def test_a_configuration_with_faults_is_refused_and_the_old_one_stays(
    config: object, sentence: str, tmp_path: Path
) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(1)
        assert sample(played.telemetry, RELOADED) == 1
        played.configure(config)
        with pytest.raises(ConfigError) as refusal:
            await played.watch.reload()
        assert sentence in str(refusal.value)
        assert sample(played.telemetry, RELOADED) == 0
        await played.slots(12, "connect_refused")
        assert played.triggers == [GATE_ONE]
        played.configure(configuration("gate", "deck"))
        await played.watch.reload()
        assert sample(played.telemetry, RELOADED) == 1
        assert len(played.statuses) == 2


async def test_a_configuration_that_is_gone_is_refused(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        (tmp_path / "watchkeep.yaml").unlink()
        with pytest.raises(ConfigError, match="watchkeep"):
            await played.watch.reload()
        assert sample(played.telemetry, RELOADED) == 0
        await played.slots(1)


async def test_a_history_that_cannot_be_read_refuses_the_new_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:

        async def refuse(books: Books, slos: object) -> None:
            raise StoreDamaged("the disk is gone")

        monkeypatch.setattr(Books, "rebuild", refuse)
        played.configure(configuration("gate", "deck"))
        with pytest.raises(StoreError, match="the disk is gone"):
            await played.watch.reload()
        assert sample(played.telemetry, RELOADED) == 0
        assert len(played.statuses) == 1


async def test_the_configuration_that_was_read_last_is_in_force_when_two_reloads_are_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slow_at_first(*arguments: object) -> Settings:
        settings = load(*arguments)  # type: ignore[arg-type]
        if not reading.is_set():
            reading.set()
            go_on.wait(30)
        return settings

    async with PlayedWatch(tmp_path, Time()) as played:
        monkeypatch.setattr("slo.app.place.load", slow_at_first)
        played.configure(configuration("deck"))
        first = asyncio.create_task(played.watch.reload())
        await asyncio.to_thread(reading.wait, 10)
        played.configure(configuration("orca"))
        second = asyncio.create_task(played.watch.reload())
        await asyncio.sleep(0.1)
        go_on.set()
        await asyncio.gather(first, second)
        assert [status.slo.name for status in played.statuses] == ["orca-availability"]


async def test_the_watch_can_be_looked_at_and_counts_while_it_is_reloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    building, go_on = threading.Event(), threading.Event()
    build = Books._engine

    def slowly(books: Books, slos: list[SLO], *arguments: object, **more: object) -> object:
        engine = build(books, slos, *arguments, **more)  # type: ignore[arg-type]
        building.set()
        go_on.wait(30)
        return engine

    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(3)
        monkeypatch.setattr(Books, "_engine", slowly)
        played.configure(configuration("deck", "gate"))
        reloading = asyncio.create_task(played.watch.reload())
        await asyncio.to_thread(building.wait, 10)
        played.time.passes(1)
        played.outcome("gate", "ok")
        looking = iter(played.watch.statuses())
        assert next(looking).slo.name == "gate-availability"
        go_on.set()
        await reloading
        assert list(looking) == [], "it is told to the end of the SLOs that it began with"
        await played.slots(1, probes=("gate", "deck"))
        assert [status.totals["good"] for status in played.statuses] == [1, 5]


async def test_a_watch_that_judges_nothing_is_not_ready(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        await played.slots(1)
        assert played.watch.unready() == []
        played.time.passes(31)
        assert played.watch.unready() == ["no slot was evaluated for 31s"]
        await played.watch.parts.slots.close()
        assert played.watch.unready() == []
