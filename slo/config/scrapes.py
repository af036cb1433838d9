"""Reads what is scraped: each scrape with its targets, to its entry in the settings."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from slo.config.agent_discovery import COUNTS_FOR_OTHERS, GETS_SECRETS, holds_secret, refuse_everywhere
from slo.config.aimed import OneTarget
from slo.config.check_entries import DEFAULT_TIMEOUT, NO_LABELS, NOTHING_OWN
from slo.config.check_targets import CheckTargets, TargetsReading, refuse_late_timeouts
from slo.config.entries import Family, plain_entries
from slo.config.reading import Reader
from slo.config.report import Report
from slo.config.schema import ScrapeKeys
from slo.config.section import KindConfig
from slo.config.settings import ScrapeEntry, ScrapeTarget
from slo.config.target_keys import ScrapeTargetKeys, TargetKeys


class ScrapeKinds(Protocol):
    """What scrapes are read with, and the kinds of what finds their targets."""

    @property
    def discoveries(self) -> Family:
        """Kinds of discoveries."""

    def scrape_config(self) -> type[KindConfig]:
        """The `Config` of a scrape."""


def read_scrapes(
    data: Sequence[object], kinds: ScrapeKinds, *, reader: Reader, report: Report
) -> list[TargetsReading[ScrapeKeys]]:
    """Read the list; what is wrong with it is told."""
    of_targets = CheckTargets(kinds.discoveries, what="scrape", keys=ScrapeTargetKeys, reader=reader, report=report)
    entries = plain_entries(
        ScrapeKeys,
        data,
        ("scrapes",),
        what="scrape",
        reader=reader,
        report=report,
        config=kinds.scrape_config() if data else None,
        model_for=of_targets.model_for,
    )
    scrapes = [of_targets.read(entry) for entry in entries]
    for scrape in scrapes:
        refuse_late_timeouts(scrape, report)
        if holds_secret(scrape.entry.config):
            refuse_everywhere([(each.entry, each.at) for each in scrape.discoveries], GETS_SECRETS, report)
        if scrape.entry.keys.has("honor_labels") and scrape.entry.keys.values.honor_labels:
            refuse_everywhere([(each.entry, each.at) for each in scrape.discoveries], COUNTS_FOR_OTHERS, report)
    return scrapes


def scrape_of(reading: TargetsReading[ScrapeKeys]) -> ScrapeEntry:
    """The entry of a scrape without faults."""
    keys, common = reading.entry.keys.values, reading.entry.whole()
    assert isinstance(common, OneTarget)  # noqa: S101  what scrapes are read with

    def entry(config: KindConfig, own: TargetKeys = NOTHING_OWN, labels: Mapping[str, str] = NO_LABELS) -> ScrapeTarget:
        interval = own.interval or keys.interval
        return ScrapeTarget(
            interval=interval,
            timeout=min(own.timeout or keys.timeout or DEFAULT_TIMEOUT, interval),
            config=config,
            labels={**own.labels, **labels},
        )

    if reading.several:
        targets = tuple(entry(each.config, each.keys.values) for each in reading.targets if each.config)
    else:
        targets = (entry(common),)
    return ScrapeEntry(
        name=keys.name,
        interval=keys.interval,
        timeout=keys.timeout or min(DEFAULT_TIMEOUT, keys.interval),
        targets=targets,
        labels=keys.labels,
        honor_labels=keys.honor_labels,
        run_by=keys.run_by,
        several=reading.several,
        discoveries=tuple(each.entry for each in reading.discoveries),
        aimed=lambda target, labels: entry(common.aimed_at(target), labels=labels),
    )
