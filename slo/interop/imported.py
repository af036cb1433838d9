"""What an import gives: SLOs with where they come from, and what is not as it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slo.config.nodes import Place
from slo.core.slo import SLO
from slo.errors import ConfigFault
from slo.interop.documents import Notes
from slo.interop.server import Server


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One SLO of the files; `slo` is None where it has no counterpart, which the notes then say.

    `notes` are what of it is not as it was.
    """

    origin: Place
    name: str
    slo: SLO | None
    notes: tuple[ConfigFault, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """What was read. `notes` are those about what belongs to no single SLO."""

    servers: Mapping[str, Server]
    entries: tuple[Entry, ...]
    notes: tuple[ConfigFault, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry], *, servers: Mapping[str, Server], notes: Notes) -> "Import":
        """The import of these entries; the notes that they have not taken remain for the whole."""
        taken = {note for entry in entries for note in entry.notes}
        rest = tuple(note for note in notes.since(0) if note not in taken)
        return cls(servers=servers, entries=tuple(entries), notes=rest)

    @property
    def slos(self) -> tuple[SLO, ...]:
        """The SLOs that have a counterpart."""
        return tuple(entry.slo for entry in self.entries if entry.slo)

    @property
    def warnings(self) -> tuple[ConfigFault, ...]:
        """Every note once, in the order of their places."""
        return tuple(sorted({*self.notes, *(note for entry in self.entries for note in entry.notes)}))
