"""The counters of a watch: counted in its books, through kills, reloads and full disks, and what it says of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slo.app.counters import EPOCH, milliseconds
from slo.app.failures import Lost
from slo.core.priority import Priority
from slo.errors import StoreBusy, StoreDamaged
from slo.net import breath as module
from slo.sources.grouping import MOST_GROUPS
from tests.app.making import START, Time, no_file_may_grow, sample
from tests.app.played import SLOT
from tests.app.scraping import BAD, SLO, TOTAL, ScrapingWatch, an_slo, configuration

OK = 'http_requests_total{code="200"}'
JOBS, FAILED = "jobs_total", "jobs_failed_total"


def key(total: str = TOTAL, bad: str = BAD) -> str:
    return f"counters:total={total};bad={bad}"


def requests(good: int, bad: int) -> dict[str, float]:
    return {OK: good, BAD: bad}


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


@pytest.fixture
def config() -> dict[str, Any]:
    return configuration()


# Counting


async def test_what_targets_count_is_what_the_slo_counts_and_pages_when_it_burns(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        for turn in range(12):
            await played.slot(requests(1_000 + 100 * turn, 7))
        assert (played.totals(), played.triggers) == ((1_100, 0), [])
        for turn in range(12):
            await played.slot(requests(2_100, 7 + 100 * (turn + 1)))
        assert played.totals() == (1_100, 1_200)
        assert played.triggers == [f"acme:{SLO}:-:g1"]
        (status,) = played.statuses
        assert status.budget.coverage == pytest.approx(240 / 3_600)


async def test_an_incident_of_a_service_that_is_idle_afterwards_is_over_and_one_that_is_silent_is_not(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        for turn in range(12):
            await played.slot(requests(1_000, 500 * turn))
        assert played.triggers
        for _ in range(60):
            await played.slot({})
        assert not played.resolves
        for _ in range(60):
            await played.slot(requests(1_000, 5_500))
        assert played.resolves == played.triggers


@pytest.mark.parametrize("turns", [1, 2, 5])
async def test_a_kill_after_every_few_slots_loses_no_event_and_pages_once(
    turns: int, tmp_path: Path, config: dict[str, Any]
) -> None:
    time, bad = Time(), 0
    for _ in range(24 // turns):
        async with ScrapingWatch(tmp_path, time, config) as played:
            for _ in range(turns):
                bad += 10
                await played.slot(requests(1_000, bad))
            bad += 10
            played.scrape(requests(1_000, bad))  # and dies before the slot is over
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_000, bad))
        assert played.totals() == (0, bad - 10)
        assert played.triggers == [f"acme:{SLO}:-:g1"]


async def test_while_the_disk_is_full_counting_goes_on_and_a_kill_then_loses_nothing(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_000, 0))
        await played.slot(requests(1_010, 0))
        with no_file_may_grow():
            for turn in range(3):
                await played.slot(requests(1_020 + turn, 5))
        assert played.totals() == (22, 5)
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_030, 6))
        assert played.totals() == (30, 6), "what was not written was not marked as counted either"


async def test_a_ledger_that_is_replaced_gets_every_watermark_again(tmp_path: Path, config: dict[str, Any]) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_000, 0))
        played.watch.parts.books._backlog.store._begin_anew(StoreDamaged("by the test"))
        await played.slot(requests(1_010, 0))
        await played.slot(requests(1_020, 0))
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_030, 4))
        assert played.totals() == (30, 4)


async def test_scrapes_that_end_while_slots_are_counted_belong_to_the_next_ones(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BREATH_SECONDS", -1.0)
    async with ScrapingWatch(tmp_path, Time(), configuration(targets=("api", "other"))) as played:
        await played.slot(requests(1_000, 0))
        played.time.passes(SLOT)
        closing = asyncio.create_task(played.watch.parts.slots.close())
        await asyncio.sleep(0)
        played.scrape(requests(1_500, 3))
        await closing
        assert played.totals() == (0, 0)
        await played.slot(requests(1_500, 3))
        assert played.totals() == (500, 3)


async def test_a_machine_that_stood_still_counts_what_it_missed_in_its_time(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        await played.slot(requests(1_000, 0))
        played.time.passes(4 * 3_600)
        await played.slot(requests(1_000 + 1_441, 0))
        assert played.totals() == (1_441, 0)
        (status,) = played.statuses
        assert (status.budget.good, status.budget.coverage) == (360, 1.0)


async def test_parts_that_exceed_their_total_are_said(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    slo = an_slo(total=OK, bad=BAD)
    async with ScrapingWatch(tmp_path, Time(), configuration(slo)) as played:
        for turn in range(4):
            await played.slot(requests(1_000, 10 * turn))
        assert sample(played.telemetry, "watchkeep_excess_slots_total") == 1
        (record,) = [r for r in caplog.records if r.message.startswith("a part counts more")]
        assert record.__dict__["sli"] == key(OK, BAD)


# Other configurations


async def test_an_sli_that_is_added_begins_with_a_baseline_and_one_that_stays_loses_nothing(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    jobs = an_slo("jobs", total=JOBS, bad=FAILED)
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_000, 0))
        played.time.passes(1)
        played.scrape(requests(1_010, 0))
        played.configure(configuration(an_slo(), jobs, targets=("api", "other")))
        await played.watch.reload()
        await played.slot(requests(1_020, 1) | {JOBS: 500})
        await played.slot({JOBS: 3}, target="other")
        await played.slot(requests(1_020, 1) | {JOBS: 510, FAILED: 2})
        assert (played.totals(), played.totals("jobs")) == ((20, 1), (8, 2))
    async with ScrapingWatch(tmp_path, time, configuration(an_slo(), jobs)) as played:
        await played.slot(requests(1_021, 1) | {JOBS: 520, FAILED: 2})
        assert (played.totals(), played.totals("jobs")) == ((21, 1), (18, 2))
        assert set(played.watch.parts.books.watermarks("scrape")) == {"all", "names:api", "numbers:api"}


@pytest.mark.parametrize(
    "change", [{"labels": {"zone": "b"}}, {"url": "http://elsewhere.example/metrics"}, {"honor_labels": True}]
)
async def test_a_target_that_is_scraped_otherwise_counts_nothing_of_what_was_before(
    tmp_path: Path, config: dict[str, Any], change: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        await played.slot(requests(1_000, 100))
        await played.slot(requests(1_010, 101))
        config["scrapes"][0] |= change
        played.configure(config)
        await played.watch.reload()
        await played.slot(requests(10, 0))
        assert played.totals() == (10, 1)
        await played.slot(requests(13, 2))
        assert played.totals() == (13, 3)


async def test_a_history_that_cannot_be_read_leaves_everything_as_it_was(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        await played.slot(requests(1_000, 0))
        played.configure(configuration(an_slo("jobs", total=JOBS, bad=FAILED)))

        async def refuse(slos: object) -> None:
            raise StoreBusy("somebody reads it")

        monkeypatch.setattr(played.watch.parts.books, "rebuild", refuse)
        with pytest.raises(StoreBusy):
            await played.watch.reload()
        await played.slot(requests(1_010, 1))
        assert played.totals() == (10, 1)


# Groups


def grouped() -> dict[str, Any]:
    return configuration(an_slo(group_by=["cluster"]))


def in_clusters(**bad: int) -> dict[str, float]:
    """A thousand good requests in each cluster, and so many bad ones where there are any."""
    values: dict[str, float] = {f'http_requests_total{{cluster="{name}",code="200"}}': 1_000 for name in bad}
    return values | {f'http_requests_total{{cluster="{name}",code="500"}}': n for name, n in bad.items() if n}


def by_group(played: ScrapingWatch) -> dict[str, tuple[int, int]]:
    """The good and the bad events of every group."""
    return {status.slo.scope: (status.totals["good"], status.totals["bad"]) for status in played.statuses}


async def test_groups_are_watched_from_their_first_series_on_and_page_by_themselves(tmp_path: Path) -> None:
    async with ScrapingWatch(tmp_path, Time(), grouped()) as played:
        assert played.statuses == []
        await played.slot(in_clusters(eu=5))
        assert by_group(played) == {"cluster=eu": (0, 0)}
        await played.slot(in_clusters(eu=5, us=7))
        assert by_group(played) == {"cluster=eu": (0, 0), "cluster=us": (1_000, 7)}, "born: counted from nothing"
        for turn in range(1, 12):
            await played.slot(in_clusters(eu=5, us=7 + 900 * turn))
        assert by_group(played) == {"cluster=eu": (0, 0), "cluster=us": (1_000, 9_907)}
        assert played.triggers == [f"acme:{SLO}:cluster=us:g1"]
        (incident,) = played.watch.desk.incidents()
        assert (incident.slo, incident.scope, incident.labels["cluster"]) == (SLO, "cluster=us", "us")
        assert sample(played.telemetry, "watchkeep_slo_groups", slo=SLO) == 2


async def test_groups_are_there_again_after_a_kill_and_lose_nothing(tmp_path: Path) -> None:
    time, bad = Time(), 0
    for _ in range(10):
        async with ScrapingWatch(tmp_path, time, grouped()) as played:
            assert len(played.statuses) == (2 if bad else 0), "before anything is scraped"
            bad += 100
            await played.slot(in_clusters(eu=bad, us=0))
    async with ScrapingWatch(tmp_path, time, grouped()) as played:
        await played.slot(in_clusters(eu=bad, us=0, ap=3))
        assert by_group(played) == {"cluster=ap": (1_000, 3), "cluster=eu": (0, 900), "cluster=us": (0, 0)}
        assert played.triggers == [f"acme:{SLO}:cluster=eu:g1"]


async def test_a_group_that_comes_while_the_watch_is_down_is_counted_from_nothing(tmp_path: Path) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, grouped()) as played:
        await played.slot(in_clusters(eu=5))
    time.passes(100)
    async with ScrapingWatch(tmp_path, time, grouped()) as played:
        await played.slot(in_clusters(eu=5, us=12))
        assert by_group(played) == {"cluster=eu": (0, 0), "cluster=us": (1_000, 12)}


async def test_groups_that_are_there_when_an_slo_gets_groups_begin_with_a_baseline(tmp_path: Path) -> None:
    jobs = an_slo("jobs", total=JOBS, bad=FAILED)
    async with ScrapingWatch(tmp_path, Time(), configuration(jobs)) as played:
        await played.slot({JOBS: 1} | in_clusters(eu=5))
        played.configure(grouped())
        await played.watch.reload()
        await played.slot(in_clusters(eu=6))
        await played.slot(in_clusters(eu=8))
        assert by_group(played) == {"cluster=eu": (0, 2)}


async def test_a_group_whose_series_vanish_stays_as_long_as_they_are_remembered(tmp_path: Path) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, grouped()) as played:
        await played.slot(in_clusters(eu=0, us=0))
        await played.slot(in_clusters(eu=0))
        await played.watch.reload()
        assert list(by_group(played)) == ["cluster=eu", "cluster=us"]
        for _ in range(25):
            time.passes(3_600)
            await played.slot(in_clusters(eu=0))
        assert list(by_group(played)) == ["cluster=eu", "cluster=us"], "it may be down"
        await played.watch.reload()
        assert list(by_group(played)) == ["cluster=eu"]
    async with ScrapingWatch(tmp_path, time, grouped()) as played:
        assert list(by_group(played)) == ["cluster=eu"]


async def test_more_groups_than_may_be_are_said_once_and_the_watch_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScrapingWatch(tmp_path, Time(), grouped()) as played:
        for turn in range(4):
            await played.slot(in_clusters(**{f"c{number}": turn for number in range(60 * (turn + 1))}))
        assert len(played.statuses) == MOST_GROUPS
        assert sample(played.telemetry, "watchkeep_slo_groups", slo=SLO) == MOST_GROUPS
        assert sample(played.telemetry, "watchkeep_slo_groups_refused", slo=SLO) == 1
        assert by_group(played)["cluster=c0"] == (0, 3)
        (record,) = [r for r in caplog.records if r.message.startswith("an SLO has more groups")]
        assert (record.levelname, record.__dict__["slo"]) == ("ERROR", SLO)


async def test_a_group_that_the_engine_cannot_take_now_is_taken_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with ScrapingWatch(tmp_path, Time(), grouped()) as played:
        await played.slot(in_clusters(eu=5))

        async def refuse(slos: object) -> None:
            raise StoreBusy("somebody reads it")

        with monkeypatch.context() as patch:
            patch.setattr(played.watch.parts.books, "rebuild", refuse)
            await played.slot(in_clusters(eu=6, us=0))
            await played.slot(in_clusters(eu=7, us=2))
        assert by_group(played) == {"cluster=eu": (0, 2)}
        await played.slot(in_clusters(eu=8, us=5))
        assert by_group(played) == {"cluster=eu": (0, 3), "cluster=us": (0, 3)}
        assert [r.message for r in caplog.records] == ["the history cannot be read, new groups have to wait"]


# Failing targets


async def test_an_slo_says_why_its_target_cannot_be_scraped_while_that_is_so(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        await played.slot(requests(1_000, 0))
        assert played.statuses[0].last_reason == ""
        await played.slot(reason="body_timeout")
        (status,) = played.statuses
        assert (status.last_reason, status.last_target) == ("body_timeout", "http://127.0.0.1:1/api")
        await played.slot(requests(1_000, 0))
        assert played.statuses[0].last_reason == ""


async def test_scrapes_have_metrics_of_their_own(tmp_path: Path) -> None:
    async with ScrapingWatch(tmp_path, Time(), configuration(targets=("api", "other"))) as played:
        await played.slot(requests(1_000, 0))
        for reason in ("status", "status", "network_down"):
            await played.slot(reason=reason)
        await played.slot(reason="connect_refused", target="other")

        def shown(name: str, **labels: str) -> float:
            return sample(played.telemetry, f"watchkeep_scrape_{name}", **labels)

        assert shown("failures_total", scrape="api", target="", reason="status") == 2
        assert shown("failures_total", scrape="api", target="", reason="network_down") == 1
        assert (shown("series", scrape="api", target=""), shown("duration_seconds", scrape="api", target="")) == (
            0,
            0.25,
        )
        await played.slot(requests(1_000, 0))
        assert shown("series", scrape="api", target="") == 2
        played.configure(configuration())
        await played.watch.reload()
        names = [s.labels for metric in played.telemetry.registry.collect() for s in metric.samples]
        assert "other" not in {labels.get("scrape") for labels in names}
        assert sample(played.telemetry, "watchkeep_probe_rounds_total", state="bad") == 0


LOST = [
    pytest.param(["ok"], None, id="observed"),
    pytest.param(["ok", "connect_refused", "connect_refused"], None, id="known for 2.5 intervals"),
    pytest.param(["ok", *["connect_refused"] * 4], (15, True), id="since its target fails"),
    pytest.param(["ok", *["network_down"] * 4], (5, False), id="by our own fault"),
    pytest.param(["ok", *["network_down"] * 3, "status"], (45, True), id="not since before"),
    pytest.param(["ok", "status", *["missed"] * 3], (5, False), id="we know nothing any more"),
    pytest.param(["ok", *["none"] * 4], (5, False), id="its series are gone"),
    pytest.param(["status"], (5, True), id="never observed"),
    pytest.param(["none"], (0, False), id="never there"),
    pytest.param([""], (0, False), id="not scraped yet"),
    pytest.param(["ok", *["status"] * 4, "ok"], None, id="back"),
]


@pytest.mark.parametrize(("rounds", "lost"), LOST)
async def test_an_sli_that_lost_its_data_is_told_with_since_when_and_whose_fault_it_is(
    rounds: list[str], lost: tuple[int, bool] | None, tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        for reason in rounds:
            if reason in {"ok", "none"}:
                await played.slot(requests(1_000, 0) if reason == "ok" else {})
            else:
                await played.slot(reason=reason)
        found = played.watch.parts.counters.lost(at(len(rounds) * SLOT))
    if lost is None:
        assert found == {}
    else:
        since, at_fault = lost
        assert found == {key(): Lost(since=at(since), at_fault=at_fault)}


async def test_an_sli_is_lost_only_where_all_its_targets_are(tmp_path: Path) -> None:
    async with ScrapingWatch(tmp_path, Time(), configuration(targets=("one", "two", "unrelated"))) as played:
        for target in ("one", "two"):
            await played.slot(requests(1_000, 0), target=target)
        for _ in range(4):
            await played.slot(requests(1_000, 0), target="two")
            played.fail(target="one")
        assert played.watch.parts.counters.lost(at(60)) == {}
        assert played.statuses[0].last_target == "http://127.0.0.1:1/one"
        for _ in range(4):
            await played.slot(reason="missed", target="two")
        assert played.watch.parts.counters.lost(at(100))[key()].at_fault


async def test_an_sli_that_was_never_observed_is_the_fault_of_targets_only_if_all_of_them_fail(tmp_path: Path) -> None:
    async with ScrapingWatch(tmp_path, Time(), configuration(targets=("one", "two"))) as played:
        await played.slot(reason="status", target="one")
        assert not played.watch.parts.counters.lost(at(10))[key()].at_fault
        await played.slot(reason="status", target="two")
        assert played.watch.parts.counters.lost(at(20))[key()].at_fault


async def test_the_log_says_once_why_a_target_cannot_be_scraped_and_that_it_can_again(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        for reason in ("status", "metrics", "status", "", "status"):
            await played.slot(None if reason else requests(1_000, 0), reason=reason)
    said = [vars(record) for record in caplog.records if record.name == "slo.app.failures"]
    assert {(each["scrape"], each["target"]) for each in said} == {("api", "http://127.0.0.1:1/api")}
    assert [each.get("reason", each["message"]) for each in said] == [
        "status",
        "metrics",
        "a target is scraped again",
        "status",
    ]


@pytest.mark.parametrize(
    ("selected", "target"),
    [
        ('{job="two"}', "http://127.0.0.1:1/two"),
        ('{job=~"t.*",instance="127.0.0.1:1"}', "http://127.0.0.1:1/two"),
        ('{job!="one",zone="b"}', "http://127.0.0.1:1/two"),
        ('{job="one"}', ""),
        ("", ""),
    ],
)
async def test_where_it_was_never_observed_no_target_is_to_blame_that_cannot_have_its_series(
    selected: str, target: str, tmp_path: Path
) -> None:
    slo = an_slo(total=TOTAL + selected, bad=TOTAL + selected)
    async with ScrapingWatch(tmp_path, Time(), configuration(slo, targets=("one", "two"))) as played:
        await played.slot({"other_total": 1}, target="one")
        await played.slot(reason="status", target="two")
        ((sli, lost),) = played.watch.parts.counters.lost(at(20)).items()
        assert lost.at_fault == bool(target)
        failing = played.watch.parts.counters.failing(sli)
        assert (failing is not None) == (bool(target) or not selected)
        assert not target or (failing and failing.target == target)


async def test_what_a_target_did_before_the_watch_began_is_not_held_against_it(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    time = Time()
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(requests(1_000, 0))
    time.passes(3_600)
    async with ScrapingWatch(tmp_path, time, config) as played:
        await played.slot(reason="status")
        assert played.watch.parts.counters.lost(at(3_620)) == {key(): Lost(since=at(3_615), at_fault=True)}


@pytest.mark.parametrize(
    ("reason", "priority", "pages"),
    [("connect_refused", Priority.P0, [f"acme:{SLO}:-:g1"]), ("network_down", Priority.P1, [])],
)
async def test_a_service_whose_own_counters_are_gone_pages_where_it_is_at_fault_itself(
    reason: str, priority: Priority, pages: list[str], tmp_path: Path, config: dict[str, Any]
) -> None:
    async with ScrapingWatch(tmp_path, Time(), config) as played:
        for turn in range(6):
            await played.slot(requests(1_000 + 100 * turn, 0))
        for _ in range(40):
            await played.slot(reason=reason)
        (incident,) = played.watch.desk.incidents()
        assert (incident.priority, incident.open, played.triggers) == (priority, True, pages)
        assert incident.summary.endswith(f"its SLI lost its data ({reason} at http://127.0.0.1:1/api)")
        assert [status.state for status in played.statuses] == ["no_data"]
        for turn in range(40):
            await played.slot(requests(2_000 + 100 * turn, 0))
        (incident,) = played.watch.desk.incidents()
        assert not incident.open


@pytest.mark.parametrize(
    ("microseconds", "expected"), [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (-1, 0), (-1_000, -1)]
)
def test_times_are_rounded_to_the_millisecond_that_holds_them(microseconds: int, expected: int) -> None:
    assert milliseconds(EPOCH + timedelta(microseconds=microseconds)) == expected
