"""The record of a stand-in: one line of JSON for everything that happened, written before it is answered."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Record:
    """A file of such lines, which survives a kill."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, entry: dict[str, Any]) -> None:
        """Append one."""
        with self._file.open("ab") as record:
            record.write(json.dumps(entry).encode() + b"\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """What an earlier process wrote. A last line that a kill cut short was never answered: it is dropped."""
        if not self._file.exists():
            return
        content = self._file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.write_bytes(whole)
        for line in whole.splitlines():
            yield json.loads(line)


def now_text() -> str:
    """The time, as records and answers show it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
