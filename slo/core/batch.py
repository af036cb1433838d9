"""What agents send to the watch that they report to: everything they saw, in the order in which they saw it.

Records are numbered by the agent that made them, from the beginning of its `boot` on, and may come more than once. What
tells a round from every other is its check, its target and its number, whoever made it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from slo.core.outcome import Outcome

Series: TypeAlias = tuple[Mapping[str, str], float]
"""One sample of a scrape: the labels of its series, `__name__` among them, and its value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One round of a check. `samples` are what a scrape found that is counted, None where nothing was scraped.

    `looked_for` are the SLIs whose series the scrape looked out for, as `digest_of` calls them: the watch may have got
    another configuration sooner or later than the agent, and a series that nobody looked out for is none that is new.
    """

    outcome: Outcome
    samples: Sequence[Series] | None = None
    looked_for: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """Nobody wants a target watched any more, since `at` (UTC)."""

    check: str
    target: str
    at: datetime


Record: TypeAlias = Observed | Gone


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Records in a row, of which the first has the number `first`. `boot` is another one each time an agent begins.

    `sent` is when it was sent by the clock of the agent (UTC): by that it is known how wrong the clock is.
    """

    agent: str
    boot: str
    first: int
    records: Sequence[Record]
    sent: datetime | None = None


def digest_of(sli: str) -> str:
    """What an SLI is called in a record, by its key: sixteen hexadecimal digits, however long that is."""
    return hashlib.blake2b(sli.encode(), digest_size=8).hexdigest()
