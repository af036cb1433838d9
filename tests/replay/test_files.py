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


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (("1767225600000", "1767225630000"), r"far\.om: a sample has the time 1767225630000\.000, .* not milliseconds"),
        (("-99999999999999", "0"), r"far\.om: a sample has the time -99999999999999\.000, .* write Unix seconds"),
        (("1767225600", "9767225600"), r"from 2026-01-01 to 2279-07-0., more than 10 years: mend the timestamp"),
        (("30", "1767225600"), r"from 1970-01-01 to 2026-01-01, more than 10 years: mend the timestamp"),
    ],
)
def test_times_that_cannot_be_are_refused_and_not_replayed(
    times: tuple[str, str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "far.om"
    path.write_text("# TYPE up gauge\n" + "".join(f"up 1 {time}\n" for time in times) + "# EOF\n")
    with pytest.raises(UsageError, match=message):
        replayed(path)


def test_a_pipe_that_breaks_meanwhile_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.om"
    path.write_text("# TYPE up gauge\nup 1 1767225600\n# EOF\n")
    with (
        pytest.raises(BrokenPipeError),
        FileReplay.of(path, [], slot_seconds=10, step_seconds=30),
    ):
        raise BrokenPipeError
