"""A file that says nothing is refused, and faults of others are not taken for faults of the file."""

from pathlib import Path

import pytest

from slo.errors import UsageError
from slo.replay.files import FileReplay


def replayed(path: Path) -> None:
    with FileReplay.of(path, [], slot_seconds=10, step_seconds=30) as replay:
        list(replay.transitions())


@pytest.mark.parametrize("text", ["", "# TYPE up gauge\nup 0 1767225600\n"])
def test_a_recording_without_a_scrape_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.om"
    path.write_text(text + "# EOF\n")
    with pytest.raises(UsageError, match=r"empty\.om: holds no samples: record the counters"):
        replayed(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.om: no such file or directory: name a file that can be read"):
        replayed(tmp_path / "none.om")


def test_a_pipe_that_breaks_meanwhile_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.om"
    path.write_text("# TYPE up gauge\nup 1 1767225600\n# EOF\n")
    with (
        pytest.raises(BrokenPipeError),
        FileReplay.of(path, [], slot_seconds=10, step_seconds=30),
    ):
        raise BrokenPipeError
