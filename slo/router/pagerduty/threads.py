"""Calls of packages that block, in threads: each is given up as a whole at its deadline, and its thread ends then."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Generic, Protocol, TypeVar


class Abandonable(Protocol):
    """A call that another thread can end."""

    def abandon(self) -> None:
        """Nobody waits for it any more: cut it, or keep it from connecting."""


C = TypeVar("C", bound=Abandonable)
T = TypeVar("T")


class CallThreads:
    """Threads of their own: another side that hangs must not take those that the journal is written by.

    `size` is to be more than the calls ever under way: one that was given up may need a moment longer to end.
    """

    def __init__(self, name: str, *, size: int) -> None:
        self._name = name
        self._size = size

    async def run(self, begin: Callable[[], C], use: Callable[[C], T], *, seconds: float) -> T:
        """Begin a call and use it, both in a thread. Raises TimeoutError after so many seconds."""
        under_way = _UnderWay(begin, use)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, under_way.run)
        finally:
            under_way.abandon()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self._size, thread_name_prefix=self._name)


class _UnderWay(Generic[C, T]):
    """One call on its way in a thread."""

    def __init__(self, begin: Callable[[], C], use: Callable[[C], T]) -> None:
        self._begin = begin
        self._use = use
        self._call: C | None = None
        self._abandoned = False

    def run(self) -> T:
        """Make the call. Runs in a thread."""
        self._call = self._begin()
        if self._abandoned:
            self._call.abandon()
            raise TimeoutError
        return self._use(self._call)

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._abandoned = True
        if self._call is not None:
            self._call.abandon()
