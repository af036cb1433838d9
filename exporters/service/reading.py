"""Ways to read what a service answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from slo.core.outcome import Finding
from slo.core.sample import Sample


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of a request, and when."""

    body: bytes
    content_type: str
    status: int
    at: datetime


class Told(Protocol):
    """What a service told, read and bounded."""

    def verdict(self) -> tuple[str, str]:
        """Reason and detail: `ok` where the service is as it should be."""

    def findings(self) -> Iterator[Finding]:
        """What it told, for people."""

    def samples(self) -> Iterator[Sample]:
        """What it told, as metrics. The same series have the same labels, the objects too, as long as they last."""


class Reading(Protocol):
    """One way to read answers. `accept` is what is asked for, `statuses` are those of answers that can be read."""

    @property
    def accept(self) -> str: ...
    @property
    def statuses(self) -> frozenset[int]: ...
    def read(self, answer: Answer) -> Told:
        """What an answer tells. Raises ValueError, in words, for what cannot be read."""
