"""What is asked of every process that is served, a watch or an agent. `slo.app` implements it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from exporters.endpoints import Figures
from exporters.probing import Prober
from exporters.scraping import Inside


class Served(Figures, Inside, Protocol):
    """A process with its figures.

    What is not a coroutine answers at once from memory. Iterables are read over several turns of the event loop, in
    between which rounds end, slots close and the configuration may be loaded anew: that must not disturb them.
    """

    @property
    def prober(self) -> Prober:
        """Who makes the rounds that `/probe` is asked for."""

    def now(self) -> datetime:
        """The time that the process goes by."""

    def unready(self) -> Sequence[str]:
        """Why it is not ready, in sentences; empty when it is."""
