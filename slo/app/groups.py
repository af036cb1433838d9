"""The groups of the watch's SLOs: among scraped series, among targets of probes, and those that a server has.

The groups that a server has are written down with the counts, so that one that is down is there again after a restart.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Protocol

from slo.app.books import Books
from slo.config.settings import RunBy, Settings
from slo.core.outcome import CheckKey
from slo.core.protocols import Clock
from slo.core.sli import CheckSLI
from slo.core.slo import SLO
from slo.exposition.catalogue import Telemetry
from slo.sources.grouping import Groups, Values

SOURCE = "groups"
"""Under which the groups that servers have are kept, by the SLI that is grouped."""

REMEMBERED_SECONDS = 86_400
"""For how long after it was last seen a group is there again after a reload or a restart."""

HOUR_SECONDS = 3600
"""How exactly it is known when a group was seen, so that little has to be written."""

logger = logging.getLogger(__name__)


class Grouped(Protocol):
    """A target of a probe, by whose labels SLOs are grouped."""

    @property
    def key(self) -> CheckKey:
        """Its probe and its name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""


class WatchedGroups:
    """What is watched in the place of SLOs with groups. `configure` it before anything else.

    `targets` are those of probes that are wanted, by who runs them: their SLOs are grouped by them.
    """

    def __init__(self, books: Books, clock: Clock, telemetry: Telemetry) -> None:
        self._books = books
        self._clock = clock
        self._telemetry = telemetry
        self._groups = Groups(())
        self._refused: frozenset[str] = frozenset()
        self._seen: dict[str, dict[Values, int]] = {}
        self._new = False
        self.targets: dict[RunBy, Collection[Grouped]] = {}

    def of(self, settings: Settings, series: Iterable[Mapping[str, str]]) -> Groups:
        """The groups of these settings that are known, of the scraped `series` and of servers."""
        groups = Groups(settings.slos)
        groups.find(series)
        _find_targets(groups, self._all_targets)
        marks = self._books.watermarks(SOURCE) if groups.grouped else {}
        for slo in groups.grouped:
            groups.add(slo, self._remembered(slo, marks))
        return groups

    def configure(self, settings: Settings, series: Iterable[Mapping[str, str]]) -> None:
        """Watch the groups of these settings from now on."""
        self._groups, self._refused = self.of(settings, series), frozenset()
        marks = self._books.watermarks(SOURCE)
        self._seen = {_key(slo): self._remembered(slo, marks) for slo in self._groups.grouped}
        for key in marks.keys() - self._seen.keys():
            self._books.mark({(SOURCE, key): None})
        self._telemetry.groups.clear()
        self._telemetry.groups_refused.clear()
        self._say()

    @property
    def slos(self) -> list[SLO]:
        """Every SLO of the settings in force, with the groups that are known in the place of those that have groups."""
        return self._groups.slos

    def find(self, series: Iterable[Mapping[str, str]]) -> None:
        """Look for groups among scraped series."""
        self._take(new=self._groups.find(series))

    def keep(self, series: Iterable[Mapping[str, str]]) -> None:
        """Targets that were scraped are gone: give up the groups that none of all the series is in any more.

        Whom nobody wants watched has not lost its data.
        """
        self._take(new=self._groups.keep(series))

    def retarget(self, run_by: RunBy, targets: Collection[Grouped]) -> None:
        """The targets of probes that somebody runs are others now: look for their groups, and give up empty ones.

        Whom nobody wants watched has not lost its data.
        """
        self.targets[run_by] = targets
        labels = _labels(self._groups, self._all_targets)
        given_up = [probe for probe, each in labels.items() if self._groups.keep_targets(probe, each)]
        found = _find_targets(self._groups, self._all_targets)
        self._take(new=bool(given_up) or found)

    def heard(self, slo: SLO, groups: Iterable[Values]) -> None:
        """A server has these groups of an SLO now."""
        key = _key(slo)
        if key not in self._seen:
            return
        found = set(groups)
        self._take(new=self._groups.add(slo, found))
        hour = int(self._clock.now().timestamp()) // HOUR_SECONDS * HOUR_SECONDS
        seen = self._seen[key] | dict.fromkeys(found & self._groups.found[slo.name], hour)
        if seen != self._seen[key]:
            self._seen[key] = seen
            self._books.mark({(SOURCE, key): json.dumps(list(seen.items())).encode()})

    @property
    def has_new(self) -> bool:
        """Whether the groups are others, and nobody has taken that in yet."""
        return self._new

    def take_new(self) -> bool:
        """Whether the groups are others than when this was asked last."""
        new, self._new = self._new, False
        return new

    @property
    def _all_targets(self) -> Iterable[Grouped]:
        return chain.from_iterable(self.targets.values())

    def _take(self, *, new: bool) -> None:
        self._new |= new
        if new or self._groups.refused != self._refused:
            self._say()

    def _remembered(self, slo: SLO, marks: Mapping[str, bytes]) -> dict[Values, int]:
        """The groups of an SLO that a server had not long ago, and when (Unix seconds), by its mark."""
        mark = marks.get(_key(slo), b"[]")
        oldest = self._clock.now().timestamp() - REMEMBERED_SECONDS
        try:
            seen = {tuple(map(str, values)): int(at) for values, at in json.loads(mark)}
        except (TypeError, ValueError):
            return {}  # they are found again when the server is asked
        return {values: at for values, at in seen.items() if at > oldest and len(values) == len(slo.group_by)}

    def _say(self) -> None:
        refused = self._groups.refused
        for name, found in self._groups.found.items():
            self._telemetry.groups.labels(name).set(len(found))
            self._telemetry.groups_refused.labels(name).set(name in refused)
        for name in sorted(refused - self._refused):
            logger.error(
                "an SLO has more groups than are watched: group by labels with fewer values, or narrow its selectors",
                extra={"slo": name, "watched": len(self._groups.found[name])},
            )
        self._refused = refused


def _find_targets(groups: Groups, targets: Iterable[Grouped]) -> bool:
    new = [probe for probe, labels in _labels(groups, targets).items() if groups.find_targets(probe, labels)]
    return bool(new)


def _labels(groups: Groups, targets: Iterable[Grouped]) -> dict[str, list[Mapping[str, str]]]:
    """The labels of the targets of probes whose SLOs have groups."""
    grouped = (slo.definition.check for slo in groups.grouped if isinstance(slo.definition, CheckSLI))
    labels: dict[str, list[Mapping[str, str]]] = {probe: [] for probe in grouped}
    for each in targets:
        probe, target = each.key
        if probe in labels:
            labels[probe].append({**each.labels, "target": target})
    return labels


def _key(slo: SLO) -> str:
    """What tells the groups of one definition from those of others."""
    return f"{slo.name}:{slo.sli} by {','.join(slo.group_by)}"
