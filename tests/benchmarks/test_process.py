"""Servers that benchmarks start: handed over when they are ready, and heard when they are not."""

import sys
from pathlib import Path

import pytest

from benchmarks._process import free_port, serving


def test_a_server_that_ends_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('first'); sys.exit('no such setting')"]
    with (
        pytest.raises(SystemExit, match=r"exporter ended with 1:\n(.*\n)*exporter: no such setting"),
        serving("exporter", *command, address=f"127.0.0.1:{free_port()}", folder=tmp_path),
    ):
        pytest.fail("it was handed over")


def test_a_server_is_handed_over_when_it_answers_and_says_what_it_says(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(tmp_path),
    ]
    with serving("files", *command, address=f"127.0.0.1:{port}", folder=tmp_path, ready="/") as server:
        assert '"GET / HTTP/1.1" 200' in server.last_words()
