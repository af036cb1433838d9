"""What jobs have said when they called, on disk: a file for each job, which is replaced as a whole by every call.

A call is one promise to one job, so each has a file of its own: what one job does, or what damages its file, touches no
other. Backups leave these files out: how a job was when a backup was made says nothing of how it is.
"""

import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from slo.core.job import Call, Job, Signal
from slo.store.faults import file_error
from slo.store.files import begin_whole, set_aside

SUFFIX = ".json"

logger = logging.getLogger(__name__)


class JobFiles:
    """The files in a folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[str, Job]:
        """Every job by its name. A file that cannot be read is set aside, and said. Raises StoreError."""
        try:
            return dict(self._read())
        except OSError as error:
            raise file_error(error, self._folder) from error

    def write(self, name: str, job: Job) -> None:
        """Put on disk what is known of a job; afterwards it is there whatever happens. Raises StoreError."""
        path = self._folder / f"{name}{SUFFIX}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            begin_whole(path, lambda unfinished: _fill(unfinished, _text_of(job)))
        except OSError as error:
            raise file_error(error, path) from error

    def _read(self) -> Iterator[tuple[str, Job]]:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                yield path.name.removesuffix(SUFFIX), _job_of(path.read_text(encoding="utf-8"))
            except (ValueError, KeyError, TypeError, AttributeError):
                aside = set_aside(path)
                logger.exception("a job's file cannot be read and was set aside", extra={"kept": str(aside)})


def _fill(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _text_of(job: Job) -> str:
    ended = job.ended and {
        "signal": job.ended.signal.value,
        "at": job.ended.at.isoformat(),
        "exit_status": job.ended.exit_status,
        "note": job.ended.note,
    }
    document = {
        "expected_since": job.expected_since.isoformat(),
        "ended": ended,
        "started_at": job.started_at and job.started_at.isoformat(),
        "run_seconds": job.run_seconds,
    }
    return json.dumps(document) + "\n"


def _job_of(text: str) -> Job:
    """Raises ValueError, KeyError, TypeError or AttributeError for what is no job."""
    document = json.loads(text)
    ended, started_at, run_seconds = document["ended"], document["started_at"], document["run_seconds"]
    return Job(
        expected_since=_time(document["expected_since"]),
        ended=ended
        and Call(
            signal=Signal(ended["signal"]),
            at=_time(ended["at"]),
            exit_status=None if ended["exit_status"] is None else int(ended["exit_status"]),
            note=str(ended["note"]),
        ),
        started_at=started_at and _time(started_at),
        run_seconds=None if run_seconds is None else float(run_seconds),
    )


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return at
