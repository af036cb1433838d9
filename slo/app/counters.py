"""The counters of a watch: scrapes on their way from the runner into the books."""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from slo.app.books import Books
from slo.app.counted_slots import SOURCE, Closing, CountedSlots
from slo.app.failures import Failures, Lost
from slo.app.groups import WatchedGroups
from slo.app.reported_scrapes import ReportedTargets
from slo.app.scrape_metrics import ScrapeMetrics
from slo.app.scrapes import looked_for
from slo.config.settings import ScrapeEntry, Settings
from slo.core.batch import Observed, digest_of
from slo.core.outcome import CheckKey, Outcome
from slo.core.reason import State
from slo.core.sli import CountersSLI
from slo.core.slo import SLO
from slo.engine.windows import LOST_AFTER_SECONDS
from slo.exposition.catalogue import Telemetry
from slo.net.breath import Breath
from slo.runner.schedule import Scheduled
from slo.sources.checks import Watched
from slo.sources.endpoint import Endpoint
from slo.sources.scrape import Scraped
from slo.sources.scraped import ScrapedCounters, obsolete
from slo.sources.target_labels import endpoint_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)


class Counters:
    """Counts what is scraped. `configure` it before anything else, and again for other settings.

    `begin` to count when the books have the SLOs of `groups`.
    """

    def __init__(
        self,
        books: Books,
        groups: WatchedGroups,
        telemetry: Telemetry,
        forward: Callable[[Outcome], None],
    ) -> None:
        self._books = books
        self._telemetry = telemetry
        self._forward = forward
        self._scraped = ScrapedCounters(slot_seconds=books.slot_seconds)
        self._slots = CountedSlots(books, self._scraped, telemetry)
        self._groups = groups
        self._metrics = ScrapeMetrics(telemetry)
        self._entries: Mapping[str, ScrapeEntry] = {}
        self._reported = ReportedTargets()
        self._digests: Mapping[str, str] = {}
        self._names: dict[CheckKey, str] = {}
        self._counted: dict[str, CountersSLI] = {}
        self._since: dict[str, datetime] = {}
        self._failures = Failures()
        self._given_up = False

    def slos_of(self, settings: Settings) -> list[SLO]:
        """The SLOs of settings, with the groups that are known in the place of those that have groups."""
        return self._groups.of(settings, self._scraped.series).slos

    def configure(self, settings: Settings, watched: Iterable[Watched], *, restored: bool = False) -> None:
        """Count these targets as the settings say from now on, with those that agents report. What is known of targets
        that stay is kept.

        With `restored`, targets go on from the watermarks that the run before left.
        """
        marks = self._books.watermarks(SOURCE)
        self._entries = {entry.name: entry for entry in settings.scrapes}
        self._digests = {digest_of(key): key for key in looked_for(settings)}
        self._reported.configure({entry.name: entry for entry in settings.run_by("agents").scrapes})
        before, self._names = self._names, {}
        reported = list(self._reported.marked(marks)) if restored else self._reported.watched
        targets = self._endpoints([*watched, *reported])
        for key, name in before.items():
            if self._names.get(key) != name:
                self._forget(key, name)
        if restored:
            self._books.mark({(SOURCE, name): None for name in obsolete(marks, targets)})
        self._scraped.configure(looked_for(settings), targets, marks if restored else {})
        for each in reported if restored else ():
            self._reported.restore(each, self._scraped.scraped_until(self._names[each.key]))
        self._groups.configure(settings, self._scraped.series)

    def begin(self) -> None:
        """Count for the groups that are watched, and for all other SLOs, from the next slot on."""
        self._counted = _counted(self._groups.slos)
        self._scraped.count(self._counted)
        begun = datetime.fromtimestamp(self._books.ledger.now, UTC)
        self._since = {key: self._since.get(key, begun) for key in self._counted}

    async def expect(self, targets: Collection[Scheduled]) -> None:
        """The groups of a target are known with its first scrape."""

    def change(self, *, gone: Collection[CheckKey], watched: Iterable[Watched]) -> None:
        """Count these targets too, and no more those that are `gone`: what they were scraped for is counted."""
        for key in gone:
            if name := self._names.pop(key, None):
                self._forget(key, name)
                self._scraped.leave([name])
        self._given_up |= self._scraped.add(self._endpoints(watched))

    def scraped(self, outcome: Outcome, facts: Scraped | None) -> None:
        """Take in one scrape, whatever came of it."""
        name, samples = self._names[outcome.key], facts.samples if facts else ()
        if outcome.state is State.GOOD:
            self._scraped.observe(name, milliseconds(outcome.at), samples)
        self._notice(name, outcome, len(samples))

    def report(self, observed: Observed, at: float) -> None:
        """Take in one scrape that an agent made, complete at a time (Unix seconds) that is over, however late it comes.

        A round that several agents report counts once. Whatever is reported again after a restart is passed over as
        far as it was counted before.
        """
        outcome, at_ms = observed.outcome, _ms(at)
        try:
            watched = self._reported.hear(outcome, at_ms)
            if watched is None:
                return
            self._given_up |= self._scraped.add(self._endpoints([watched]))
        except ValueError as error:  # no URL has such a target
            self._reported.forget(outcome.key)
            self._names.pop(outcome.key, None)
            logger.warning("an agent scrapes what is no target", extra={"target": outcome.target, "error": str(error)})
            return
        name, series = self._names[outcome.key], observed.samples or ()
        if outcome.state is State.GOOD:
            looked_for = {self._digests[digest] for digest in observed.looked_for if digest in self._digests}
            self._scraped.report(name, at_ms, series, looked_for)
        self._notice(name, outcome, len(series))

    def gone(self, scrape: str, target: str, at: float) -> None:
        """Agents say that nobody wants a target scraped any more, since a time (Unix seconds)."""
        if self._reported.is_over((scrape, target), _ms(at)):
            self._leave((scrape, target), since_ms=_ms(at))

    def reports(self, scrape: str) -> bool:
        """Whether agents make a scrape of that name."""
        return scrape in self._reported.entries

    async def take_in(self, end: int) -> None:
        """Have what was scraped up to `end` (Unix seconds) ready to be counted.

        Groups among it that were not there before are, with `begin`, counted from their first scrape on.
        """
        breath = Breath()
        for key in self._reported.silent(end * 1000):
            self._leave(key)
        for scrape in self._reported.entries:
            self._telemetry.scrape_targets.labels(scrape).set(self._reported.number[scrape])
        if self._given_up:
            self._groups.keep(self._scraped.series)
            self._given_up = False
        for name in self._scraped.targets:
            self._groups.find(self._scraped.take_in(name, end * 1000))
            await breath.take()

    async def count(self, end: int) -> Closing:
        """What the slots hold that are over at `end` (Unix seconds), to be booked before the books close them."""
        closing = await self._slots.count(end)
        self._given_up |= closing.gave_up
        return closing

    def book(self, closing: Closing) -> None:
        """Put what was counted into the books, and where the targets stand after it: the disk gets both, or nothing."""
        self._slots.book(closing)

    def lost(self, now: datetime) -> dict[str, Lost]:
        """The SLIs, by key, of which nothing is observed at `now`, a slot end that was counted."""
        return {
            sli: self._failures.lost(
                self._scraped.feeding(sli),
                possible=self._scraped.possible(self._counted[sli]),
                since=max(self._since[sli], EPOCH + timedelta(milliseconds=last_ms)),
            )
            for sli, last_ms, until_ms in self._scraped.observations()
            if until_ms < milliseconds(now)
        }

    def at_fault(self, now: datetime) -> frozenset[str]:
        """The SLIs, by key, that lost their data because a target has been at fault for minutes."""
        long_ago = now - timedelta(seconds=LOST_AFTER_SECONDS)
        lost = self.lost(now).items()
        return frozenset(sli for sli, each in lost if each.at_fault and each.since <= long_ago)

    def failing(self, sli: str) -> Outcome | None:
        """The newest failed scrape of a target that an SLI is or may be observed on, and that fails now."""
        if sli not in self._since or not self._failures:
            return None
        return self._failures.newest(self._scraped.feeding(sli) or self._scraped.possible(self._counted[sli]))

    def _leave(self, key: CheckKey, *, since_ms: int = 0) -> None:
        """A target that agents reported is gone."""
        name = self._names.pop(key)
        self._reported.forget(key)
        self._forget(key, name)
        self._scraped.leave([name], since_ms=since_ms)

    def _endpoints(self, watched: Iterable[Watched]) -> dict[str, Endpoint]:
        """Where targets are scraped, by what they are called here: by their scrape alone, where that has no other."""
        endpoints = {}
        for each in watched:
            key, entry = (each.check, each.target), self._entries[each.check]
            name = self._names[key] = f"{each.check} {each.target}" if entry.several else each.check
            endpoints[name] = endpoint_of(entry, each)
        return endpoints

    def _notice(self, name: str, outcome: Outcome, series: int) -> None:
        self._forward(outcome)
        self._failures.notice(name, outcome)
        self._metrics.notice(outcome, series=series, several=self._entries[outcome.check].several)

    def _forget(self, key: CheckKey, name: str) -> None:
        self._failures.forget(name)
        self._metrics.forget(key)


def milliseconds(at: datetime) -> int:
    """A time in Unix milliseconds, rounded up: what happens after the end of a slot belongs to the next one."""
    return -((EPOCH - at) // timedelta(milliseconds=1))


def _ms(at: float) -> int:
    return math.ceil(at * 1000)


def _counted(slos: Iterable[SLO]) -> dict[str, CountersSLI]:
    return {slo.sli: slo.definition for slo in slos if isinstance(slo.definition, CountersSLI)}
