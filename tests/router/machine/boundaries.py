"""Boundaries: the steps of a process before and after which it may be killed, by their names."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


class Killed(BaseException):
    """The process is gone. No handler of the product may catch it, as none could catch a `kill -9`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boundary:
    """The time number `number` (from 1) that a process comes by the step `name`."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} {self.number}".replace(" ", "-")


class Boundaries:
    """Those of one process, which dies at `doom`. It may be come by from any thread.

    Once it is dead nothing of it goes on: what still runs in a thread is killed at its next boundary.
    """

    def __init__(self, doom: Boundary | None = None) -> None:
        self.doom = doom
        self.passed: Counter[str] = Counter()
        self.dead = threading.Event()
        self.mourn: Callable[[], None] = lambda: None
        self._counting = threading.Lock()

    def come_by(self, name: str) -> None:
        """Go on, or die. Raises Killed."""
        with self._counting:
            if self.dead.is_set():
                raise Killed
            self.passed[name] += 1
            here = Boundary(name=name, number=self.passed[name])
        if here == self.doom:
            self.die()
            raise Killed

    def lets_pass(self, name: str) -> bool:
        """Whether the process is alive after that step."""
        try:
            self.come_by(name)
        except Killed:
            return False
        return True

    def doom_soon(self, name: str, times: int) -> None:
        """Let it die when it comes by that step for so many times more."""
        self.doom = Boundary(name=name, number=self.passed[name] + times)

    def die(self) -> None:
        """Die here and now."""
        self.dead.set()
        self.mourn()
