"""What was found for the entries of a configuration: their targets, and what looks at each."""

from collections import Counter as Tally
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from slo.app.found import Follower, Labels, Twin
from slo.config.settings import CheckEntry, ScrapeEntry
from slo.core.outcome import CheckKey
from slo.runner.schedule import Scheduled

Looks: TypeAlias = tuple[Scheduled, ...]
"""All checks of one target: one, or one for each vantage point."""

Entry: TypeAlias = CheckEntry | ScrapeEntry
"""What has targets."""


class FoundTarget(NamedTuple):
    """A target that was found: the follower that found it, under which address, and its labels."""

    follower: Follower
    address: str
    labels: Labels


@dataclass(slots=True)
class Found:
    """One entry: what is configured, and what looks at each address that was found; nothing where that is no target."""

    entry: Entry
    configured: Collection[CheckKey]
    followers: Sequence[Follower]
    found: dict[str, Looks] = field(default_factory=dict)
    refused: Tally[str] = field(default_factory=Tally)

    @property
    def watched(self) -> dict[CheckKey, Looks]:
        """What looks at the targets that were found."""
        return {looks[0].key: looks for looks in self.found.values() if looks}

    @property
    def near(self) -> set[CheckKey]:
        """The targets that only this process finds, and that nobody else will look at."""
        addresses = {
            follower.written(address) for follower in self.followers if follower.near for address in follower.found
        }
        return {looks[0].key for address, looks in self.found.items() if looks and address in addresses}

    def wanted(self) -> tuple[dict[str, FoundTarget], list[Twin]]:
        """What its discoveries found, by what each becomes; of what is found twice, the first.

        Where that has other labels it is another target, which cannot be told from the first: those by themselves.
        """
        wanted: dict[str, FoundTarget] = {}
        twins: list[Twin] = []
        for follower in self.followers:
            twins += follower.twins
            for address, labels in follower.found.items():
                written = follower.written(address)
                if wanted.setdefault(written, FoundTarget(follower, address, labels)).labels != labels:
                    twins.append((address, labels))
        return wanted, twins
