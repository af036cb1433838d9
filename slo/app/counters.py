"""The counters of a watch: scrapes on their way from the runner into the books."""

import logging

import numpy as np

from slo.app.books import Books
from slo.config.settings import Settings
from slo.core.outcome import Outcome
from slo.core.sli import CountersSLI
from slo.exposition.catalogue import Telemetry
from slo.sources.counters import Counted
from slo.sources.scrape import Scraped
from slo.sources.scraped import ScrapedCounters
from slo.sources.series import Wanted

SOURCE = "scrape"
"""Under which the watermarks of targets are kept; also what the names of their checks begin with."""

SLOTS_AT_ONCE = 1024
"""How many slots are closed together, after the machine stood still for long."""

logger = logging.getLogger(__name__)


def check_name(scrape: str) -> str:
    """What the check of a scrape is called: a probe may have the scrape's name."""
    return f"{SOURCE}:{scrape}"


class Counters:
    """Counts what is scraped. `configure` it before anything else, and again for other settings."""

    def __init__(self, books: Books, telemetry: Telemetry) -> None:
        self._books = books
        self._telemetry = telemetry
        self._scraped = ScrapedCounters({}, slot_seconds=books.slot_seconds, targets={}, marks={})

    def configure(self, settings: Settings) -> None:
        """Count for these settings from now on. What is known of targets and SLIs that stay is kept."""
        marks = {**self._books.watermarks(SOURCE), **self._scraped.watermarks()}
        targets = {check_name(entry.name): entry.interval.total_seconds() for entry in settings.scrapes}
        self._books.forget_watermarks(SOURCE, marks.keys() - targets.keys())
        self._scraped = ScrapedCounters(
            counted(settings), slot_seconds=self._books.slot_seconds, targets=targets, marks=marks
        )

    def observe(self, outcome: Outcome, facts: object) -> None:
        """Take in one round of the runner, if it is a scrape that succeeded."""
        if isinstance(facts, Scraped) and facts.readable:
            self._scraped.observe(outcome.check, round(outcome.at.timestamp() * 1000), facts.samples)

    def close(self, end: int) -> None:
        """Count every slot that is over at `end` (Unix seconds), just before the books close them."""
        slot = self._books.slot_seconds
        for begin in range(self._books.ledger.now, end, SLOTS_AT_ONCE * slot):
            stop = min(begin + SLOTS_AT_ONCE * slot, end)
            self._count(self._scraped.close(np.arange(begin + slot, stop + 1, slot, dtype=np.int64)))
        self._books.mark({(SOURCE, name): mark for name, mark in self._scraped.watermarks().items()})

    def _count(self, counted_slots: Counted) -> None:
        self._books.add_block(counted_slots.block)
        for _, block in counted_slots.late:
            self._books.add_block(block)
        for excess in counted_slots.excesses:
            self._telemetry.counter_excesses.inc()
            logger.warning(
                "a part counts more than its total, the slot is unknown",
                extra={"sli": excess.sli, "slot_end": excess.slot_end, "total": excess.total, "part": excess.part},
            )


def counted(settings: Settings) -> dict[str, CountersSLI]:
    """The SLIs that are counted from counters, by key."""
    return {slo.sli: slo.definition for slo in settings.slos if isinstance(slo.definition, CountersSLI)}


def wanted(settings: Settings) -> Wanted:
    """Which series anybody looks for."""
    return Wanted(counted(settings).values())
