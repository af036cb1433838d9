"""What commands print: for people in a terminal, for programs in a pipe, and as JSON."""

import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import pytest

from slo.cli.output import Cell, Lines, Table, Tone, emit, emit_line, progress, say

TABLE = Table(
    columns=("slo", "state", "left"),
    rows=(("gate-availability", Cell("ok", Tone.GOOD), "98.1 %"), ("db", Cell("overspent", Tone.DOWN), "-3 %")),
    title="SLOs",
    numeric=frozenset({"left"}),
)


def test_a_table_in_a_pipe_is_aligned_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    emit({}, TABLE, "2 SLOs", as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "SLOs",
        "slo                state        left",
        "gate-availability  ok         98.1 %",
        "db                 overspent    -3 %",
        "2 SLOs",
    ]


def test_a_table_without_rows_is_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    emit({}, Table(columns=("slo", "state"), rows=()), as_json=False)
    assert capsys.readouterr().out == "slo  state\n"


def test_a_long_line_in_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    say("word " * 100 + "end")
    assert capsys.readouterr().out == "word " * 100 + "end\n"


def test_what_a_terminal_would_obey_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[31m\nb\r\u2028\ud800")
    emit({}, Table(columns=("a",), rows=(("\x1b]0;title\x07",),)), as_json=False)
    assert capsys.readouterr().out == "a\\x1b[31m\\nb\\r\\u2028\\ud800\na\n\\x1b]0;title\\x07\n"


def test_json_is_one_document_with_times_durations_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "at": datetime(2026, 1, 1, 1, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=1))),
        "window": timedelta(days=30),
        "objective": Fraction(999, 1000),
        "path": Path("a/b"),
        "name": "gräte",
        "nothing": None,
    }
    emit(document, TABLE, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-01-01T00:00:00.500000Z",
        "window": "30d",
        "objective": 0.999,
        "path": "a/b",
        "name": "gräte",
        "nothing": None,
    }
    emit_line({"at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert capsys.readouterr().out == '{"at": "2026-01-01T00:00:00Z"}\n'


def test_json_without_a_meaning_is_a_bug() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        emit(float("nan"), as_json=True)
    with pytest.raises(TypeError, match="nothing that JSON can hold"):
        emit(object(), as_json=True)


def test_a_cell_of_several_lines_goes_on_below_itself(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("1", Lines("one\ntwo\x1b\n\nfour"), "x"), ("2", Lines(""), "y")]
    emit({}, Table(columns=("n", "said", "z"), rows=rows), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "n  said     z",
        "1  one      x",
        "   two\\x1b",
        "",
        "   four",
        "2           y",
    ]


def test_a_long_text_in_a_terminal_is_wrapped_and_keeps_its_lines() -> None:
    table = 'Table(columns=("n", "said"), rows=[("1", Lines("begin " + "word " * 30 + "\\nend"))])'
    shown = in_a_terminal(f"from tests.cli.test_output import *; emit({{}}, {table}, as_json=False)")
    said = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines() if line.strip()]
    assert len(said) > 5
    assert said[-1] == "end"


def test_progress_is_silent_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Thinking"):
        say("done")
    assert capsys.readouterr() == ("done\n", "")


def in_a_terminal(program: str) -> str:
    leader, follower = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environ |= {"TERM": "xterm-256color", "COLUMNS": "60"}
    try:
        subprocess.run([sys.executable, "-c", program], check=True, stdout=follower, stderr=follower, env=environ)
        return os.read(leader, 65536).decode()
    finally:
        os.close(leader)
        os.close(follower)


def test_a_table_in_a_terminal_is_drawn_with_its_tones() -> None:
    shown = in_a_terminal("from tests.cli.test_output import *; emit({}, TABLE, as_json=False)")
    assert "\x1b[" in shown
    assert "─" in shown
    assert "gate-availability" in shown


def test_json_in_a_terminal_is_json() -> None:
    shown = in_a_terminal("from tests.cli.test_output import *; emit({'a': 1}, TABLE, as_json=True)")
    assert json.loads(shown) == {"a": 1}


def test_progress_is_shown_in_a_terminal() -> None:
    shown = in_a_terminal("from tests.cli.test_output import *\nwith progress('Thinking hard'): pass")
    assert "Thinking hard" in shown
