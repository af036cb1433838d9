"""What jobs said is on disk once it was written, whatever happens then."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.job import Call, Job, Signal
from slo.errors import StoreError, StoreFull
from slo.store.jobs import JobFiles
from tests.store.making import small_disk

AT = datetime(2026, 1, 1, 3, 0, 7, 250_000, tzinfo=UTC)
JOB = Job(
    expected_since=AT,
    ended=Call(signal=Signal.FAIL, at=AT, exit_status=3, note="die Platte ist voll ü"),
    started_at=AT,
    run_seconds=1.5,
)

times = st.datetimes(timezones=st.just(UTC))
calls = st.builds(
    Call, signal=st.sampled_from(Signal), at=times, exit_status=st.none() | st.integers(0, 255), note=st.text()
)
jobs = st.builds(
    Job,
    expected_since=times,
    ended=st.none() | calls,
    started_at=st.none() | times,
    run_seconds=st.none() | st.floats(0, 1e9),
)


@given(known=jobs)
def test_a_job_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, known: Job) -> None:
    files = JobFiles(tmp_path_factory.mktemp("data") / "jobs")
    assert files.read() == {}
    files.write("backup", Job(expected_since=AT))
    files.write("backup", known)
    files.write("other.job", JOB)
    assert files.read() == {"backup": known, "other.job": JOB}


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    JobFiles(tmp_path / "jobs").write("backup", JOB)
    assert (tmp_path / "jobs").stat().st_mode & 0o077 == 0
    assert (tmp_path / "jobs" / "backup.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"{}", b'{"expected_since": "2026-01-01T00:00:00", "ended": null}', b"null"]
)
def test_a_damaged_file_is_set_aside_and_the_others_are_read(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    files = JobFiles(tmp_path)
    files.write("good", JOB)
    (tmp_path / "bad.json").write_bytes(content)
    assert files.read() == {"good": JOB}
    assert [record.message for record in caplog.records] == ["a job's file cannot be read and was set aside"]
    assert len(list(tmp_path.glob("bad.json.damaged-*"))) == 1
    assert files.read() == {"good": JOB}


def test_what_a_kill_left_unfinished_is_nothing(tmp_path: Path) -> None:
    files = JobFiles(tmp_path)
    files.write("backup", JOB)
    (tmp_path / "backup.json.new").write_text('{"expected')
    assert files.read() == {"backup": JOB}
    files.write("backup", Job(expected_since=AT))
    assert files.read() == {"backup": Job(expected_since=AT)}


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        files = JobFiles(disk / "jobs")
        files.write("backup", Job(expected_since=AT))
        with contextlib.suppress(OSError):
            (disk / "filling").write_bytes(b"x" * 100_000)
        with pytest.raises(StoreFull, match=r"jobs/backup\.json: no space is left .* make room on its disk"):
            files.write("backup", JOB)
        assert files.read() == {"backup": Job(expected_since=AT)}
        (disk / "filling").unlink()
        files.write("backup", JOB)
        assert files.read() == {"backup": JOB}


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("")
    with pytest.raises(StoreError, match=r"jobs/backup\.json: "):
        JobFiles(tmp_path / "jobs").write("backup", JOB)
