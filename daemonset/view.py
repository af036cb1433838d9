"""What is so, as it is known last: it changes by whole truths, and whoever follows it gets the newest."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One thing, which nobody changes but by putting another in its place.

    `known` is whether anybody has said what it is; until then it is `unknown`.
    """

    def __init__(self, unknown: T) -> None:
        self._changed = asyncio.Event()
        self.known = False
        self.now = unknown

    def become(self, now: T) -> None:
        """Show this from now on."""
        if self.known and now == self.now:
            return
        self.known = True
        self.now = now
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self) -> AsyncIterator[T]:
        """What it is, once that is known, and each time that it is something else.

        Who is slow misses what it was in between, and holds nobody up.
        """
        shown: asyncio.Event | None = None
        while True:
            changed = self._changed
            if self.known and shown is not changed:
                shown = changed
                yield self.now
            else:
                await changed.wait()


class View(Latest[Mapping[str, T]]):
    """Things by their keys: all that there are."""

    def __init__(self) -> None:
        super().__init__(MappingProxyType({}))

    def become(self, now: Mapping[str, T]) -> None:
        """Show these from now on; nobody may change them any more."""
        super().become(MappingProxyType(now))
