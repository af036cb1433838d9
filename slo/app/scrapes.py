"""From the entries of scrapes to scrapes: every target that is configured or found, built and at work."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from slo.app.checks import fault_at, unusable, watched_of
from slo.app.found import Followers, Labels
from slo.app.found_targets import Entry, Looks
from slo.app.watched_targets import Counting, Prepared, WatchedTargets
from slo.config.settings import ScrapeEntry, ScrapeTarget, Settings
from slo.core.outcome import CheckKey, Outcome, Point
from slo.core.sli import CountersSLI
from slo.errors import ConfigError, WatchkeepError
from slo.exposition.process_catalogue import ProcessTelemetry
from slo.net.context import Context
from slo.net.guard import Reach
from slo.runner.schedule import Scheduled
from slo.sources.checks import Watched
from slo.sources.scrape import MODULE, PARSING_THREADS, Config, Scrape, Scraped
from slo.sources.selection import Wanted
from slo.sources.target_labels import labels_of


class Scrapes:
    """The scrapes of some settings: all look out for the series that SLIs of these want, `looked_for`, by key.

    `written` are those of every target that is configured. Raises ConfigError for what cannot be.
    """

    def __init__(self, settings: Settings, context: Context, path: Path) -> None:
        self.looked_for = looked_for(settings)
        self._wanted = Wanted(self.looked_for.values())
        self._threads = ThreadPoolExecutor(PARSING_THREADS, thread_name_prefix=MODULE)
        self._context = context
        self.written = self._written(settings.scrapes, path)

    def _written(self, entries: Iterable[ScrapeEntry], path: Path) -> list[Scheduled]:
        scrapes: dict[Point, Scheduled] = {}
        faults = []
        for entry in entries:
            for index, target in enumerate(entry.targets):
                place = f"scrapes[{entry.name}]" + (f".targets[{index}]" if entry.several else "")
                try:
                    scrape = self._scrape(entry, target, self._context)
                except (OSError, ValueError, WatchkeepError) as error:
                    faults.append(unusable(path, place, error))
                    continue
                if scrape.point in scrapes:
                    faults.append(
                        fault_at(path, place, f"{scrape.target} is a target already", "leave one of them out")
                    )
                scrapes[scrape.point] = scrape
        if faults:
            raise ConfigError(faults)
        return list(scrapes.values())

    def found(self, entry: ScrapeEntry, address: str, labels: Labels, context: Context, reach: Reach) -> Scheduled:
        """The scrape of a target that was found; `reach` is what the guard of the context goes by.

        Raises OSError, ValueError or WatchkeepError where there can be none.
        """
        assert entry.aimed is not None  # noqa: S101  as every scrape that is read has it
        return self._scrape(entry, entry.aimed(address, labels), context, reach)

    def _scrape(
        self, entry: ScrapeEntry, target: ScrapeTarget, context: Context, reach: Reach | None = None
    ) -> Scheduled:
        config = config_of(target)
        labelled = labels_of(entry, config.url, target.labels)
        check = Scrape(config, context, labelled=labelled, wanted=self._wanted, threads=self._threads)
        return Scheduled(
            name=entry.name,
            module=MODULE,
            target=check.target,
            interval_seconds=target.interval.total_seconds(),
            timeout_seconds=target.timeout.total_seconds(),
            check=check,
            config=(target, labelled, reach, frozenset(self.looked_for)),
            labels=target.labels,
        )


class CountingScrapes(Counting, Protocol):
    """Who makes something of scrapes."""

    def scraped(self, outcome: Outcome, facts: Scraped | None) -> None:
        """Take in one scrape, whatever came of it; there are facts where it is good."""


class WatchedScrapes(WatchedTargets):
    """Runs all scrapes, and has `counting` count what they find. `prepare` the scrapes of each configuration."""

    what = "scrape"

    def __init__(
        self,
        context: Context,
        *,
        followers: Followers,
        counting: CountingScrapes,
        telemetry: ProcessTelemetry,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        super().__init__(
            context,
            followers=followers,
            counting=counting,
            rounds=telemetry.scrapes,
            targets=telemetry.scrape_targets,
            refused=telemetry.scrape_targets_refused,
            ours=ours,
        )
        self._scraped = counting
        self._scrapes: Scrapes | None = None

    async def prepare_scrapes(self, settings: Settings, scrapes: Scrapes) -> Prepared:
        """What is scraped here: what is written, and what was found for the same discoveries before."""
        self._scrapes = scrapes
        return await self.prepare(settings, scrapes.written)

    def watched(self, prepared: Prepared) -> list[Watched]:
        """The targets of what was prepared."""
        return [self._watched(looks) for looks in prepared.looks.values()]

    def observe(self, outcome: Outcome) -> None:
        """Count one scrape; nobody needs its facts any more."""
        facts = self._runner.last_facts.pop(outcome.point, None)
        self._scraped.scraped(outcome, facts if isinstance(facts, Scraped) else None)

    def _entries(self, settings: Settings) -> Sequence[Entry]:
        return settings.scrapes

    def _made(self, entry: Entry, address: str, labels: Labels, context: Context, reach: Reach) -> Looks:
        assert isinstance(entry, ScrapeEntry) and self._scrapes  # noqa: S101, PT018  what was prepared
        return (self._scrapes.found(entry, address, labels, context, reach),)

    def _watched(self, looks: Looks) -> Watched:
        return watched_of(looks, 1)


def looked_for(settings: Settings) -> dict[str, CountersSLI]:
    """What is counted from counters, as it was configured, by key."""
    return {slo.sli: slo.definition for slo in settings.slos if isinstance(slo.definition, CountersSLI)}


def certain_of(entry: ScrapeEntry) -> Iterator[Mapping[str, str]]:
    """The labels that all series of a target have for certain: of each target, and of those that may be found."""
    for target in entry.targets:
        yield labels_of(entry, config_of(target).url, target.labels).certain
    if entry.discoveries:
        yield {}  # what finds them says which they have, `job` and `instance` among them


def config_of(target: ScrapeTarget) -> Config:
    """From where a target is scraped."""
    assert isinstance(target.config, Config)  # noqa: S101  the kind that the configuration was read with
    return target.config
