"""What is there, as it is known last: it changes by whole truths, and whoever follows it gets the newest."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

T = TypeVar("T")


class View(Generic[T]):
    """Things by their keys. `known` is whether they were ever known; until then there are none."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.known = False
        self.now: Mapping[str, T] = MappingProxyType({})

    def become(self, items: Mapping[str, T]) -> None:
        """Show these from now on; nobody may change them any more."""
        if self.known and items == self.now:
            return
        self.known = True
        self.now = MappingProxyType(items)
        self._changed.set()
        self._changed = asyncio.Event()

    async def changes(self) -> AsyncIterator[Mapping[str, T]]:
        """Everything that there is, once that is known, and each time that it is something else.

        Who is slow misses what was there in between, and holds nobody up.
        """
        last: Mapping[str, T] | None = None
        while True:
            changed = self._changed
            if self.known and self.now is not last:
                last = self.now
                yield last
            else:
                await changed.wait()
