"""What the log hears now and then only: what others can cause as often as they like would fill the disk."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class _Untold:
    """What happened since the log last heard of a thing: how many times, and what is known of the last one."""

    times: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)
    error: BaseException | None = None


class Sparing:
    """Tells a log of each thing at once, and then no more than once in `every_seconds`, with how many `times` it came.

    It is used on a running event loop, which tells the rest when the time is over: nothing stays uncounted.
    """

    def __init__(self, logger: logging.Logger, *, every_seconds: float) -> None:
        self._logger = logger
        self._every_seconds = every_seconds
        self._untold: dict[tuple[str, str], _Untold] = {}

    def tell(
        self,
        level: int,
        message: str,
        *,
        key: str = "",
        extra: Mapping[str, object],
        error: BaseException | None = None,
    ) -> None:
        """Something happened. It is the same as before where the message and the `key` are, of which there are few."""
        thing = message, key
        untold = self._untold.get(thing)
        if untold is None:
            self._logger.log(level, message, exc_info=error, extra=extra)
            self._wait(level, thing)
        else:
            self._untold[thing] = _Untold(times=untold.times + 1, extra=extra, error=error)

    def _wait(self, level: int, thing: tuple[str, str]) -> None:
        self._untold[thing] = _Untold()
        asyncio.get_running_loop().call_later(self._every_seconds, self._over, level, thing)

    def _over(self, level: int, thing: tuple[str, str]) -> None:
        """The time is over: tell what came meanwhile; a thing that did not come again is new when it does."""
        untold = self._untold.pop(thing)
        if untold.times:
            message, _ = thing
            extra = {**untold.extra, "times": untold.times}
            self._logger.log(level, message, exc_info=untold.error, extra=extra)
            self._wait(level, thing)
