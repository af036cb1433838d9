"""When a target was there to be observed: what a slot is known by, of several targets, is shared among those there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slo.sources.increments import Bools, Ints

FOREVER = 2**62


@dataclass(kw_only=True, slots=True, eq=False)
class Stay:
    """One target's time: of each SLI from its first observation on (`first_ms`), until it is gone for good.

    Times are Unix milliseconds; FOREVER is for what has not come.
    """

    slot_ms: int
    first_ms: Ints
    leaves_ms: int = FOREVER

    def there(self, ends_ms: Ints) -> Bools:
        """Whether it was there in the slots that end at `ends_ms`: shape (slots, SLIs)."""
        first_end = -(-self.first_ms // self.slot_ms) * self.slot_ms
        return (ends_ms[:, np.newaxis] >= first_end) & (ends_ms[:, np.newaxis] - self.slot_ms < self.leaves_ms)

    def replace(self, kept: Sequence[int]) -> None:
        """Have other SLIs: for each of them, which of those before it was, or -1."""
        self.first_ms = np.append(self.first_ms, FOREVER)[kept]

    def last_end_ms(self, until_ms: int) -> Ints:
        """The end of the last slot of each SLI that it was there in, of those up to a time; 0 where there is none."""
        last = min(-(-self.leaves_ms // self.slot_ms) * self.slot_ms, until_ms)
        return np.where(self.first_ms <= last, last, 0)
