"""The time to recover, as people promise it: when, how sure they are, and when they say more."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Confidence(StrEnum):
    """How sure the one who says it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, kw_only=True, slots=True)
class ETA:
    """When the service is expected to have recovered; None where nobody knows yet.

    At `next_update_at` people are told more, whatever is known by then; None where nothing was promised.
    """

    recover_at: datetime | None = None
    confidence: Confidence = Confidence.LOW
    next_update_at: datetime | None = None
