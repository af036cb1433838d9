"""The response clock of an incident, as a fold over its turns."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from slo.core.priority import Priority


class TurnKind(StrEnum):
    """What changes a response clock."""

    OPENED = "opened"
    PAUSED = "paused"
    RESUMED = "resumed"
    PRIORITY = "priority"
    RESPONDED = "responded"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A moment at which the clock of an incident changes; `priority` is what it has from then on, where it changes."""

    at: datetime
    kind: TurnKind
    priority: Priority | None = None
