"""`watchkeep audit`, in data folders that are whole and in others."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.store.folder import DataFolder
from tests.store.making import NOW, journal, opened
from tests.store.test_chain import hashes, raw

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder whose journal has six incidents, opened."""
    with DataFolder(tmp_path / "data") as folder, journal(folder.journal) as store:
        store.commit([opened(f"{n}") for n in range(1, 7)], [], at=NOW)
    return tmp_path / "data"


def audit(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def test_a_whole_journal_is_told_with_the_head_to_keep_elsewhere(data: Path) -> None:
    result = audit("verify", "--data", data)
    head = hashes(data / "journal.db")[6]
    assert result.exit_code == 0
    assert result.output.splitlines()[:2] == [
        "The journal is whole: 6 events, from 2026-01-01T12:00:00Z to 2026-01-01T12:00:00Z.",
        f"Head 6:{head}",
    ]
    assert audit("verify", "--data", data, "--head", f"6:{head}", "--head", f"6:{head.upper()}").exit_code == 0
    assert json.loads(audit("verify", "--data", data, "--json").output) == {
        "whole": True,
        "events": 6,
        "from": "2026-01-01T12:00:00Z",
        "to": "2026-01-01T12:00:00Z",
        "head": {"number": 6, "hash": head},
    }


def test_it_is_checked_while_a_watch_holds_the_folder(data: Path) -> None:
    with DataFolder(data) as folder, journal(folder.journal) as store:
        store.commit([opened("7")], [], at=NOW)
        assert "7 events" in audit("verify", "--data", data).output
        assert audit("export", "--data", data).output.count("\n") == 8


def test_a_journal_without_events_is_whole(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data") as folder, journal(folder.journal):
        pass
    assert audit("verify", "--data", tmp_path / "data").output == "The journal has no events yet.\n"
    export = tmp_path / "export"
    assert audit("export", "--data", tmp_path / "data", "-o", export).exit_code == 0
    assert audit("verify", export, "--data", tmp_path / "data").exit_code == 0


def test_a_broken_one_exits_1_and_names_the_event_and_the_mend(data: Path) -> None:
    raw(data / "journal.db", "UPDATE events SET body = replace(body, 'gate', 'Gate') WHERE sequence = 3")
    result = audit("verify", "--data", data)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "event 3 is not as it was written" in result.stderr
    assert "restore the last backup that `watchkeep audit verify` finds whole" in result.stderr
    shown = audit("verify", "--data", data, "--json")
    document = json.loads(shown.stdout)
    assert (shown.exit_code, document["whole"], document["error"] + "\n") == (1, False, result.stderr)


def test_a_head_that_is_not_that_of_the_journal_exits_1(data: Path) -> None:
    result = audit("verify", "--data", data, "--head", f"5:{'0' * 64}")
    assert result.exit_code == 1
    assert "event 5 has another hash than the one that was kept elsewhere" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("verify",), "--data watchkeep-data: is no data folder of a watch"),
        (("export",), "--data watchkeep-data: is no data folder of a watch"),
        (("verify", "--data", "{tmp}"), "is no data folder of a watch"),
        (("verify", "{tmp}/none"), "is no file: name one that `watchkeep audit export` wrote"),
        (("verify", "--data", "{data}", "--head", "6"), "--head 6: is no head: write it as"),
        (("verify", "--data", "{data}", "--head", f"0:{'0' * 64}"), "is no head"),
        (("verify", "--data", "{data}", "--head", f"1:{'0' * 64}", "--head", f"1:{'1' * 64}"), "is given twice"),
        (("export", "--data", "{data}", "--from", "lately"), "--from lately: is no point in time"),
        (("export", "--data", "{tmp}"), "is no data folder of a watch"),
    ],
)
def test_a_call_that_cannot_be_is_answered_with_the_mend(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = audit(*(argument.format(data=data, tmp=tmp_path) for argument in arguments))
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_folder_that_is_being_restored_is_no_record(data: Path) -> None:
    (data / "restoring").touch()
    for command in ("verify", "export"):
        result = audit(command, "--data", data)
        assert result.exit_code == 1
        assert "a restore into this folder was not finished" in result.stderr


def test_an_export_is_checked_alone_and_against_the_journal(data: Path, tmp_path: Path) -> None:
    export, head = tmp_path / "export.csv", hashes(data / "journal.db")[6]
    assert audit("export", "--data", data, "--format", "csv", "-o", export).output == ""
    assert export.stat().st_mode & 0o777 == 0o600
    assert audit("verify", export).output.splitlines() == [
        "The export is whole: 6 events, all that the journal had.",
        f"The journal's head was 6:{head}",
    ]
    assert audit("verify", export, "--head", f"6:{head}").exit_code == 0
    assert audit("verify", export, "--head", f"6:{'0' * 64}").exit_code == 1
    document = json.loads(audit("verify", export, "--data", data, "--json").output)
    assert document["export"] == {"events": 6, "gaps": 0, "conditions": {}, "head": {"number": 6, "hash": head}}
    assert document["head"] == {"number": 6, "hash": head}


def test_a_partial_export_says_that_it_has_gaps_and_is_held_against_the_journal(data: Path, tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    audit("export", "--data", data, "--incident", "3", "-o", export)
    told = audit("verify", export).output
    assert "1 of 6 events (incident 3)" in told
    assert "Its chain has gaps (2): only with --data are these events held against the journal" in told
    assert audit("verify", export, "--data", data).exit_code == 0
    refused = audit("verify", export, "--head", f"2:{'0' * 64}")
    assert refused.exit_code == 2
    assert "--head 2: is not in this export: name the journal too, with --data" in refused.stderr
    with DataFolder(tmp_path / "other") as folder, journal(folder.journal) as store:
        store.commit([opened(f"{n}", slo="other") for n in range(1, 7)], [], at=NOW)
    other = audit("verify", export, "--data", tmp_path / "other")
    assert other.exit_code == 1
    assert "event 3 has another hash" in other.stderr


def test_conditions_that_nothing_meets_are_told(data: Path) -> None:
    result = audit("export", "--data", data, "--incident", "17")
    assert result.exit_code == 0
    assert "no event meets these conditions" in result.stderr
    assert json.loads(result.stdout)["events"] == 0


def test_the_check_in_the_documentation_finds_a_whole_export_whole_and_no_other(data: Path, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 11
    export = tmp_path / "journal.jsonl"
    audit("export", "--data", data, "-o", export)

    def checked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-c", program, export], capture_output=True, text=True, check=False
        )

    assert checked().stdout == f"6 events, head 6:{hashes(data / 'journal.db')[6]}\n"
    lines = export.read_text(encoding="utf-8").splitlines(keepends=True)
    for damaged, says in (
        ([*lines[:2], lines[2].replace("gate", "Gate"), *lines[3:]], "event 3 is not as it was written"),
        ([*lines[:2], *lines[3:]], "event 3 is not as it was written"),
        ([*lines[:4], lines[-1]], "events are missing at the end"),
    ):
        export.write_text("".join(damaged), encoding="utf-8")
        assert says in checked().stderr
