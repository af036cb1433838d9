"""`watchkeep status`, against a real server."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slo.cli.figures import incident_lines, incident_table, slo_table
from slo.cli.main import cli
from slo.cli.output import Cell
from slo.web.documents import incident_document, slo_document
from tests.web.served import Served, served
from tests.web.watches import AT, FakeWatch, a_busy_watch, a_status, an_slo


@pytest.fixture
def watch() -> FakeWatch:
    return a_busy_watch()


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def status(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["status", *arguments])


def test_every_slo_is_shown_what_needs_people_most_first(site: Served) -> None:
    lines = status("--url", site.url).stdout.splitlines()
    idle = "5m 0x, 30m 0x, 1h 0x, 2h 0x, 6h 0x, 1d 0x, 3d 0x"
    fast = idle.replace(" 0x", " 200x")
    opened = "2026-0001 gate-availability triggered due 2026-01-01 01:01:30 UTC 2026-01-01 00:01:30 UTC"
    assert [" ".join(line.split()) for line in lines] == [
        "state slo objective sli budget left burn rate coverage incident",
        f"Burning gate-availability 99.9 % 95.238 % -940 % {fast} 6.2 of 30 days 2026-0001",
        f"Overspent orca-latency 99.9 % 99.108 % -0.1 % {idle} 6.2 of 30 days",
        "No data front50-availability 99.9 % no data no data no data 0.0 of 30 days",
        f"Up echo-availability 99.9 % 100 % 100 % {idle} 6.2 of 30 days",
        "",
        "Open incidents",
        "priority incident slo status response opened summary",
        f"P0 {opened} gate-availability burns its budget 200x too fast",
    ]


def test_a_budget_that_will_be_spent_says_when(watch: FakeWatch) -> None:
    one = a_status(an_slo("a"), remaining=0.4)
    watch.slos = [replace(one, budgets=(replace(one.budget, exhaustion=AT + timedelta(minutes=90)),))]
    with served(watch) as site:
        assert "40 %, spent in 1 h 30 min" in status("--url", site.url).stdout


@pytest.mark.parametrize(("remaining", "code"), [(1.0, 0), (0.0, 0), (None, 0), (-1e-9, 1), (-9.4, 1)])
def test_the_exit_code_says_whether_a_budget_is_overspent(watch: FakeWatch, remaining: float | None, code: int) -> None:
    watch.slos = [a_status(an_slo("a")), a_status(an_slo("b"), state="burning", remaining=remaining)]
    with served(watch) as site:
        assert status("--url", site.url).exit_code == code
        assert status("--url", site.url, "--json").exit_code == code


def test_a_further_budget_that_is_overspent_tells_by_the_exit_code_too(watch: FakeWatch) -> None:
    one = a_status(an_slo("a"), remaining=0.4)
    watch.slos = [replace(one, budgets=(one.budget, replace(one.budget, window="7d", remaining=-0.2)))]
    with served(watch) as site:
        shown = status("--url", site.url)
    assert (shown.exit_code, "40 %, 7d -20 %" in shown.stdout) == (1, True)


def test_json_is_one_document_with_the_slos_and_the_open_incidents(site: Served) -> None:
    document = json.loads(status("--url", site.url, "--json").stdout)
    assert [slo["name"] for slo in document["slos"]] == [
        slo["name"] for slo in site.get("/api/v1/slos").document["slos"]
    ]
    assert document["slos"][1]["budget"]["remaining"] == -9.4
    assert [incident["id"] for incident in document["incidents"]] == ["2026-0001"]


def test_a_watch_without_slos_says_so(watch: FakeWatch) -> None:
    with served(FakeWatch()) as site:
        result = status("--url", site.url)
    assert (result.exit_code, result.stdout) == (0, "The configuration of the watch has no SLOs.\n")


def test_a_watch_that_is_not_there_is_exit_code_2_and_one_sentence() -> None:
    result = status("--url", "http://127.0.0.1:1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("no watch answers at http://127.0.0.1:1: start one with `watchkeep run`, or name")
    assert len(result.stderr.splitlines()) == 1


def test_a_data_folder_alone_is_refused_with_the_reason(tmp_path: Path) -> None:
    result = status("--data", str(tmp_path))
    assert result.exit_code == 2
    assert "figures need a running watch: start it with `watchkeep run`" in result.stderr


def test_what_comes_from_outside_does_not_reach_the_terminal_as_it_is(watch: FakeWatch) -> None:
    watch.slos = [a_status(an_slo("a\x1b[2J\nb"))]
    with served(watch) as site:
        result = status("--url", site.url)
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 6


def test_a_small_terminal_gets_the_fastest_burn_alone() -> None:
    document = slo_document(a_busy_watch().slos[1])
    table = slo_table([document], narrow=True)
    texts = [cell.text if isinstance(cell, Cell) else cell for cell in table.rows[0]]
    assert texts == ["Burning", "gate-availability", "-940 %", "5m 200x", document["incident"]]


def test_watching_shows_it_again_until_it_is_interrupted_and_survives_a_watch_in_trouble(watch: FakeWatch) -> None:
    often = "import slo.cli.status as s, slo.cli.main as m; s.REDRAW_SECONDS = 0.02; m.main()"
    watch.slos = [a_status(an_slo("gate"))]
    with served(watch) as site:
        command = [sys.executable, "-c", often, "status", "--url", site.url, "--watch", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as shown:
            assert shown.stdout
            assert _until(shown.stdout, lambda document: document["slos"][0]["state"] == "ok")
            watch.slos = [a_status(an_slo("gate"), state="overspent", remaining=-1.0)]
            assert _until(shown.stdout, lambda document: document["slos"][0]["state"] == "overspent")
            watch.slos = 5  # type: ignore[assignment]
            assert _until(shown.stdout, lambda document: "a fault of the watch" in document.get("error", ""))
            watch.slos = [a_status(an_slo("gate"))]
            assert _until(shown.stdout, lambda document: document["slos"][0]["state"] == "ok")
            shown.send_signal(signal.SIGINT)
            rest = shown.stdout.read()
    assert "Traceback" not in rest
    assert shown.returncode == 0


def _until(lines: Iterable[str], condition: Callable[[Any], bool]) -> bool:
    """Whether a line comes that fulfils the condition."""
    for line in lines:
        with suppress(KeyError):
            if condition(json.loads(line)):
                return True
    return False


def test_the_command_needs_no_server_library() -> None:
    code = (
        "import sys, slo.cli.status, slo.cli.incident; "
        "print([m for m in ('aiohttp', 'numpy', 'pandas', 'sqlalchemy', 'pydantic', 'jinja2') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_an_incident_of_a_group_names_the_group() -> None:
    incident = {**incident_document(a_busy_watch().incidents()[0]), "slo": "gate", "scope": "cluster=eu"}
    (row,) = incident_table([incident]).rows
    head, *_ = incident_lines([incident])
    assert row[2] == "gate{cluster=eu}"
    assert isinstance(head, Cell)
    assert "gate{cluster=eu}: triggered" in head.text


def test_what_was_refused_is_said_before_everything_else_also_in_a_small_terminal() -> None:
    refusal = "oncall refused the trigger (rejected: bad key)"
    incident = {**incident_document(a_busy_watch().incidents()[0]), "refused": [refusal]}
    (row,) = incident_table([incident]).rows
    head, _, summary = incident_lines([incident])
    assert isinstance(row[-1], Cell)
    assert row[-1].text.startswith(f"NOT TOLD: {refusal}. ")
    assert isinstance(summary, str)
    assert summary.strip() == row[-1].text
    assert isinstance(head, Cell)
    assert f"incident {incident['id']} " in head.text
