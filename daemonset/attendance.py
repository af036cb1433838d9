"""Who of the agents is there, by how their Leases change. Pure: times are arguments.

Clocks of two machines are never compared: that a Lease was renewed is seen by its being another than before, and the
silence since is measured here, as the leader election of client-go does. Only time in which something was heard of the
API server counts as silence. While it is away nobody can renew, and nobody is taken for gone; when it is back
everybody has the rest of his time to say so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from daemonset.lease import Lease

GAP_SECONDS = 8.0
"""Between two times that something was heard no more than this counts: at least one renewal was due."""

JOIN_SECONDS = 3.0
"""Who comes is counted so long after he was first seen. He counts himself at once, so that both he and whose targets
he gets check them for a moment, rather than nobody."""

LONGEST_SECONDS = 60.0
"""No Lease is good for longer, whatever it says."""

LONG_GONE_SECONDS = 3600.0
"""Who was silent for so long has gone for good: his node has."""


@dataclass(kw_only=True, slots=True)
class _Seen:
    """A Lease, and when it was first seen as it is: `at` counts heard seconds.

    It was there before us and may be a dead agent's, until it changes, or it is `doubtful_until` then. `counted_from`
    is when we begin to count its agent.
    """

    lease: Lease
    at: float
    counted_from: float
    doubtful_until: float | None


class Attendance:
    """The other agents, as far as their Leases tell."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._heard = 0.0
        self._heard_at: float | None = None
        self._now = 0.0

    def look(self, leases: Iterable[Lease], *, now: float, heard_at: float) -> None:
        """These are all that there are `now`; something was last heard `heard_at`. Both are monotonic seconds."""
        first = self._heard_at is None
        if self._heard_at is not None:
            self._heard += min(max(heard_at - self._heard_at, 0.0), GAP_SECONDS)
        self._heard_at, self._now = heard_at, now
        there = {lease.agent: lease for lease in leases}
        self._seen = {agent: seen for agent, seen in self._seen.items() if agent in there}
        for agent, lease in there.items():
            seen = self._seen.get(agent)
            if seen is not None:
                self._look_again(seen, lease)
            else:
                self._seen[agent] = _Seen(
                    lease=lease,
                    at=self._heard,
                    counted_from=now if first else now + JOIN_SECONDS,
                    doubtful_until=now + _good_for(lease) if first else None,
                )

    @property
    def there(self) -> frozenset[str]:
        """Who is there, newcomers among them."""
        return frozenset(agent for agent, seen in self._seen.items() if self._is_there(seen))

    @property
    def ready(self) -> frozenset[str]:
        """Who is counted on."""
        return frozenset(
            agent for agent, seen in self._seen.items() if self._is_there(seen) and self._now >= seen.counted_from
        )

    @property
    def settled(self) -> bool:
        """Whether all who were found at first have shown that they are there, or have been silent for too long."""
        return all(seen.doubtful_until is None or self._now > seen.doubtful_until for seen in self._seen.values())

    @property
    def long_gone(self) -> list[Lease]:
        """What is left of those who will not come back."""
        return [seen.lease for seen in self._seen.values() if self._heard - seen.at >= LONG_GONE_SECONDS]

    def _look_again(self, seen: _Seen, lease: Lease) -> None:
        if lease.renewed != seen.lease.renewed:
            if not self._is_there(seen):
                seen.counted_from = self._now + JOIN_SECONDS
            seen.at, seen.doubtful_until = self._heard, None
        seen.lease = lease

    def _is_there(self, seen: _Seen) -> bool:
        if seen.doubtful_until is not None:
            return self._now <= seen.doubtful_until
        return self._heard - seen.at <= _good_for(seen.lease)


def _good_for(lease: Lease) -> float:
    return min(lease.seconds, LONGEST_SECONDS)
