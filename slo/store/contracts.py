"""Contracts in what is handed out: with incidents go the contracts that they were opened under."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, LargeBinary, cast, select

from slo.core.contract_events import ContractEnded, ContractRecorded, ContractsOnRecord
from slo.core.events import Event, Opened
from slo.store.chain import Entry, broken
from slo.store.records import event_from_text
from slo.store.tables import events

KINDS = frozenset({ContractRecorded.__name__, ContractEnded.__name__})
"""The kinds of the events that say what is promised to whom."""


BODY = cast(events.c.body, LargeBinary)
"""Bodies as bytes: what was changed by hand may be no text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """What an opening says: whose incident it is, and under which contract; empty where it does not."""

    customer: str
    contract_digest: str


def opening_in(body: str | bytes) -> Opening:
    """What the body of an opening says."""
    shown = json.loads(body)
    labels = shown.get("labels")
    customer = labels.get("customer") if isinstance(labels, dict) else None
    return Opening(customer=customer or "", contract_digest=shown.get("contract_digest") or "")


class ContractsMeant:
    """The contracts that are meant: of an incident, else of a customer and its incidents, else all."""

    def __init__(self, connection: Connection, *, incident: str | None, customer: str | None) -> None:
        self._all = incident is None and customer is None
        self._customer = customer if incident is None else None
        self._named: set[tuple[str, str]] = set()
        if self._all:
            return
        on_record = ContractsOnRecord(_recorded(connection))
        query = select(BODY).where(events.c.kind == Opened.__name__)
        if incident is not None:
            query = query.where(events.c.incident == incident)
        for body in connection.execute(query).scalars():
            with contextlib.suppress(ValueError, AttributeError):  # the walk over the chain says what is wrong
                opening = opening_in(body)
                if customer in (None, opening.customer):
                    self._named.add(on_record.named(opening.customer, opening.contract_digest))

    def hold(self, entry: Entry) -> bool:
        """Whether an event about a contract is meant."""
        shown = json.loads(entry.body)
        customer, digest = shown.get("customer"), shown.get("digest")
        return self._all or customer == self._customer or (customer, digest) in self._named


def verify(connection: Connection, path: Path) -> None:
    """See that each contract on record is the one that its digest names, and that incidents name contracts on record.

    To be called when the chain is whole. Raises StoreDamaged for the first event of which that is not so.
    """
    known: set[str] = set()
    kinds = (ContractRecorded.__name__, Opened.__name__)
    query = select(events.c.sequence, events.c.kind, events.c.body).where(events.c.kind.in_(kinds))
    for number, kind, body in connection.execute(query.order_by(events.c.sequence)):
        if kind == Opened.__name__:
            digest = opening_in(body).contract_digest
            if digest and digest not in known:
                raise broken(path, f"event {number} names the contract {digest}, which is not on record before it")
            continue
        try:
            recorded = event_from_text(body)
        except ValueError as error:
            raise broken(path, f"event {number} is not the contract that it says it is ({error})") from error
        if isinstance(recorded, ContractRecorded):
            known.add(recorded.digest)


def _recorded(connection: Connection) -> Iterator[Event]:
    """The contracts on record. One that cannot be read is passed over: the chain says what is wrong with it."""
    query = select(BODY).where(events.c.kind.in_(KINDS)).order_by(events.c.sequence)
    for body in connection.execute(query).scalars():
        with contextlib.suppress(ValueError):
            yield event_from_text(body.decode())
