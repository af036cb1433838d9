"""The labels that the series of a target get from their target, as Prometheus attaches them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from slo.config.settings import ScrapeEntry
from slo.net.url import URL
from slo.sources.checks import Watched
from slo.sources.endpoint import Endpoint

EXPORTED = "exported_"
"""What the target's own label is called where ours has its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetLabels:
    """Attaches `labels`. With `honor`, what a series says itself stands; otherwise its own label is renamed."""

    labels: Mapping[str, str]
    honor: bool = False

    @property
    def certain(self) -> Mapping[str, str]:
        """What every series has, whatever it says itself."""
        return {} if self.honor else self.labels

    def __call__(self, series: Mapping[str, str]) -> dict[str, str]:
        """The labels of a series with those of its target."""
        if self.honor:
            return {**self.labels, **series}
        labels = {**series, **self.labels}
        for name in self.labels:
            if own := series.get(name):
                exported = EXPORTED + name
                while labels.get(exported):
                    exported = EXPORTED + exported
                labels[exported] = own
        return labels


def labels_of(entry: ScrapeEntry, url: str, own: Mapping[str, str]) -> TargetLabels:
    """What is attached to the series of a target at `url` that has labels of its `own`."""
    labels = {"job": entry.name, "instance": URL.parse(url).authority, **entry.labels, **own}
    return TargetLabels(labels=labels, honor=entry.honor_labels)


def endpoint_of(entry: ScrapeEntry, watched: Watched) -> Endpoint:
    """Where a target is scraped: at another URL, or with other labels, its series are not those that were counted."""
    attached = labels_of(entry, watched.target, watched.labels)
    identity = json.dumps([watched.target, sorted(attached.labels.items()), attached.honor])
    return Endpoint(interval_seconds=watched.interval_seconds, identity=identity, labels=attached.certain)
