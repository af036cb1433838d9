"""The journal as auditors read it: without the folder's lock, while a watch writes to it, and never changed."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from slo.core.events import Opened
from slo.store import chain, contracts, engines
from slo.store.chain import NO_ANCHORS, Chain, Entry
from slo.store.migrate import revision

BUSY_SECONDS = 10.0
"""How long a reader waits: for no writer, but whoever opens a file first after a kill repairs it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which events are meant: those that meet every condition that is given.

    `since` is included and `before` is not. `customer` is the label of the incidents' openings; events that belong to
    no incident are no customer's. Contracts are meant whatever their time: those of the customer, and those that the
    incidents were opened under.
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
    """The chain of a journal that is whole, with these hashes by number, and with the contracts that its events name.

    Raises StoreDamaged for the first fault.
    """
    with reading(path) as connection:
        found = chain.verify(connection, path, anchors)
        contracts.verify(connection, path)
        return found


class Chosen:
    """The events of a journal that are meant, checked as they are read; afterwards `chain` is what all of them make.

    Every event is checked, also those that are not meant: what is exported was whole. `opened_without_contract` is how
    many openings are meant that do not say under which contract.
    """

    def __init__(self, connection: Connection, path: Path, choice: Choice) -> None:
        self.chain = Chain(events=0, hash=chain.FIRST)
        self.opened_without_contract = 0
        self._connection = connection
        self._path = path
        self._choice = choice

    def __iter__(self) -> Iterator[Entry]:
        theirs: set[str] = set()
        choice = self._choice
        promised = contracts.ContractsMeant(self._connection, incident=choice.incident, customer=choice.customer)
        for entry in chain.walk(self._connection, self._path):
            self.chain = self.chain.after(entry)
            if entry.kind in contracts.KINDS:
                if promised.hold(entry):
                    yield entry
                continue
            opening = contracts.opening_in(entry.body) if entry.kind == Opened.__name__ else None
            if opening and opening.customer == (choice.customer or ""):
                theirs.add(entry.incident)
            if choice.customer is not None and entry.incident not in theirs:
                continue
            if choice.holds(entry):
                self.opened_without_contract += opening is not None and not opening.contract_digest
                yield entry
