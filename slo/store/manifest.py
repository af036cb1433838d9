"""The manifest of a backup: what its files are, and where the chain of its journal ends."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from slo.errors import StoreDamaged, StoreError, UsageError

JOURNAL, LEDGER, MANIFEST = "journal.db", "ledger.db", "manifest.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class BackedUp:
    """A file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a backup is: of which version, made when (UTC), its files by name, where its journal ends."""

    version: str
    made_at: datetime
    events: int
    hash: str
    files: Mapping[str, BackedUp]

    @property
    def document(self) -> dict[str, object]:
        """The manifest as it is written."""
        return {
            "format": FORMAT,
            "version": self.version,
            "made_at": self.made_at.isoformat().replace("+00:00", "Z"),
            "journal": {"events": self.events, "hash": self.hash},
            "files": {name: asdict(file) for name, file in self.files.items()},
        }

    @classmethod
    def read(cls, backup: Path) -> Self:
        """The manifest of a backup, whatever its files are. Raises UsageError for a folder that has none."""
        file = backup / MANIFEST
        if not file.is_file():
            raise UsageError(
                f"{backup}: is no backup, which has a file {MANIFEST}: name one that `watchkeep backup` made"
            )
        try:
            match json.loads(file.read_bytes()):
                case {
                    "format": int(form),
                    "version": str(version),
                    "made_at": str(made_at),
                    "journal": {"events": int(events), "hash": str(own)},
                    "files": dict(files),
                }:
                    pass
                case _:
                    raise ValueError("something is missing in it")
            if form > FORMAT:
                raise StoreError(f"{backup}: was made by a newer Watchkeep ({version}): restore it with that version")
            if JOURNAL not in files or files.keys() - {JOURNAL, LEDGER}:
                raise ValueError(f"it names {', '.join(files)}")
            made = datetime.fromisoformat(made_at).astimezone(UTC)
            listed = {name: BackedUp(**each) for name, each in files.items()}
        except (ValueError, TypeError) as error:
            raise StoreDamaged(f"{file}: is not as it was written ({error}): restore from another backup") from error
        return cls(version=version, made_at=made, events=events, hash=own, files=listed)


def seen(file: Path) -> BackedUp:
    """What a file is now."""
    with file.open("rb") as read:
        digest = hashlib.file_digest(read, "sha256").hexdigest()
        return BackedUp(bytes=read.tell(), sha256=digest)
