"""Targets of probes come, change and go while everything else goes on, and their SLOs count what was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from slo.app import found as module
from slo.app.found import Follower, Labels
from slo.core.outcome import Outcome, Point
from slo.core.reason import state_of
from slo.core.target import Target, target_of
from slo.errors import Fault
from slo.exposition.render import ProbeRenderer
from slo.net.target import TargetConfig
from tests.app.making import Time, sample
from tests.app.played import SLOT, PlayedWatch, configuration

EU, US = {"region": "eu"}, {"region": "us"}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """A probe with a target that is written, and others in a file; an SLO over all, and one for each region."""
    made = configuration("gate")
    (probe,), (slo,) = made["probes"], made["slos"]
    del probe["target"]
    probe["targets"] = [{"target": "127.0.0.1:1", "labels": EU}]
    probe["targets_from"] = [{"type": "file", "files": [str(tmp_path / "targets.json")], "refresh_interval": "100ms"}]
    made["slos"] = [slo, slo | {"name": "by-region", "group_by": ["region"]}]
    return made


class Targets(PlayedWatch):
    """A watch whose discoveries find what the test says."""

    async def finds(self, found: Mapping[str, Labels], follower: int = 0) -> None:
        targets = frozenset(target_of(address, labels) for address, labels in found.items())
        await self.watch.parts.probes._followers._found(self.followers[follower], targets)

    @property
    def followers(self) -> list[Follower]:
        return list(self.watch.parts.probes._followers._now)

    @property
    def running(self) -> list[str]:
        return sorted(target for _, target, _ in self.watch.parts.probes._runner._targets)

    def rounds(self, target: str, reason: str) -> None:
        """A round of one target that is complete now."""
        point: Point = ("gate", target, "")
        check = self.watch.parts.probes._runner.check(point)
        outcome = Outcome(
            check="gate",
            target=target,
            module="tcp",
            at=self._clock.now(),
            state=state_of(reason),
            reason=reason,
            labels=check.labels if check else {},
        )
        self.watch.parts.probes._runner.last[point] = outcome
        self.watch.parts.probes.observe(outcome)

    async def asked(self, target: str) -> str:
        """The reason of a round of one target that is made now."""
        check = self.watch.parts.probes._runner.check(("gate", target, ""))
        assert check is not None
        facts = await check.check.observe(self.watch._context.clock.monotonic() + 5)
        (judgement,) = check.check.judge(facts)
        return judgement.reason

    def metrics(self) -> list[str]:
        text = "".join(ProbeRenderer().render(self.watch.probe_samples(), on_fault=lambda *_: None))
        return [line for line in text.splitlines() if line.startswith("probe_success")]

    def counted(self) -> dict[str, tuple[int, int]]:
        return {status.slo.key: (status.totals["good"], status.totals["bad"]) for status in self.statuses}


async def test_targets_that_are_found_are_asked_and_counted_with_those_that_are_written(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        assert watch.running == ["127.0.0.1:1"]
        await watch.finds({"127.0.0.1:2": US, "127.0.0.1:3": EU})
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
        watch.time.passes(SLOT / 2)
        for target, reason in (("127.0.0.1:1", "ok"), ("127.0.0.1:2", "connect_refused"), ("127.0.0.1:3", "ok")):
            watch.rounds(target, reason)
        watch.time.passes(SLOT / 2)
        await watch.watch.parts.slots.close()
        assert watch.counted() == {
            "gate-availability": (2, 1),
            "by-region{region=eu}": (2, 0),
            "by-region{region=us}": (0, 1),
        }
        reasons = {status.slo.key: (status.last_reason, status.last_target) for status in watch.statuses}
        assert reasons == {
            "gate-availability": ("connect_refused", "127.0.0.1:2"),
            "by-region{region=eu}": ("", ""),
            "by-region{region=us}": ("connect_refused", "127.0.0.1:2"),
        }
        assert watch.metrics() == [
            'probe_success{region="eu",probe="gate",target="127.0.0.1:1"} 1.0',
            'probe_success{region="us",probe="gate",target="127.0.0.1:2"} 0.0',
            'probe_success{region="eu",probe="gate",target="127.0.0.1:3"} 1.0',
        ]
        assert sample(watch.telemetry, "watchkeep_probe_targets", probe="gate") == 3


async def test_a_target_that_is_gone_leaves_nothing_behind_and_disturbs_no_other(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US, "127.0.0.1:3": EU})
        for target in watch.running:
            watch.rounds(target, "connect_refused")
        runner = watch.watch.parts.probes._runner
        kept = runner._targets["gate", "127.0.0.1:3", ""]
        await watch.finds({"127.0.0.1:3": US})
        assert runner._targets["gate", "127.0.0.1:3", ""] is kept
        assert kept.scheduled.labels == US
        assert ("gate", "127.0.0.1:2", "") not in runner.last
        assert len(watch.metrics()) == 2
        assert "127.0.0.1:2" not in {status.last_target for status in watch.statuses}
        await watch.finds({})
        assert watch.running == ["127.0.0.1:1"]


async def test_jobs_may_call_while_targets_of_other_probes_come_and_go(tmp_path: Path, config: dict[str, Any]) -> None:
    token = "0123456789abcdef"
    config["probes"] += [
        {"name": job, "type": "heartbeat", "target": job, "every": "1h", "grace": "10m", "token": token}
        for job in ("backup", "billing")
    ]
    async with Targets(tmp_path, Time(), config) as watch:
        calls = watch.watch._context.calls
        for found in ({"127.0.0.1:2": US, "127.0.0.1:3": EU}, {"127.0.0.1:3": EU}, {}):
            await watch.finds(found)
            assert len(watch.running) == 3 + len(found)
            assert [name for name in watch.running if calls.admits(name, token.encode())] == ["backup", "billing"]


async def test_an_slo_of_a_group_goes_with_its_last_target_and_has_lost_no_data(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US})
        watch.time.passes(SLOT / 2)
        for target in watch.running:
            watch.rounds(target, "ok")
        watch.time.passes(SLOT / 2)
        await watch.watch.parts.slots.close()
        assert list(watch.counted()) == ["gate-availability", "by-region{region=eu}", "by-region{region=us}"]
        await watch.finds({})
        assert list(watch.counted()) == ["gate-availability", "by-region{region=eu}"]
        await watch.finds({"127.0.0.1:2": US})
        assert watch.counted()["by-region{region=us}"] == (1, 0)


async def test_an_incident_of_a_group_whose_last_target_is_gone_says_so(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US})
        for _ in range(12):
            watch.time.passes(SLOT / 2)
            watch.rounds("127.0.0.1:1", "ok")
            watch.rounds("127.0.0.1:2", "connect_refused")
            watch.time.passes(SLOT / 2)
            await watch.watch.parts.slots.close()
        await watch.finds({})
        watch.time.passes(SLOT)
        await watch.watch.parts.slots.close()
        (incident,) = [each for each in watch.watch.desk.incidents() if each.scope]
        assert incident.resolved_why == (
            "its group is gone with its last target or series: nobody wants anything in it watched any more"
        )


async def test_what_cannot_be_a_target_is_counted_and_stops_no_other(tmp_path: Path, config: dict[str, Any]) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"nonsense": {}, "127.0.0.1:1": US, "127.0.0.1:2": US, "more nonsense": {}})
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:2"]
        refused = {
            reason: sample(watch.telemetry, "watchkeep_probe_targets_refused", probe="gate", reason=reason)
            for reason in ("invalid", "duplicate", "too_many")
        }
        assert refused == {"invalid": 2, "duplicate": 1, "too_many": 0}
        assert watch.metrics() == []


async def test_more_targets_than_may_be_are_not_watched(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.building.MOST_TARGETS", 2)
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({f"127.0.0.1:{port}": {} for port in range(3, 8)})
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:3", "127.0.0.1:4"]
        assert sample(watch.telemetry, "watchkeep_probe_targets_refused", probe="gate", reason="too_many") == 3


async def test_a_change_that_failed_halfway_is_made_whole_by_the_next_answer(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US})
        with monkeypatch.context() as patched:
            patched.setattr(watch.watch.parts.probes._counting, "_regroup", raises)
            with pytest.raises(RuntimeError):
                await watch.finds({"127.0.0.1:3": US})
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:2"]
        await watch.finds({"127.0.0.1:3": US})
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:3"]


async def raises() -> None:
    raise RuntimeError


async def test_the_format_of_a_discovery_makes_targets_of_what_is_found(tmp_path: Path, config: dict[str, Any]) -> None:
    config["probes"][0] |= {"type": "http", "targets": []}
    config["probes"][0]["targets_from"][0]["format"] = "https://{target}/health"
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"one.example": {}, "two.example": {}})
        assert watch.running == ["https://one.example/health", "https://two.example/health"]


async def test_after_a_restart_the_last_targets_are_there_until_others_are_found(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    time = Time()
    async with Targets(tmp_path, time, config) as watch:
        await watch.finds({"127.0.0.1:2": US})
        await watch.slots(1, "")
    async with Targets(tmp_path, time, config) as again:
        assert again.running == ["127.0.0.1:1", "127.0.0.1:2"]
        assert [status.slo.scope for status in again.statuses] == ["", "region=eu", "region=us"]
    config["probes"][0]["targets_from"][0]["files"] = [str(tmp_path / "others.json")]
    async with Targets(tmp_path, time, config) as another:
        assert another.running == ["127.0.0.1:1"]


async def test_a_reload_keeps_what_was_found_and_the_rhythm_of_what_did_not_change(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US})
        runner = watch.watch.parts.probes._runner
        before = dict(runner._targets)
        (follower,) = watch.followers
        config["probes"][0]["targets"].append("127.0.0.1:4")
        watch.configure(config)
        await watch.watch.reload()
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:4"]
        assert watch.followers == [follower]
        assert all(runner._targets[key] is target for key, target in before.items())
        config["probes"][0]["timeout"] = "1s"
        watch.configure(config)
        await watch.watch.reload()
        assert {target.scheduled.timeout_seconds for target in runner._targets.values()} == {1.0}
        config["probes"][0] |= {"targets_from": []}
        watch.configure(config)
        await watch.watch.reload()
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:4"]
        await watch.watch.parts.probes._take(follower)
        assert watch.running == ["127.0.0.1:1", "127.0.0.1:4"]


async def test_a_target_that_is_found_keeps_to_the_guard_that_is_in_force(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    config["guard"] = {"deny": ["127.0.0.0/8"]}
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.2:2": US})
        assert await watch.asked("127.0.0.1:1") == "connect_refused", "the operator wrote it"
        assert await watch.asked("127.0.0.2:2") == "not_permitted"
        guards: list[dict[str, Any]] = [{"deny": []}, {"allow": {"networks": ["10.0.0.0/8"]}}, {}]
        for guard in guards:
            watch.configure(config | {"guard": guard})
            await watch.watch.reload()
            assert await watch.asked("127.0.0.1:1") == "connect_refused"
            assert await watch.asked("127.0.0.2:2") == ("not_permitted" if "allow" in guard else "connect_refused")


async def test_each_target_that_is_found_is_looked_at_from_every_vantage_point(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    config["probes"][0] |= {"vantage_points": [{"name": "four", "ip_protocol": "ip4"}, {"name": "six"}], "quorum": 2}
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": US, "127.0.0.1:3": US})
        await watch.finds({"127.0.0.1:2": US})
        runner = watch.watch.parts.probes._runner
        assert sorted((target, point) for _, target, point in runner._targets) == [
            *(("127.0.0.1:1", point) for point in ("four", "six")),
            *(("127.0.0.1:2", point) for point in ("four", "six")),
        ]
        configs = {point: check.scheduled.config for (_, _, point), check in runner._targets.items()}
        protocols = {
            point: cast(tuple[str, str, TargetConfig], config)[2].ip_protocol for point, config in configs.items()
        }
        assert protocols == {"four": "ip4", "six": "ip6"}


async def test_a_target_without_a_label_is_in_the_group_of_those_without_it(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"127.0.0.1:2": {}})
        assert [status.slo.key for status in watch.statuses][1:] == ["by-region{region=}", "by-region{region=eu}"]


async def test_a_probe_without_a_target_yet_is_no_data_and_says_so(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config["probes"][0]["targets"] = []
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.slots(2, "")
        assert "a probe has no targets: nothing is known of its SLOs" in caplog.messages
        (status,) = watch.statuses
        assert (status.budget.sli, status.budget.coverage) == (None, 0)
        assert watch.watch.unready() == []


class Discovery:
    """Does one thing after the other."""

    def __init__(self, *steps: frozenset[Target] | Exception) -> None:
        self._steps = iter(steps)

    async def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        for step in self._steps:
            if isinstance(step, Fault):
                failed(step)
            elif isinstance(step, Exception):
                raise step
            else:
                yield step
        await asyncio.sleep(3600)


async def test_what_a_discovery_does_wrong_is_counted_and_its_last_targets_stay(
    tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER_SECONDS", 0.0)
    async with Targets(tmp_path, Time(), config) as watch:
        (follower,) = watch.followers
        two, three = frozenset({Target("127.0.0.1:2")}), frozenset({Target("127.0.0.1:3")})
        follower.discovery = Discovery(two, Fault("malformed", detail="targets.json:3"), KeyError("x"), two | three)
        watch.watch.parts.probes._followers.begin()
        async with asyncio.timeout(30):
            while len(watch.running) < 3:
                await asyncio.sleep(0.01)
        labels = {"probe": "gate", "discovery": "targets_from[0]", "type": "file"}
        for reason in ("malformed", "fault"):
            assert sample(watch.telemetry, "watchkeep_discovery_failures_total", **labels, reason=reason) == 1
        assert sample(watch.telemetry, "watchkeep_discovery_targets", **labels) == 2
        config["probes"][0]["targets_from"] = []
        watch.configure(config)
        await watch.watch.reload()
        assert watch.telemetry.registry.get_sample_value("watchkeep_discovery_targets", labels) is None
        await watch.watch.parts.probes._followers.close()


async def test_the_log_has_each_place_of_a_list_that_is_wrong(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        (follower,) = watch.followers
        steps = (Fault("malformed", detail="targets.json:3"), Fault("malformed", detail="targets.json:3"))
        two = frozenset({Target("127.0.0.1:2")})
        follower.discovery = Discovery(*steps, Fault("malformed", detail="targets.json:9"), two)
        watch.watch.parts.probes._followers.begin()
        async with asyncio.timeout(30):
            while len(watch.running) < 2:
                await asyncio.sleep(0.01)
        failed = [record for record in caplog.records if record.message.startswith("a discovery failed")]
        assert [vars(record)["detail"] for record in failed] == ["targets.json:3", "targets.json:9"]
        await watch.watch.parts.probes._followers.close()


async def test_why_a_target_that_is_found_is_none_is_a_sentence_in_the_log(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with Targets(tmp_path, Time(), config) as watch:
        await watch.finds({"nonsense": US})
        (record,) = [record for record in caplog.records if "cannot be one of its probe" in record.message]
        assert "validation error" not in vars(record)["error"]
        assert "nonsense" in vars(record)["error"]


async def test_real_files_are_followed(tmp_path: Path, config: dict[str, Any]) -> None:
    (tmp_path / "targets.json").write_text(json.dumps([{"targets": ["127.0.0.1:2"], "labels": US}]))
    async with Targets(tmp_path, Time(), config) as watch:
        watch.watch.parts.probes._followers.begin()
        async with asyncio.timeout(30):
            while len(watch.running) < 2:
                watch.time.passes(0.1)
                await asyncio.sleep(0.01)
        await watch.watch.parts.probes._followers.close()
