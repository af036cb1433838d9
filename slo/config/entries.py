"""Reads lists of entries with a `type`: the keys that every entry has, and those of its kind."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from slo.config.identity import NamedKeys
from slo.config.names import Names
from slo.config.reading import Reader, Reading, keys_of
from slo.config.report import Location, Report
from slo.config.schema import EntryKeys
from slo.config.section import KindConfig
from slo.config.wrong import shown
from slo.errors import WatchkeepError

K = TypeVar("K", bound=NamedKeys)
K_co = TypeVar("K_co", bound=NamedKeys, covariant=True)
E = TypeVar("E", bound=EntryKeys)


class Family(Protocol):
    """The kinds that entries of a list may have, as `slo.kinds` knows them."""

    @property
    def names(self) -> Collection[str]:
        """Every kind, listed without importing any."""

    def config(self, name: str) -> type[KindConfig]:
        """The `Config` of a kind. Raises WatchkeepError where it cannot be had."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[K_co]):
    """One entry: its common keys as far as they could be read, and the config of its kind where it has no fault."""

    at: Location
    keys: Reading[K_co]
    config: KindConfig | None
    texts: frozenset[str]
    """Every text in an entry without a readable name: one of them may be meant as the name."""
    own: Mapping[str, object] = field(default_factory=dict)
    """The keys of its kind, as they are written."""

    @property
    def name(self) -> str:
        """The name, empty where it could not be read."""
        return self.keys.values.name if self.keys.has("name") else ""

    def whole(self) -> KindConfig:
        """The config of its kind, in a configuration without faults."""
        if self.config is None:
            raise ValueError(f"{self.at} has faults")
        return self.config


class KindsOfOneSort:
    """Finds the `Config` of a type; what is wrong with the type is told once."""

    def __init__(self, family: Family, *, what: str, report: Report) -> None:
        self._family = family
        self._names = frozenset(family.names)
        self._what = what
        self._report = report
        self._configs: dict[str, type[KindConfig] | None] = {}

    def config(self, kind: str, at: Location) -> type[KindConfig] | None:
        """The `Config` of the type of the entry at a location; None where it cannot be had."""
        if kind not in self._names:
            nearest = Names(self._names).nearest(kind)
            known = ", ".join(sorted(self._names)) or "none is installed"
            mend = f"did you mean {nearest}?" if nearest else f"the types are: {known}"
            self._report.tell((*at, "type"), f"{shown(kind)} is no type of {self._what}", mend)
            return None
        if kind not in self._configs:
            try:
                self._configs[kind] = self._family.config(kind)
            except WatchkeepError as error:
                self._configs[kind] = None
                self._report.tell((*at, "type"), f"the type {kind} cannot be used: {error}", "mend its package")
        return self._configs[kind]


ModelFor: TypeAlias = Callable[[type[KindConfig], Mapping[str, object], Location], type[KindConfig]]
"""What the keys of a kind are read with in an entry, whose keys are all given. What is wrong with these is told."""


class Entries(Generic[E]):
    """Reads one list, `probes` or `destinations`."""

    def __init__(
        self,
        model: type[E],
        family: Family,
        *,
        what: str,
        reader: Reader,
        report: Report,
        model_for: ModelFor = lambda model, _data, _at: model,
    ) -> None:
        self._model = model
        self._common = keys_of(model)
        self._kinds = KindsOfOneSort(family, what=what, report=report)
        self._what = what
        self._reader = reader
        self._report = report
        self._model_for = model_for

    def read(self, data: Sequence[object], at: Location) -> list[Entry[E]]:
        """The entries, in their order."""
        entries = [self._entry(item, (*at, index)) for index, item in enumerate(data)]
        refuse_twins([(entry.name, entry.at) for entry in entries], self._what, self._report)
        return entries

    def _entry(self, data: object, at: Location) -> Entry[E]:
        if not isinstance(data, Mapping):
            return Entry(at, self._reader.read(self._model, data, at), None, frozenset())
        common = {key: value for key, value in data.items() if key in self._common}
        keys = self._reader.read(self._model, common, at)
        model = self._kinds.config(keys.values.type, at) if keys.has("type") else None
        own = {key: value for key, value in data.items() if key not in self._common}
        config = None
        if model:
            config = self._reader.check(self._model_for(model, data, at), own, at, beside=self._common)
        else:
            self._misspelt(data, at)
        return Entry(at, keys, config, _texts(keys, data), own)

    def _misspelt(self, data: Mapping[str, object], at: Location) -> None:
        """Without a kind, its keys are not known: only keys that are nearly common ones can be told."""
        absent = Names(self._common - data.keys())
        for key in data.keys() - self._common:
            if absent.nearest(key):
                self._report.unknown(at, key, self._common)


def plain_entries(
    model: type[K],
    data: Sequence[object],
    at: Location,
    *,
    what: str,
    reader: Reader,
    report: Report,
    config: type[KindConfig] | None = None,
    model_for: ModelFor = lambda model, _data, _at: model,
) -> list[Entry[K]]:
    """The entries of a list that have no type: their keys are those of `model`, and of `config` where there is one.

    These are read with what `model_for` says.
    """
    entries = []
    known = keys_of(model)
    for index, item in enumerate(data):
        place = (*at, index)
        if config is None or not isinstance(item, Mapping):
            keys = reader.read(model, item, place)
            entries.append(Entry(place, keys, None, _texts(keys, item)))
            continue
        keys = reader.read(model, {key: value for key, value in item.items() if key in known}, place)
        own = {key: value for key, value in item.items() if key not in known}
        whole = reader.check(model_for(config, item, place), own, place, beside=known)
        entries.append(Entry(place, keys, whole, _texts(keys, item), own))
    refuse_twins([(entry.name, entry.at) for entry in entries], what, report)
    return entries


def _texts(keys: Reading[K], data: object) -> frozenset[str]:
    """Every text in an entry whose name could not be read; none where it could."""
    if keys.has("name") or not isinstance(data, Mapping):
        return frozenset()
    return frozenset(value for value in data.values() if isinstance(value, str))


def refuse_twins(names: Sequence[tuple[str, Location]], what: str, report: Report) -> None:
    """Tell of every name that an earlier entry has as well; an empty name is none."""
    first: dict[str, Location] = {}
    for name, at in names:
        if name and name in first:
            other = report.beside(at, first[name])
            report.tell((*at, "name"), f"{name} is the name of another {what} too, {other}", "give it another name")
        first.setdefault(name, at)
