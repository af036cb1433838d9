"""How many agents share what is not in the cluster, and which: all of a small cluster, some of a large one. Pure.

Every agent is told of every renewal, so that all of N would cost the API server N * N of them: 250,000 a second for
1,000 nodes. So no more than `SEATS` have a Lease; the others watch, and take a seat that has become free. Nothing
waits for that: what had belonged to the one who left is shared by those who are there at once.
"""

import hashlib
from collections.abc import Collection

SEATS = 32
"""How many agents share at most."""

FREE_SECONDS = 300.0
"""A few free seats are taken within this time, each agent at a moment of its own, so that not all come at once."""


def seated(agents: Collection[str]) -> frozenset[str]:
    """Who of them has a seat, where more are there than there are seats. Everybody comes to the same answer."""
    return frozenset(sorted(agents, key=_order)[:SEATS])


class Seat:
    """Whether `me` is to have a seat."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._free_since: float | None = None

    def wanted(self, others: frozenset[str], *, held: bool, now: float) -> bool:
        """Whether to have one beside these, who have one now (monotonic seconds); `held` is whether we do."""
        if held:
            return self._me in seated(others | {self._me})
        if len(others) >= SEATS:
            self._free_since = None
            return False
        self._free_since = now if self._free_since is None else self._free_since
        return len(others) < SEATS / 2 or now - self._free_since >= FREE_SECONDS * _fraction(self._me)


def _fraction(agent: str) -> float:
    """The moment of an agent: evenly spread over [0, 1)."""
    return int.from_bytes(hashlib.blake2b(agent.encode(), digest_size=6).digest(), "big") / 2**48


def _order(agent: str) -> tuple[float, str]:
    return _fraction(agent), agent
