"""Alert state: which pairs fire, remembered from one slot end to the next.

A pair begins to fire when it has burned too fast for its `for`, whichever severity its bad events make of it
meanwhile. It clears only when its condition is false and its short window is known: lost data never resolves. What is
excluded begins nothing; but it resolves nothing either, so that a pair clears when it would if nothing were excluded.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from slo.core.alert import FiringPair
from slo.core.duration import duration_name
from slo.engine.burn import Group
from slo.engine.rings import Bools
from slo.engine.snapshot import Snapshot

NOT_HOLDING = np.iinfo(np.int64).max


class AlertStates:
    """The alert states of one group of SLOs: arrays of the shape (conditions, SLOs)."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.firing: Bools = np.zeros((len(group.conditions), len(group.slos)), np.bool_)
        self._since: NDArray[np.int64] = np.full(self.firing.shape, NOT_HOLDING, np.int64)
        self._hold = np.array([condition.hold for condition in group.conditions], np.int64)[:, np.newaxis]
        self._pairs = tuple(
            FiringPair(severity=c.severity, long=duration_name(c.long), short=duration_name(c.short))
            for c in group.conditions
        )
        self._member = {slo.key: index for index, slo in enumerate(group.slos)}

    def step(self, snapshot: Snapshot) -> list[int]:
        """Move on to the slot end of the snapshot; the places in the group of the SLOs for which anything changed."""
        held, now = self.group.held(snapshot), snapshot.now
        if self._hold.any():
            self._since = np.where(held.burns, np.minimum(self._since, now), NOT_HOLDING)
            begins = held.holds & (now - self._since >= self._hold)
        else:
            begins = held.holds
        raw = (self.group.held_raw(snapshot) if self.firing.any() else None) or held
        firing = begins | (self.firing & (held.holds | raw.holds | ~raw.known))
        changed = np.flatnonzero((firing != self.firing).any(axis=0))
        self.firing = firing
        return changed.tolist()

    def pairs(self, member: int) -> frozenset[FiringPair]:
        """The pairs that fire for the SLO at that place in the group."""
        return frozenset(pair for pair, fires in zip(self._pairs, self.firing[:, member], strict=True) if fires)

    def members_firing(self) -> list[int]:
        """The places of the SLOs for which anything fires."""
        return np.flatnonzero(self.firing.any(axis=0)).tolist()

    def restore(self, slo: str, firing: Iterable[FiringPair]) -> None:
        """Take over what fired before a restart; pairs that the policy no longer has are dropped."""
        remembered = set(firing)
        member = self._member[slo]
        for index, pair in enumerate(self._pairs):
            self.firing[index, member] |= pair in remembered

    def pending(self) -> dict[str, int]:
        """Since when (Unix seconds) pairs with a `for` have burned too fast, by `SLO/severity/long/short`."""
        return {
            self._pending_key(index, member): int(self._since[index, member])
            for index, member in np.argwhere(self._since != NOT_HOLDING).tolist()
        }

    def restore_pending(self, since: Mapping[str, int]) -> None:
        """Take over what `pending` gave before a restart."""
        if not since or not self._hold.any():
            return
        for index in range(len(self._pairs)):
            for member in range(len(self.group.slos)):
                key = self._pending_key(index, member)
                if key in since:
                    self._since[index, member] = since[key]

    def _pending_key(self, index: int, member: int) -> str:
        pair = self._pairs[index]
        return f"{self.group.slos[member].key}/{pair.severity}/{pair.long}/{pair.short}"
