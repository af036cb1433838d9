"""Reads the targets of checks and of scrapes: one, as many as are written, and where others are found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar, cast

from pydantic import ValidationError

from slo.config.agent_discovery import AgentDiscovery, refuse_unfit
from slo.config.aimed import OneTarget, overridden, untargeted
from slo.config.entries import Entry, Family, KindsOfOneSort
from slo.config.reading import Reader, Reading, keys_of
from slo.config.report import Location, Report
from slo.config.schema import CheckKeys, ScrapeKeys
from slo.config.section import KindConfig
from slo.config.settings import DiscoveryEntry
from slo.config.target_keys import MOST_TARGETS, DiscoveryKeys, TargetKeys
from slo.config.wording import in_words
from slo.config.wrong import shown
from slo.core.duration import duration_name

T = TypeVar("T", bound=CheckKeys | ScrapeKeys)
T_co = TypeVar("T_co", bound=CheckKeys | ScrapeKeys, covariant=True)

MANY = ("targets", "targets_from")
"""The keys of an entry with many targets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetReading:
    """One target of an entry, as far as it could be read."""

    at: Location
    keys: Reading[TargetKeys]
    config: KindConfig | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscoveryReading:
    """One discovery of a check, which could be read."""

    at: Location
    entry: DiscoveryEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetsReading(Generic[T_co]):
    """A check or a scrape with its targets and discoveries. `several` says that it may have more than one target."""

    entry: Entry[T_co]
    targets: list[TargetReading] = field(default_factory=list)
    discoveries: list[DiscoveryReading] = field(default_factory=list)
    several: bool = False

    @property
    def slowest(self) -> timedelta | None:
        """The longest interval of its targets; None where it could not be read."""
        keys = self.entry.keys
        if not keys.has("interval"):
            return None
        own = [target.keys.values.interval for target in self.targets if target.keys.has("interval")]
        return max([keys.values.interval, *filter(None, own)])


class CheckTargets:
    """Reads the targets of entries, after these, which are read with what `model_for` says.

    `what` is what an entry is called, and `keys` are those of a target, besides those of its kind.
    """

    def __init__(
        self,
        discoveries: Family,
        *,
        what: str = "probe",
        keys: type[TargetKeys] = TargetKeys,
        reader: Reader,
        report: Report,
    ) -> None:
        self._kinds = KindsOfOneSort(discoveries, what="discovery", report=report)
        self._what = what
        self._keys = keys
        self._reader = reader
        self._report = report

    def model_for(self, model: type[KindConfig], data: Mapping[str, object], at: Location) -> type[KindConfig]:
        """The keys of an entry with many targets are those of its kind without the target."""
        many = [key for key in MANY if key in data]
        if not many:
            return model
        if not issubclass(model, OneTarget):
            self._report.tell((*at, many[0]), "is nothing for probes of this type", "write a probe for each")
            return model
        if model.target_key in data:
            mend = f"write it as one of `targets`, or leave `{many[0]}` out"
            self._report.tell((*at, model.target_key), f"stands beside `{many[0]}`", mend)
        return untargeted(model)

    def read(self, entry: Entry[T]) -> TargetsReading[T]:
        """The targets of one entry; what is wrong with them is told."""
        keys = entry.keys
        written = keys.values.targets if keys.has("targets") else ()
        found = keys.values.targets_from if keys.has("targets_from") else ()
        several = keys.values.model_fields_set & {*MANY} != set()
        if not several:
            return TargetsReading(entry=entry)
        if not written and not found and keys.has(*MANY):
            self._report.tell(entry.at, "has no targets", "write some under `targets`, or `targets_from`")
        if len(written) > MOST_TARGETS:
            problem = f"are {len(written)} targets, more than the {MOST_TARGETS} that one {self._what} may have"
            self._report.tell((*entry.at, "targets"), problem, f"write several {self._what}s")
            written = ()
        targets = list(self._targets(entry, written))
        discoveries = [
            self._discovery(item, (*entry.at, "targets_from", index), entry) for index, item in enumerate(found)
        ]
        return TargetsReading(
            entry=entry, targets=targets, discoveries=[each for each in discoveries if each], several=True
        )

    def _targets(self, entry: Entry[T], written: tuple[object, ...]) -> Iterator[TargetReading]:
        model = type(entry.config) if isinstance(entry.config, OneTarget) else None
        first: dict[object, Location] = {}
        for index, item in enumerate(written):
            at = (*entry.at, "targets", index)
            if model is None:
                continue  # what is said of the probe comes first
            data = item if isinstance(item, Mapping) else {model.target_key: item}
            target = data.get(model.target_key)
            if isinstance(target, str):
                if target in first:
                    other = self._report.beside(at, first[target])
                    self._report.tell(at, f"{shown(target)} is a target already, {other}", "leave one of them out")
                first.setdefault(target, at)
            yield self._target(data, at, cast("OneTarget", entry.config), entry.own)

    def _target(
        self, data: Mapping[str, object], at: Location, common: OneTarget, shared: Mapping[str, object]
    ) -> TargetReading:
        model = type(common)
        apart = keys_of(self._keys)
        keys = self._reader.read(self._keys, {key: value for key, value in data.items() if key in apart}, at)
        own = {key: value for key, value in data.items() if key not in apart}
        target = own.get(model.target_key)
        if own.keys() == {model.target_key} and isinstance(target, str):
            return TargetReading(at=at, keys=keys, config=self._aimed(common, target, at))
        if model.target_key not in own:
            self._report.missing(at, model.target_key, f"add `{model.target_key}`, the target")
        config = self._reader.check(model, overridden(model, shared, own), at, beside=apart)
        return TargetReading(at=at, keys=keys, config=config)

    def _aimed(self, common: OneTarget, target: str, at: Location) -> KindConfig | None:
        try:
            return common.aimed_at(target)
        except ValidationError as error:
            place = self._report.existing(at, (type(common).target_key,))
            for found in error.errors(include_url=False):
                self._report.tell(place, *in_words(found, target))
        return None

    def _discovery(self, data: object, at: Location, check: Entry[T]) -> DiscoveryReading | None:
        common = keys_of(DiscoveryKeys)
        if not isinstance(data, Mapping):
            self._reader.read(DiscoveryKeys, data, at)
            return None
        keys = self._reader.read(DiscoveryKeys, {key: value for key, value in data.items() if key in common}, at)
        model = self._kinds.config(keys.values.type, at) if keys.has("type") else None
        own = {key: value for key, value in data.items() if key not in common}
        config = self._reader.check(model, own, at, beside=common) if model else None
        if config is None or not keys.has("format"):
            return None
        written = keys.values.format or ""
        if isinstance(config, AgentDiscovery):
            config = config.of_check(check.name, formatted=bool(written))
        entry = DiscoveryEntry(type=keys.values.type, config=config, format=written)
        if check.keys.has("run_by"):
            refuse_unfit(entry, at, check.config, run_by=check.keys.values.run_by, report=self._report)
        return DiscoveryReading(at=at, entry=entry)


def refuse_late_timeouts(probe: TargetsReading[T], report: Report) -> None:
    """A round of every target has to end before its next one begins."""
    common = probe.entry.keys
    for target in probe.targets:
        if not (target.keys.has("timeout", "interval") and common.has("timeout", "interval")):
            continue
        own = target.keys.values
        interval, timeout = own.interval or common.values.interval, own.timeout or common.values.timeout
        if timeout and timeout > interval and (own.interval or own.timeout):
            late, least = (duration_name(span.total_seconds()) for span in (timeout, interval))
            problem = f"{late} is longer than the interval {least}: a round has to end before the next one begins"
            at = (*target.at, "timeout" if own.timeout else "interval")
            report.tell(at, problem, f"write {least} or less, or a longer interval")


def refuse_late_extras(entry: Entry[CheckKeys], report: Report) -> None:
    """Extra rounds come between those of the rhythm."""
    keys = entry.keys.values
    if entry.keys.has("after_failure", "interval") and keys.after_failure is not None:
        often, usual = keys.after_failure.interval, keys.interval
        if often >= usual:
            name = duration_name(usual.total_seconds())
            problem = f"is no sooner than the next round, which comes every {name} anyway"
            report.tell((*entry.at, "after_failure", "interval"), problem, f"write less than {name}")
