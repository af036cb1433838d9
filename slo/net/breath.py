"""Work that is long, and lets others run now and then."""

import asyncio
from time import perf_counter

BREATH_SECONDS = 0.005
"""How long somebody works before others may run."""


class Breath:
    """Lets others run when `take` is called, if they have waited long enough."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def take(self) -> None:
        """Go on, or let others run first."""
        if perf_counter() - self._since > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._since = perf_counter()
