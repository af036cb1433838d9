"""Desks: how a ticket system is used - whose it is, who is who there, and what things are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from slo.core.priority import Impact, Priority

_IMPACTS: Mapping[Priority, Impact] = {
    Priority.P0: Impact.SEVERE,
    Priority.P1: Impact.PARTIAL,
    Priority.P2: Impact.MINOR,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """`engineers` are accounts and domains of email addresses, as `@provider.example`;
    `priorities` is what each is called; `waiting_statuses` are those in which the customer is waited for. Incidents
    that are opened there are of `customer` and `environment`.
    """

    engineers: Sequence[str] = ()
    priorities: Mapping[Priority, str] = field(default_factory=dict)
    waiting_statuses: Sequence[str] = ()
    customer: str = ""
    environment: str = ""

    def is_engineer(self, account: str, email: str = "") -> bool:
        """Whether a public comment of that account is a response."""
        domain = f"@{email.rpartition('@')[2].casefold()}" if "@" in email else ""
        return any(name in (account, domain) for name in map(_folded, self.engineers) if name)

    def priority(self, called: str) -> Priority | None:
        """The priority that is called so there."""
        named = [priority for priority, name in self.priorities.items() if name.casefold() == called.casefold()]
        return named[0] if named else None

    def impact(self, called: str) -> Impact:
        """What the priority that a customer chose says about how bad it is: the contract makes its own of it."""
        priority = self.priority(called)
        return _IMPACTS[priority] if priority else Impact.PARTIAL

    def is_waiting(self, status: str) -> bool:
        """Whether the customer is waited for in that status."""
        return status.casefold() in map(str.casefold, self.waiting_statuses)


def _folded(engineer: str) -> str:
    return engineer.casefold() if engineer.startswith("@") else engineer
