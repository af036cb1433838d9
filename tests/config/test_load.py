"""A configuration becomes settings, or all its faults at once."""

import gc
import os
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slo.config.load import load
from slo.config.settings import StoreSettings
from slo.core.policy import POLICIES, Severity
from slo.core.routing import Route
from slo.core.sli import CheckSLI
from slo.core.slo import SLO
from slo.errors import ConfigError
from slo.kinds import Kinds as Installed
from tests.config.making import GATE, Kinds, Look, faults, loaded, slo

SMALLEST = Path(__file__).parent / "good" / "smallest.yaml"


def test_the_smallest_whole_example_is_loaded_as_written() -> None:
    settings = load(SMALLEST, Installed.installed(), {"PD_ROUTING_KEY": "0a1b2c"})
    (probe,) = settings.probes
    assert (probe.name, probe.type, probe.interval, probe.timeout) == (
        "gate",
        "http",
        timedelta(seconds=10),
        timedelta(seconds=5),
    )
    assert settings.slos == (
        SLO(
            name="gate-availability",
            objective=Fraction(999, 1000),
            window=timedelta(days=30),
            sli="probe:gate",
            pairs=tuple(
                replace(pair, min_bad_events=3 if pair.severity is Severity.PAGE else 0)
                for pair in POLICIES["google-30d"]
            ),
            labels={"service": "gate", "customer": "acme", "environment": "production"},
            definition=CheckSLI(check="gate"),
            interval=timedelta(seconds=10),
        ),
    )
    assert [(entry.name, entry.type) for entry in settings.destinations] == [
        ("oncall", "pagerduty"),
        ("hook", "webhook"),
    ]
    assert settings.routes == Route(destinations=("oncall", "hook"), resolve_after=timedelta(minutes=5))
    assert settings.slot == timedelta(seconds=10)
    assert settings.store == StoreSettings(retention=timedelta(days=90), max_bytes=2_000_000_000)
    assert settings.external_url == ""
    assert settings.warnings == ()
    assert "0a1b2c" not in repr(settings)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    settings = loaded(
        GATE + "destinations: [{name: oncall, type: told, key: k}, {name: desk, type: told, key: k}]", tmp_path
    )
    (probe,) = settings.probes
    assert (probe.interval, probe.timeout) == (timedelta(seconds=10), timedelta(seconds=5))
    assert settings.routes == Route(destinations=("oncall", "desk"), resolve_after=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("keys", "timeout"),
    [("interval: 1s", "1s"), ("interval: 5s", "5s"), ("interval: 1m", "5s"), ("interval: 1m, timeout: 1m", "60s")],
)
def test_a_probe_gives_up_after_5s_and_never_later_than_its_interval(tmp_path: Path, keys: str, timeout: str) -> None:
    settings = loaded(f"probes: [{{name: a, type: look, url: 'http://a/', {keys}}}]", tmp_path)
    assert settings.probes[0].timeout == timedelta(seconds=int(timeout[:-1]))


def test_the_files_of_a_folder_are_merged_in_order_of_name() -> None:
    settings = load(Path(__file__).parent / "good" / "folder", Installed.installed(), {})
    assert [probe.name for probe in settings.probes] == ["gate", "deck"]
    assert [slo.name for slo in settings.slos] == ["gate-availability", "deck-availability"]
    assert settings.slot == timedelta(seconds=1)
    assert settings.slos[0].pairs[0].min_bad_events == 2


def test_a_folder_without_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("probes: []")
    with pytest.raises(ConfigError, match=r"holds no \*\.yaml and no \*\.yml; name a file"):
        load(tmp_path, Kinds(), {})


def test_what_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: does not exist; name a file"):
        load(tmp_path / "nowhere", Kinds(), {})


def test_a_file_that_must_not_be_read_is_refused_beside_the_faults_of_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("slot: 7s")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, Kinds(), {})
    assert [fault.problem[:14] for fault in caught.value.faults] == ["7s does not di", "does not exist"]


def test_a_pipe_is_read_as_a_file_is() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, GATE.encode())
        os.close(writing)
        assert load(Path(f"/dev/fd/{reading}"), Kinds(), {}).probes[0].name == "gate"
    finally:
        os.close(reading)


def test_only_kinds_that_are_used_are_imported(tmp_path: Path) -> None:
    kinds = Kinds()
    file = tmp_path / "watch.yaml"
    file.write_text("probes: [{name: a, type: look, url: 'http://a/'}, {name: b, type: look, url: 'http://b/'}]")
    settings = load(file, kinds, {})
    assert kinds.probes.imported == ["look"]
    assert kinds.destinations.imported == []
    assert isinstance(settings.probes[0].targets[0].config, Look)


def test_a_kind_that_cannot_be_imported_is_told_at_its_type(tmp_path: Path) -> None:
    (fault,) = faults("probes: [{name: a, type: broken}, {name: b, type: broken}]", tmp_path)
    assert fault.startswith("1:26: probes[a].type: the type broken cannot be used: probes.broken cannot be imported")


def test_faults_come_in_the_order_of_the_file_and_each_once(tmp_path: Path) -> None:
    text = "slot: 7s\nslos: [{name: a, objective: 99, window: 30, sli: {probe: gaet}}]\n" + GATE
    assert [fault.split(": ")[0] for fault in faults(text, tmp_path)] == ["1:7", "2:29", "2:41", "2:58"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (
            GATE.replace("name:", "nmae:") + "slos: [{name: a, objective: 99%, window: 30d, sli: {probe: gate}}]",
            ["1:11"],
        ),
        (
            GATE.replace("gate,", "-gate,") + "slos: [{name: a, objective: 99%, window: 30d, sli: {probe: deck}}]",
            ["1:17", "2:60"],
        ),
        (GATE + "destinations: [{nam: desk, type: told, key: k}]\nroutes: {destinations: [desk]}", ["2:17"]),
        (GATE + "destinations: 5\nroutes: {destinations: [desk]}", ["2:15"]),
        ("probes: {gate: look}\nslos: [{name: a, objective: 99%, window: 30d, sli: {probe: gate}}]", ["1:9"]),
    ],
)
def test_a_name_that_could_not_be_read_is_not_missed_elsewhere(tmp_path: Path, text: str, places: list[str]) -> None:
    assert [fault.split(": ")[0] for fault in faults(text, tmp_path)] == places


def test_nothing_is_told_of_windows_whose_slot_or_probe_could_not_be_read(tmp_path: Path) -> None:
    assert len(faults("slot: 7s\n" + slo(window="45s"), tmp_path)) == 1
    text = slo(window="20s").replace("type: look", "type: look, interval: often")
    assert len(faults(text, tmp_path)) == 1


def test_an_slo_that_needs_others_has_the_default_policy_without_scrapes(tmp_path: Path) -> None:
    text = """
    slos:
      - {name: api, objective: 99%, window: 30d, sli: {counters: {total: a_total, bad: b_total}}}
      - {name: whole, objective: 99%, window: 30d, sli: {all_of: [api]}}
    """
    assert [len(slo.pairs) for slo in loaded(text, tmp_path).slos] == [4, 4]


def test_a_destination_that_no_route_leads_to_is_warned_of(tmp_path: Path) -> None:
    settings = loaded(
        GATE
        + "destinations: [{name: a, type: told, key: k}, {name: b, type: told, key: k}]\nroutes: {destinations: [a]}",
        tmp_path,
    )
    assert [warning.path for warning in settings.warnings] == ["destinations[b]"]


@pytest.mark.parametrize(
    ("when", "warned"),
    [
        ("start: '2026-03-01T02:00:00Z', duration: 2h", []),
        ("start: '2026-03-01T02:00:30Z', duration: 90s", ["start", "duration"]),
        ("start: '2026-03-01T02:00Z', end: '2026-03-01T03:00:01Z'", ["end"]),
    ],
)
def test_an_exclusion_that_breaks_a_minute_is_warned_of(when: str, warned: list[str], tmp_path: Path) -> None:
    settings = loaded(f"exclusions: [{{name: patches, reason: agreed, author: kim, {when}}}]", tmp_path)
    assert [warning.path for warning in settings.warnings] == [f"exclusions[patches].{key}" for key in warned]


def test_an_external_url_has_no_slash_at_its_end(tmp_path: Path) -> None:
    assert (
        loaded(GATE + "external_url: https://watch.example/slo/", tmp_path).external_url == "https://watch.example/slo"
    )


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(tmp_path: Path, enabled: bool) -> None:  # noqa: FBT001  a table
    was_enabled = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        loaded(GATE, tmp_path)
        faults("slot: 7s", tmp_path)
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was_enabled else gc.disable()


def test_a_thousand_wrong_entries_are_all_told_and_each_with_what_was_meant(tmp_path: Path) -> None:
    probes = "".join(f"- {{name: target-{index}, type: look, url: 'http://a/'}}\n" for index in range(1000))
    slos = "".join(
        f"- {{name: slo-{index}, objective: 99.9%, window: 30d, sli: {{probe: tagret-{index}}}}}\n"
        for index in range(1000)
    )
    found = faults(f"probes:\n{probes}slos:\n{slos}", tmp_path)
    assert [fault.split("; ")[-1] for fault in found] == [f"did you mean target-{index}?" for index in range(1000)]
