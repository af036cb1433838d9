"""Scrapes that agents make are counted at the centre, to the event: late, twice, and whenever the watch is killed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slo.core.batch import Observed, digest_of
from slo.core.outcome import Outcome
from slo.core.reason import state_of
from slo.sources.scrape import MODULE
from tests.app.making import Time, sample
from tests.app.played import SLOT
from tests.app.reporting import gone, report
from tests.app.scraping import SLO, TOTAL, ScrapingWatch, an_slo, configuration
from tests.app.test_counters import FAILED, JOBS, by_group, key, requests
from tests.sources.lives import samples

POD, OTHER = "http://10.0.0.1:9100/metrics", "http://10.0.0.2:9100/metrics"
SCRAPE = "pods"


@pytest.fixture
def config() -> dict[str, Any]:
    """A scrape of what is found on nodes, made by agents."""
    made = configuration()
    found = {"type": "file", "files": ["never.json"]}
    made["scrapes"] = [
        {"name": SCRAPE, "run_by": "agents", "interval": f"{SLOT}s", "targets_from": [found]},
    ]
    return made


def scraped(
    at: float,
    values: Mapping[str, float] | None,
    target: str = POD,
    *,
    labels: Mapping[str, str] | None = None,
    looked_for: frozenset[str] = frozenset({key()}),
    reason: str = "status",
) -> Observed:
    """What an agent has seen of a target; nothing where it failed."""
    reason = "ok" if values is not None else reason
    outcome = Outcome(
        check=SCRAPE,
        target=target,
        module=MODULE,
        at=datetime.fromtimestamp(at, UTC),
        state=state_of(reason),
        reason=reason,
        labels=labels or {},
        number=int(at // SLOT),
    )
    series = [(labels, value) for _, labels, value, _ in samples(values or {})]
    return Observed(outcome=outcome, samples=series, looked_for=frozenset(map(digest_of, looked_for)))


def now(watch: ScrapingWatch) -> float:
    return watch.watch.now().timestamp()


async def slot(watch: ScrapingWatch, *values: Mapping[str, float] | None, target: str = POD, **more: Any) -> None:
    """A slot with these scrapes in its middle, which an agent reports at once."""
    watch.time.passes(SLOT / 2)
    for each in values:
        await report(watch, scraped(now(watch), each, target, **more))
    watch.time.passes(SLOT / 2)
    await watch.watch.parts.slots.close()


async def test_increments_are_computed_at_the_centre(tmp_path: Path, config: dict[str, Any]) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0))
        await slot(watch, requests(1_010, 1))
        await slot(watch, requests(3, 0))
        assert watch.totals() == (13, 1)
        assert sample(watch.telemetry, "watchkeep_scrape_series", scrape=SCRAPE, target=POD) == 2
        assert sample(watch.telemetry, "watchkeep_scrape_targets", scrape=SCRAPE) == 1


async def test_a_round_that_two_agents_report_counts_once(tmp_path: Path, config: dict[str, Any]) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0))
        watch.time.passes(SLOT / 2)
        for agent in ("node-1", "node-2", "node-1"):
            await report(watch, scraped(now(watch), requests(1_010, 0)), agent=agent)
            watch.time.passes(0.1)
        watch.time.passes(SLOT / 2 - 0.3)
        await watch.watch.parts.slots.close()
        assert watch.totals() == (10, 0)


async def test_what_comes_minutes_late_counts_in_its_own_slots_and_leaves_no_hole(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        late = []
        await slot(watch, requests(1_000, 0))
        await slot(watch, requests(1_000, 0), target=OTHER)
        for turn in range(30):
            watch.time.passes(SLOT / 2)
            late += [scraped(now(watch), requests(1_000 + turn, turn), target) for target in (POD, OTHER)]
            watch.time.passes(SLOT / 2)
            await watch.watch.parts.slots.close()
        await report(watch, *late)
        await slot(watch, requests(1_030, 30))
        assert watch.totals() == (30 + 29, 30 + 29)
        (status,) = watch.statuses
        assert status.budget.coverage == pytest.approx(33 * SLOT / 3_600)


async def test_a_kill_at_every_step_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    time, turn = Time(), 0
    for _ in range(8):
        async with ScrapingWatch(tmp_path, time, config) as watch:
            time.passes(SLOT / 2)
            turn += 1
            await report(watch, scraped(now(watch), requests(1_000 + turn, turn)))
        async with ScrapingWatch(tmp_path, time, config) as watch:
            time.passes(SLOT / 2)
            await watch.watch.parts.slots.close()
            assert watch.totals() == (turn - 1, turn - 1)
    async with ScrapingWatch(tmp_path, time, config) as watch:
        await slot(watch, requests(1_000 + turn, turn))
        assert watch.totals() == (turn - 1, turn - 1)


async def test_a_kill_before_the_counts_are_on_disk_counts_them_once(tmp_path: Path, config: dict[str, Any]) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as watch:
        await slot(watch, requests(1_000, 0))
    async with ScrapingWatch(tmp_path, time, config) as watch:

        async def nothing() -> None:
            """The machine dies here."""

        watch.watch.parts.books.write = nothing  # type: ignore[method-assign]
        await slot(watch, requests(1_010, 1))
        assert watch.totals() == (10, 1)
    async with ScrapingWatch(tmp_path, time, config) as watch:
        assert watch.totals() == (0, 0)
        await slot(watch, requests(1_020, 1))
        assert watch.totals() == (20, 1)


async def test_a_target_that_is_gone_is_not_missed_and_one_that_another_agent_scrapes_is_not_gone(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        for turn in range(2):
            watch.time.passes(SLOT / 2)
            await report(watch, *(scraped(now(watch), requests(1_000 + turn, 0), target) for target in (POD, OTHER)))
            watch.time.passes(SLOT / 2)
            await watch.watch.parts.slots.close()
        await report(watch, gone(OTHER, now(watch), check=SCRAPE), gone(POD, now(watch) - SLOT, check=SCRAPE))
        for turn in range(8):
            await slot(watch, requests(1_001 + turn, 0))
        assert watch.totals() == (9, 0)
        (status,) = watch.statuses
        assert status.budget.coverage == pytest.approx(10 * SLOT / 3_600)
        assert sample(watch.telemetry, "watchkeep_scrape_targets", scrape=SCRAPE) == 1
        assert {name.split(" ")[-1] for name in watch.watch.parts.books.watermarks("scrape")} == {"all", POD}


async def test_a_target_of_which_nothing_is_reported_for_a_day_is_gone(tmp_path: Path, config: dict[str, Any]) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0))
        watch.time.passes(86_400)
        await slot(watch)
        await slot(watch)
        assert sample(watch.telemetry, "watchkeep_scrape_targets", scrape=SCRAPE) == 0
        assert watch.watch.parts.books.watermarks("scrape").keys() == {"all"}


async def test_an_agent_with_the_configuration_before_counts_no_series_of_a_new_slo_from_nothing(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    jobs, old = an_slo("jobs", total=JOBS, bad=FAILED), frozenset({key()})
    new = old | {key(JOBS, FAILED)}
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0), looked_for=old)
        watch.configure(config | {"slos": [an_slo(), jobs]})
        await watch.watch.reload()
        await slot(watch, requests(1_010, 0), looked_for=old)
        await slot(watch, requests(1_020, 0) | {JOBS: 500, FAILED: 70}, looked_for=new)
        await slot(watch, requests(1_030, 0) | {JOBS: 510, FAILED: 72}, looked_for=new)
        assert (watch.totals(), watch.totals("jobs")) == ((30, 0), (8, 2))


async def test_an_agent_with_the_configuration_to_come_counts_nothing_from_nothing_either(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    jobs, new = an_slo("jobs", total=JOBS, bad=FAILED), frozenset({key(), key(JOBS, FAILED)})
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0) | {JOBS: 500}, looked_for=new)
        watch.configure(config | {"slos": [an_slo(), jobs]})
        await watch.watch.reload()
        await slot(watch, requests(1_010, 0) | {JOBS: 510, FAILED: 70}, looked_for=new)
        await slot(watch, requests(1_010, 0) | {JOBS: 520, FAILED: 72}, looked_for=new)
        assert watch.totals("jobs") == (8, 2)


async def test_groups_are_found_among_what_agents_scrape(tmp_path: Path, config: dict[str, Any]) -> None:
    config["slos"] = [an_slo(group_by=["pod"])]
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        labels = {"pod": "a"}
        for turn in range(2):
            values = {f'{TOTAL}{{pod="a"}}': 100.0 + turn, f'{TOTAL}{{pod="a",code="500"}}': 10.0 + turn}
            await slot(watch, values, labels=labels)
        assert by_group(watch) == {"pod=a": (1, 1)}


async def test_an_slo_says_why_its_target_cannot_be_scraped(tmp_path: Path, config: dict[str, Any]) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0))
        await slot(watch, None)
        (status,) = watch.statuses
        assert (status.slo.name, status.last_reason, status.last_target) == (SLO, "status", POD)
        failed = {"scrape": SCRAPE, "target": POD, "reason": "status"}
        assert sample(watch.telemetry, "watchkeep_scrape_failures_total", **failed) == 1


@pytest.mark.parametrize("target", ["nonsense", "http://[::1/metrics", "ftp://10.0.0.1/"])
async def test_what_is_no_target_is_passed_over(target: str, tmp_path: Path, config: dict[str, Any]) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as watch:
        await slot(watch, requests(1_000, 0), target=target)
        await watch.watch.reload()
        await slot(watch, requests(1_000, 0))
        assert sample(watch.telemetry, "watchkeep_scrape_targets", scrape=SCRAPE) == 1


async def test_of_a_scrape_with_one_url_no_other_is_counted(tmp_path: Path, config: dict[str, Any]) -> None:
    config["scrapes"] = [{"name": SCRAPE, "run_by": "agents", "interval": f"{SLOT}s", "url": POD}]
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as watch:
        await slot(watch, requests(1_000, 0))
        await slot(watch, requests(9_000, 0), target=OTHER)
    async with ScrapingWatch(tmp_path, time, config) as watch:
        await slot(watch, requests(1_005, 2))
        assert watch.totals() == (5, 2)
        assert watch.watch.parts.books.watermarks("scrape").keys() == {"all", f"names:{SCRAPE}", f"numbers:{SCRAPE}"}
