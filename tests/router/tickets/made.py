"""Destinations that a test makes, closed when it is over."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar


class Closed(Protocol):
    async def aclose(self) -> None: ...


D = TypeVar("D", bound=Closed)


@asynccontextmanager
async def making(build: Callable[..., D]) -> AsyncIterator[Callable[..., D]]:
    """Makes destinations by `build`, and closes them."""
    made: list[D] = []

    def make(**keys: object) -> D:
        made.append(build(**keys))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()
