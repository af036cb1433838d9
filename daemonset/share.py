"""Who of the agents checks what: every agent comes to the same answer by itself. Pure.

Each agent has a weight for each target, and the heaviest checks it (rendezvous hashing: Thaler, Ravishankar, "Using
name-based mappings to increase hit rates", 1998). So when an agent goes only its own targets move, evenly to all that
are left; when one comes only those move that it gets.
"""

import hashlib
from collections.abc import Collection

from slo.core.outcome import CheckKey


def owner(target: CheckKey, agents: Collection[str]) -> str:
    """Who of them it is, in whatever order they are given. Raises ValueError where there are none."""
    seed = _digest(*target)
    return max(agents, key=lambda agent: (_digest(seed, agent), agent))


class Share:
    """What is ours of all targets. `me` is our name among the agents.

    Before it is said for the first time who is there, nothing is. Afterwards, nobody known to be there means that
    nobody else does it: then everything is ours, and is checked twice rather than not at all. The centre counts each
    target and round once, whoever saw it.
    """

    def __init__(self, me: str) -> None:
        self._me = me
        self._agents: frozenset[str] | None = None

    def now(self, agents: Collection[str]) -> None:
        """These share all targets from now on."""
        self._agents = frozenset(agents)

    def mine(self, target: CheckKey) -> bool:
        """Whether it is ours to check."""
        if self._agents is None:
            return False
        return not self._agents or owner(target, self._agents) == self._me


def _digest(*parts: str | bytes) -> bytes:
    """The same on every machine and with every Python. No two lists of parts are the same bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode(errors="surrogatepass")
        digest.update(len(content).to_bytes(4, "big") + content)
    return digest.digest()
