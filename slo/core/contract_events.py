"""Contracts on record, as events of the journal: what was promised to whom from when on.

They belong to no incident. An incident names the contract that it was opened under by its digest, so that it keeps
that one, whatever the configuration says later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from slo.core.contract import DEFAULT, Contract
from slo.core.events import Event
from slo.core.exclusion_events import NO_INCIDENT
from slo.core.incident import Incident
from slo.core.response import Response, response_of
from slo.core.written_contract import WrittenContract


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractRecorded(Event):
    """From now on this is promised to `customer`, whom people call `title`; empty for those who have no contract.

    `via` is how the watch came to know: its `start`, or a `reload` of the configuration. `holidays_version` is that of
    the package that holidays among the closed days come from, empty where none do. Raises ValueError where `digest` is
    not that of the contract, and for what is no contract.
    """

    customer: str
    title: str
    digest: str
    contract: WrittenContract
    holidays_version: str
    via: str

    def __post_init__(self) -> None:
        if self.digest != self.contract.digest:
            raise ValueError(f"the digest {self.digest} is not that of its contract")
        try:
            self.contract.contract(customer=self.customer, title=self.title)
        except KeyError as error:
            raise ValueError(f"its contract says nothing of {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractEnded(Event):
    """The customer is no longer in the configuration: what is opened for it from now on has the usual contract."""

    customer: str
    via: str


class ContractsOnRecord:
    """The contracts that were recorded, and which of them are in force: a fold over the events of a journal.

    What was opened before contracts were recorded has the one with which the record of its customer began, if that was
    when the whole record did; else the usual one of that moment.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._contracts: dict[tuple[str, str], Contract] = {}
        self._in_force: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._began_at: datetime | None = None
        for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        """Follow the next event of the journal."""
        match event:
            case ContractRecorded(at=at, customer=customer, title=title, digest=digest, contract=written):
                self._contracts[customer, digest] = written.contract(customer=customer, title=title)
                self._in_force[customer] = digest
                self._began_at = self._began_at or at
                if at == self._began_at:
                    self._first[customer] = digest
            case ContractEnded(customer=customer):
                self._in_force.pop(customer, None)

    def news(self, contracts: Mapping[str, Contract], *, at: datetime, via: str) -> list[Event]:
        """What the record lacks where these contracts are in force by customer, and the usual one for all others."""
        news: list[Event] = [
            ContractEnded(incident=NO_INCIDENT, at=at, customer=customer, via=via)
            for customer in self._in_force
            if customer and customer not in contracts
        ]
        for customer, contract in {NO_CUSTOMER: DEFAULT, **contracts}.items():
            written = WrittenContract.of(contract)
            if self._in_force.get(customer) != (digest := written.digest):
                news.append(
                    ContractRecorded(
                        incident=NO_INCIDENT,
                        at=at,
                        customer=customer,
                        title=contract.title,
                        digest=digest,
                        contract=written,
                        holidays_version=contract.holidays_version,
                        via=via,
                    )
                )
        return news

    def digest_in_force(self, customer: str) -> str:
        """The digest of what is promised to a customer now; empty where nothing is on record."""
        return self._in_force.get(customer, self._in_force.get(NO_CUSTOMER, ""))

    def named(self, customer: str, digest: str) -> tuple[str, str]:
        """Whose contract goes for an incident of `customer` that was opened under `digest`, and which one, by digest.

        What names none is an incident that was opened before contracts were recorded.
        """
        if not digest:
            whose = customer if customer in self._first else NO_CUSTOMER
            return whose, self._first.get(whose, "")
        return (customer if (customer, digest) in self._contracts else NO_CUSTOMER), digest

    def contract_of(self, incident: Incident) -> Contract | None:
        """The contract of an incident, also where it is not in force any more; None where it is not on record."""
        return self._contracts.get(self.named(incident.customer, incident.contract_digest))

    def response(self, incident: Incident) -> Response | None:
        """The response clock of an incident by its contract; None where that is not on record."""
        contract = self.contract_of(incident)
        return response_of(incident.turns, contract) if contract else None


NO_CUSTOMER = ""
"""Whose contract the usual one is: that of everybody who has none of their own."""
