"""A watch that kills itself: `python -m tests.e2e.doomed STEP NUMBER PYTHON -m slo.cli.main run ...`.

It is the real command, but for the `kill -9` that it gives itself the time number NUMBER that it comes by STEP: one of
`before commit`, `after commit` and so on for `begin`, `finish` and `deliver`.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from slo.cli.main import main
from slo.router.destinations.pagerduty import PagerDuty
from slo.store.journal import Journal

WRITINGS = ("commit", "begin", "finish")


class Doom:
    """When it dies."""

    def __init__(self, step: str, number: int) -> None:
        self._step = step
        self._left = number
        self._counting = threading.Lock()

    def come_by(self, step: str) -> None:
        """Die, if it is time."""
        with self._counting:
            self._left -= step == self._step
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def of(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A writing of the journal that comes by before and after."""

        @functools.wraps(call)
        def called(*args: Any, **keys: Any) -> Any:
            self.come_by(f"before {name}")
            given = call(*args, **keys)
            self.come_by(f"after {name}")
            return given

        return called

    def of_delivery(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same of a delivery."""

        @functools.wraps(call)
        async def called(*args: Any, **keys: Any) -> Any:
            self.come_by("before deliver")
            given = await call(*args, **keys)
            self.come_by("after deliver")
            return given

        return called


def doomed(step: str, number: int) -> None:
    """Have this process die there."""
    doom = Doom(step, number)
    for name in WRITINGS:
        setattr(Journal, name, doom.of(name, getattr(Journal, name)))
    setattr(PagerDuty, "deliver", doom.of_delivery(PagerDuty.deliver))  # noqa: B010 - mypy knows it as a method


if __name__ == "__main__":
    doomed(sys.argv[1], int(sys.argv[2]))
    sys.argv = ["watchkeep", *sys.argv[6:]]  # what stands before is this Python and how it runs the command
    main()
