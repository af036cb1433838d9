"""Contracts as they go on record: in words that people read, and with a digest that tells one from another.

What is here is what was promised about an incident: its response times, the calendar that they are counted by, what its
environments are, and when its ticket has to be updated. Who is told, and what the customer is called, is no promise
about an incident that is open, and is not here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date

from slo.core.contract import Contract, DayReading, response_time_in, response_time_name
from slo.core.duration import duration_name, parse_duration
from slo.core.hours import WEEKDAYS, BusinessHours, Spans, span_in
from slo.core.priority import EnvironmentClass, Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenContract:
    """What a contract promises, with the names and in the words of a configuration.

    `agreement` is where that stands, as people cite it: another one is another contract, though it promise the same.
    `response` has every priority, `week` the weekdays that are open. `closed` are all days that are, in their order,
    public holidays among them: so nothing that is installed later says otherwise.
    """

    agreement: str
    environments: Mapping[str, str]
    response: Mapping[str, str]
    business_days: str
    zone: str
    week: Mapping[str, tuple[str, ...]]
    closed: tuple[str, ...]
    special: Mapping[str, tuple[str, ...]]
    ticket_update_within: str

    @classmethod
    def of(cls, contract: Contract) -> "WrittenContract":
        """What `contract` promises. Two that promise the same are written the same."""
        hours = contract.hours
        return cls(
            agreement=contract.agreement,
            environments={name: kind.value for name, kind in sorted(contract.environments.items())},
            response={priority.value: response_time_name(contract.responses[priority]) for priority in Priority},
            business_days=contract.days.value,
            zone=hours.zone,
            week={name: _texts(spans) for day, name in enumerate(WEEKDAYS) if (spans := hours.week.get(day, ()))},
            closed=tuple(day.isoformat() for day in sorted(hours.closed)),
            special={day.isoformat(): _texts(spans) for day, spans in sorted(hours.special.items())},
            ticket_update_within=duration_name(contract.ticket_update_within.total_seconds()),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of these fields as JSON: in ASCII, with sorted keys and without spaces, as the journal has them."""
        body = {field.name: getattr(self, field.name) for field in fields(self)}
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def contract(self, *, customer: str, title: str) -> Contract:
        """The contract that it was written of, which tells nobody. Raises ValueError for what is none."""
        return Contract(
            customer=customer,
            title=title,
            agreement=self.agreement,
            environments={name: EnvironmentClass(kind) for name, kind in self.environments.items()},
            responses={priority: response_time_in(self.response[priority.value]) for priority in Priority},
            days=DayReading(self.business_days),
            hours=BusinessHours(
                zone=self.zone,
                week={WEEKDAYS.index(name): _spans(texts) for name, texts in self.week.items()},
                closed=frozenset(date.fromisoformat(day) for day in self.closed),
                special={date.fromisoformat(day): _spans(texts) for day, texts in self.special.items()},
            ),
            ticket_update_within=parse_duration(self.ticket_update_within),
        )


def _texts(spans: Spans) -> tuple[str, ...]:
    return tuple(map(str, spans))


def _spans(texts: tuple[str, ...]) -> Spans:
    return tuple(map(span_in, texts))
