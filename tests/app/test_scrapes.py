"""Targets of scrapes come, change and go while everything else goes on, and what they counted stays."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from exporters.endpoints import _Exposed
from slo.app.found import Labels
from slo.core.target import target_of
from slo.net import breath
from slo.sources.scrape import Scrape
from tests.app.making import Time, sample
from tests.app.played import SLOT
from tests.app.scraping import SLO, ScrapingWatch, an_slo, configuration
from tests.app.test_counters import by_group, requests

ONE, TWO, THREE = (f"http://127.0.0.{number}:9100/metrics" for number in (1, 2, 3))
EU, US = {"region": "eu"}, {"region": "us"}
WRITTEN, FOUND = "api", "pods"


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """A scrape with one target, and one with a target that is written and others in a file."""
    made = configuration()
    made["scrapes"].append(
        {
            "name": FOUND,
            "interval": f"{SLOT}s",
            "labels": {"team": "a"},
            "targets": [{"url": ONE, "labels": EU}],
            "targets_from": [
                {"type": "file", "files": [str(tmp_path / "*.json")], "format": "http://{target}/metrics"}
            ],
        }
    )
    return made


class Finding(ScrapingWatch):
    """A watch whose discoveries find what the test says."""

    async def finds(self, found: Mapping[str, Labels]) -> None:
        followers = self.watch.parts.scrapes._followers
        (follower,) = followers._now
        addresses = {url.removeprefix("http://").removesuffix("/metrics"): labels for url, labels in found.items()}
        targets = frozenset(target_of(address, labels) for address, labels in addresses.items())
        await followers._found(follower, targets)

    async def round(self, values: Mapping[str, Mapping[str, float] | str]) -> None:
        """A slot in whose middle each of these targets says something, or fails for a reason."""
        self.time.passes(SLOT / 2)
        for url, said in values.items():
            if isinstance(said, str):
                self.fail(said, target=FOUND, url=url)
            else:
                self.scrape(said, target=FOUND, url=url)
        self.time.passes(SLOT / 2)
        await self.watch.parts.slots.close()

    def labelled(self, url: str) -> Mapping[str, str]:
        """What a series of a target gets that has no labels of its own."""
        scheduled = self.watch.parts.scrapes._runner.check((FOUND, url, ""))
        assert scheduled is not None
        assert isinstance(scheduled.check, Scrape)
        series = scheduled.check._cache.add(b"http_requests_total", {"__name__": "http_requests_total"})
        assert series is not None
        return {name: value for name, value in series[1].items() if name != "__name__"}

    @property
    def running(self) -> list[str]:
        return sorted(target for name, target, _ in self.watch.parts.scrapes._runner._targets if name == FOUND)

    @property
    def marks(self) -> set[str]:
        return {name.split(":", 1)[1] for name in self.watch.parts.books.watermarks("scrape") if ":" in name}


async def test_targets_of_a_scrape_are_counted_each_by_itself(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        assert watch.running == [ONE, TWO]
        await watch.round({ONE: requests(1_000, 0), TWO: requests(50, 0)})
        await watch.round({ONE: requests(1_010, 1), TWO: requests(55, 2)})
        assert watch.totals() == (15, 3)
        assert watch.marks == {f"{FOUND} {ONE}", f"{FOUND} {TWO}"}
        await watch.slot(requests(7, 0))
        assert watch.marks == {WRITTEN, f"{FOUND} {ONE}", f"{FOUND} {TWO}"}, "as it always was for one with a url"


async def test_targets_go_on_from_their_watermarks_after_a_kill(tmp_path: Path, config: dict[str, Any]) -> None:
    time = Time()
    async with Finding(tmp_path, time, config) as watch:
        await watch.finds({TWO: US})
        await watch.round({ONE: requests(1_000, 0), TWO: requests(50, 0)})
    async with Finding(tmp_path, time, config) as watch:
        assert watch.running == [ONE, TWO], "before the discovery has said anything"
        await watch.round({ONE: requests(1_010, 1), TWO: requests(55, 2)})
        assert watch.totals() == (15, 3)


async def test_a_target_that_is_gone_has_counted_what_it_was_scraped_for_and_costs_no_coverage(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        await watch.round({ONE: requests(1_000, 0), TWO: requests(50, 0)})
        watch.time.passes(1)
        watch.scrape(requests(60, 3), target=FOUND, url=TWO)
        kept = watch.watch.parts.scrapes._runner._targets[FOUND, ONE, ""]
        await watch.finds({})
        assert watch.watch.parts.scrapes._runner._targets[FOUND, ONE, ""] is kept
        watch.time.passes(SLOT - 1)
        await watch.watch.parts.slots.close()
        assert watch.totals() == (10, 3), "what it said before it went"
        for turn in range(1, 9):
            await watch.round({ONE: requests(1_000 + turn, 0)})
        assert watch.totals() == (18, 3)
        (status,) = watch.statuses
        assert status.budget.coverage == pytest.approx((8 * SLOT + 2 * SLOT) / 3_600)
        assert watch.marks == {f"{FOUND} {ONE}"}


async def test_a_target_that_comes_back_begins_anew(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        await watch.round({TWO: requests(50, 0)})
        await watch.finds({})
        await watch.round({})
        await watch.finds({TWO: US})
        await watch.round({TWO: requests(90, 9)})
        await watch.round({TWO: requests(91, 9)})
        assert watch.totals() == (1, 0)


async def test_a_target_that_is_missing_from_one_answer_of_its_discovery_loses_nothing(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        await watch.round({TWO: requests(50, 0)})
        await watch.finds({})
        await watch.finds({TWO: US})
        await watch.round({TWO: requests(60, 1)})
        assert watch.totals() == (10, 1)


async def test_targets_may_come_and_go_while_slots_are_counted(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breath, "BREATH_SECONDS", -1.0)
    async with Finding(tmp_path, Time(), config) as watch:
        others = {f"http://127.0.0.{number}:9100/metrics": US for number in range(10, 40)}
        await watch.finds({TWO: US, **others})
        await watch.round({url: requests(50, 0) for url in (ONE, TWO, *others)})
        for turns in range(1, 120, 7):
            watch.time.passes(SLOT / 2)
            watch.scrape(requests(50 + turns, 0), target=FOUND, url=ONE)
            watch.time.passes(SLOT / 2)
            closing = asyncio.create_task(watch.watch.parts.slots.close())
            for _ in range(turns):
                await asyncio.sleep(0)
            await watch.finds({THREE: US} if turns % 2 else {TWO: US, **others})
            await closing
        assert watch.totals() == (113, 0)
        await watch.round({})
        assert watch.marks == {f"{FOUND} {ONE}"}, "no other was scraped since it came"


async def test_a_target_with_other_labels_begins_anew(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        await watch.round({TWO: requests(50, 0)})
        await watch.finds({TWO: EU})
        await watch.round({TWO: requests(90, 9)})
        await watch.round({TWO: requests(91, 9)})
        assert watch.totals() == (1, 0)
        assert watch.labelled(TWO) == {
            "job": FOUND,
            "instance": "127.0.0.2:9100",
            "team": "a",
            "region": "eu",
        }


async def test_labels_that_are_found_stand_above_those_of_the_scrape(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: {"team": "b", "job": "j", "target": "t"}})
        assert watch.labelled(TWO) == {
            "job": "j",
            "instance": "127.0.0.2:9100",
            "team": "b",
            "target": "t",
        }


async def test_a_target_with_another_label_leaves_its_group(tmp_path: Path, config: dict[str, Any]) -> None:
    config["slos"] = [an_slo(group_by=["cluster"])]
    of = {name: {f'http_requests_total{{cluster="{name}"}}': 1_000.0} for name in ("eu", "us", "ap")}
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: {"cluster": "us"}})
        await watch.round({ONE: of["eu"], TWO: of["us"]})
        assert list(by_group(watch)) == ["cluster=eu", "cluster=us"]
        await watch.finds({TWO: {"cluster": "ap"}})
        for _ in range(2):
            await watch.round({ONE: of["eu"], TWO: of["ap"]})
        assert list(by_group(watch)) == ["cluster=ap", "cluster=eu"]


async def test_the_group_of_a_target_that_is_gone_has_lost_no_data(tmp_path: Path, config: dict[str, Any]) -> None:
    config["slos"] = [an_slo(group_by=["cluster"])]
    of = {name: {f'http_requests_total{{cluster="{name}"}}': 1_000.0} for name in ("eu", "us")}
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: {}, THREE: {}})
        await watch.round({ONE: of["eu"], TWO: of["us"], THREE: of["us"]})
        assert list(by_group(watch)) == ["cluster=eu", "cluster=us"]
        await watch.finds({TWO: {}})
        for _ in range(3):
            await watch.round({ONE: of["eu"], TWO: of["us"]})
        assert list(by_group(watch)) == ["cluster=eu", "cluster=us"], "another target has it"
        await watch.finds({})
        for _ in range(2):
            await watch.round({ONE: of["eu"]})
        assert list(by_group(watch)) == ["cluster=eu"]
        assert watch.watch.parts.counters.lost(watch.watch.now()).keys() <= {watch.statuses[0].slo.sli}


async def test_targets_have_metrics_of_their_own_as_long_as_they_are_there(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.scrape_metrics.MOST_SHOWN", 3)
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US, THREE: US})
        await watch.slot(requests(1, 0))
        await watch.round({ONE: requests(1, 0), TWO: "connect_refused", THREE: requests(1, 0)})

        def shown(name: str, **labels: str) -> float | None:
            return watch.telemetry.registry.get_sample_value(f"watchkeep_scrape_{name}", labels)

        assert shown("series", scrape=FOUND, target=ONE) == 2
        assert shown("failures_total", scrape=FOUND, target=TWO, reason="connect_refused") == 1
        assert shown("series", scrape=FOUND, target=THREE) is None, "there are as many as may be"
        assert (shown("targets", scrape=FOUND), shown("targets", scrape=WRITTEN)) == (3, 1)
        text = generate_latest(_Exposed(watch.telemetry.registry)).decode()
        assert f'watchkeep_scrape_series{{scrape="{WRITTEN}"}} 2.0' in text
        await watch.finds({TWO: US, "http://no port:x/metrics": US})
        assert shown("targets", scrape=FOUND) == 2
        assert shown("targets_refused", scrape=FOUND, reason="invalid") == 1
        await watch.finds({})
        left = {s.labels.get("target") for metric in watch.telemetry.registry.collect() for s in metric.samples}
        assert not {TWO, THREE} & left
        labels = {"probe": FOUND, "discovery": "scrapes.targets_from[0]", "type": "file"}
        assert sample(watch.telemetry, "watchkeep_discovery_targets", **labels) == 0


async def test_a_reload_leaves_targets_that_are_found_and_ends_those_of_another_discovery(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: US})
        await watch.round({ONE: requests(1_000, 0), TWO: requests(50, 0)})
        await watch.watch.reload()
        await watch.round({ONE: requests(1_010, 0), TWO: requests(51, 0)})
        assert watch.totals() == (11, 0)
        config["scrapes"][1]["targets_from"][0]["files"] = [str(tmp_path / "other" / "*.json")]
        config["scrapes"][1]["targets"].append(THREE)
        watch.configure(config)
        await watch.watch.reload()
        assert watch.running == [ONE, THREE]
        await watch.round({ONE: requests(1_020, 0), THREE: requests(5, 0)})
        assert watch.totals() == (21, 0)
        del config["scrapes"][1]["targets"], config["scrapes"][1]["targets_from"]
        config["scrapes"][1] |= {"url": ONE, "labels": EU}
        watch.configure(config)
        await watch.watch.reload()
        await watch.slot(requests(9_999, 0), target=FOUND)
        await watch.round({})
        assert watch.totals() == (21, 0), "it has another name in the books"
        assert watch.marks == {FOUND}


@pytest.mark.parametrize("labels", [{"job": "found"}, {"region": "us"}])
async def test_an_slo_that_only_targets_can_feed_that_are_not_found_yet_is_taken(
    labels: Mapping[str, str], tmp_path: Path, config: dict[str, Any]
) -> None:
    selected = ",".join(f'{name}="{value}"' for name, value in labels.items())
    config["slos"] = [an_slo(total=f"http_requests_total{{{selected}}}", bad=f"errors_total{{{selected}}}")]
    async with Finding(tmp_path, Time(), config) as watch:
        await watch.finds({TWO: labels})
        assert [status.slo.name for status in watch.statuses] == [SLO]
