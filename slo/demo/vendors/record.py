"""The record of a stand-in: everything that it was asked, so that it remembers after a restart."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Record:
    """A file of JSON, one entry a line; each is written before what it tells of is answered."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def entries(self) -> Iterator[dict[str, Any]]:
        """What an earlier process recorded. A last line that a kill cut short was never answered: it is dropped."""
        content = self._file.read_bytes() if self._file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.write_bytes(whole)
        return map(json.loads, whole.splitlines())

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add an entry."""
        with self._file.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
