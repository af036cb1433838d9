"""Tells the story line by line, each with the seconds since it began, and waits for what has to happen in it."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from slo.errors import WatchkeepError

T = TypeVar("T")

WAIT_SECONDS = 100.0
"""How long any one turn of the story may take before it counts as not having happened."""

LOOK_EVERY_SECONDS = 0.25
MOMENT_SECONDS = 3.0
"""How long the people of the story take to read before they do something; those who watch it take as long."""

WHERE_WIDTH = 10
SHOWN_WIDTH = 130
MARGIN = " " * 13


class Narrator:
    """Tells with `say`. A line says where something is seen, then what."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = time.monotonic()
        self._told_at = 0.0

    @property
    def seconds(self) -> float:
        """How long the story has gone on."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """A new part of it."""
        self._say(f"\n{title}")

    def tell(self, where: str, line: str) -> None:
        """One thing that was seen somewhere."""
        self._told_at = self.seconds
        self._say(f"{self._told_at:7.1f} s   {where:<{WHERE_WIDTH}} {line}")

    def tell_now_and_then(self, where: str, line: str) -> None:
        """One thing that changes all the time: once a second is enough."""
        if self.seconds - self._told_at >= 1:
            self.tell(where, line)

    def show(self, lines: Iterable[str]) -> None:
        """What stands there, below the line that says where; what is too long for a line is cut."""
        for line in lines:
            shown = line if len(line) <= SHOWN_WIDTH else f"{line[: SHOWN_WIDTH - 1]}…"
            self._say(f"{MARGIN}{'':<{WHERE_WIDTH}} | {shown}".rstrip())

    def moment(self) -> None:
        """Somebody reads."""
        time.sleep(MOMENT_SECONDS)

    def until(self, what: str, look: Callable[[], T | None]) -> T:
        """What `look` gives once it gives something. Raises WatchkeepError where it does not in time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                raise WatchkeepError(f"the story stopped: {what} did not come within {WAIT_SECONDS:.0f} s")
            time.sleep(LOOK_EVERY_SECONDS)
        return found
