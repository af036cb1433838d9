"""The demo, as a newcomer runs it: every process of it, and the whole story."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slo.demo.narrator import SHOWN_WIDTH, Narrator
from slo.errors import WatchkeepError

COMMAND = [sys.executable, "-m", "slo.demo"]


def test_the_story_is_told_to_its_end_and_nothing_of_it_is_left_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    *told, last = done.stdout.splitlines()
    ended = json.loads(last)
    assert (ended["priority"], ended["triggers"], ended["acknowledged"], ended["resolves"]) == ("P0", 1, True, 1)
    assert (ended["ticket"], ended["ticket_status"], ended["email_threads"]) == ("OPS-1", "Resolved", 1)
    story = "\n".join(told)
    for turn in (
        "P0:",
        "presses Acknowledge",
        "OPS-1 is in progress",
        "expected to recover",
        "the second engineer comments",
        "● Resolved",
        "The journal is whole",
    ):
        assert turn in story
    assert list(tmp_path.iterdir()) == []
    assert _started_by(tmp_path) == []


def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, text=True, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ) as process:
        assert process.stdout is not None
        assert any("PagerDuty" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert _started_by(tmp_path) == []


def _started_by(folder: Path) -> list[str]:
    """The command lines of processes that were given this folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            found.append(file.read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if str(folder) in line]


def test_a_turn_that_does_not_come_stops_the_story_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.demo.narrator.WAIT_SECONDS", 0.0)
    with pytest.raises(WatchkeepError, match="the story stopped: the page at PagerDuty did not come"):
        Narrator(lambda _line: None).until("the page at PagerDuty", lambda: time.sleep(0.01))


def test_lines_are_cut_to_what_a_terminal_shows() -> None:
    said: list[str] = []
    Narrator(said.append).show(["short", "x" * 500])
    assert said[0].endswith("| short")
    assert said[1].endswith("x…")
    assert len(said[1]) == len(said[0]) - len("short") + SHOWN_WIDTH
