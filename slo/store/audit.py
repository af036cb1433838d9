"""The journal as auditors read it: without the folder's lock, while a watch writes to it, and never changed."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from slo.core.events import Opened
from slo.store import chain, engines
from slo.store.chain import NO_ANCHORS, Chain, Entry
from slo.store.migrate import revision

BUSY_SECONDS = 10.0
"""How long a reader waits: for no writer, but whoever opens a file first after a kill repairs it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which events are meant: those that meet every condition that is given.

    `since` is included and `before` is not. `customer` is the label of the incidents' openings; events that belong to
    no incident are no customer's.
    """

    incident: str | None = None
    customer: str | None = None
    since: datetime | None = None
    before: datetime | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """Those that are given, by the names of the options of `watchkeep audit export`; empty for every event."""
        given = {"incident": self.incident, "customer": self.customer, "from": self.since, "to": self.before}
        return {
            name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
            for name, value in given.items()
            if value is not None
        }

    def holds(self, entry: Entry) -> bool:
        """Whether the event meets the conditions but that of the customer, which its own text does not tell."""
        at = datetime.fromisoformat(entry.at)
        return (
            self.incident in (None, entry.incident)
            and (self.since is None or at >= self.since)
            and (self.before is None or at < self.before)
        )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A transaction that sees one state of the journal in the file `path`, however long it takes.

    Raises StoreDamaged for what is no journal, StoreError for one of a newer version.
    """
    engine = engines.reader(path, busy_timeout_seconds=BUSY_SECONDS)
    try:
        revision(engine, path)
        with engines.transaction(engine, path) as connection:
            yield connection
    finally:
        engine.dispose()


def verified(path: Path, anchors: Mapping[int, str] = NO_ANCHORS) -> Chain:
    """The chain of a journal that is whole, with these hashes by number. Raises StoreDamaged for the first fault."""
    with reading(path) as connection:
        return chain.verify(connection, path, anchors)


class Chosen:
    """The events of a journal that are meant, checked as they are read; afterwards `chain` is what all of them make.

    Every event is checked, also those that are not meant: what is exported was whole.
    """

    def __init__(self, connection: Connection, path: Path, choice: Choice) -> None:
        self.chain = Chain(events=0, hash=chain.FIRST)
        self._connection = connection
        self._path = path
        self._choice = choice

    def __iter__(self) -> Iterator[Entry]:
        theirs: set[str] = set()
        for entry in chain.walk(self._connection, self._path):
            self.chain = self.chain.after(entry)
            if entry.kind == Opened.__name__ and _customer(entry) == self._choice.customer:
                theirs.add(entry.incident)
            if self._choice.customer is not None and entry.incident not in theirs:
                continue
            if self._choice.holds(entry):
                yield entry


def _customer(entry: Entry) -> str | None:
    """The customer of an incident, as its opening says; None where it names none."""
    labels = json.loads(entry.body).get("labels")
    return labels.get("customer") if isinstance(labels, dict) else None
