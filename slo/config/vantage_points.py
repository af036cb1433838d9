"""Reads the vantage points of probes, and whether what is said of quorums can be."""

from collections.abc import Mapping, Sequence

from slo.config.aimed import overridden
from slo.config.entries import Entry, refuse_twins
from slo.config.reading import Reader
from slo.config.report import Location, Report
from slo.config.schema import ProbeKeys, VantagePointKeys
from slo.config.section import KindConfig

VantagePoints = Mapping[str, KindConfig]
"""How a probe looks at its target from each vantage point, by the names of these."""


def read_vantage_points(
    probes: Sequence[Entry[ProbeKeys]], *, reader: Reader, report: Report
) -> dict[Location, VantagePoints]:
    """The vantage points of each probe that has some, by its place; what is wrong with them is told."""
    found: dict[Location, VantagePoints] = {}
    for entry in probes:
        written = entry.keys.values.vantage_points if entry.keys.has("vantage_points") else ()
        if written:
            found[entry.at] = _read(entry, written, reader, report)
        _refuse_unreachable(entry, len(written), report)
    return found


def _read(entry: Entry[ProbeKeys], written: Sequence[object], reader: Reader, report: Report) -> dict[str, KindConfig]:
    configs, names = {}, []
    for index, item in enumerate(written):
        at = (*entry.at, "vantage_points", index)
        data = item if isinstance(item, Mapping) else None
        keys = reader.read(
            VantagePointKeys, item if data is None else {k: v for k, v in data.items() if k == "name"}, at
        )
        own = {} if data is None else {key: value for key, value in data.items() if key != "name"}
        config = _config(entry, own, at, reader, report)
        if keys.has("name"):
            names.append((keys.values.name, at))
            if config is not None:
                configs[keys.values.name] = config
    refuse_twins(names, "vantage point of this probe", report)
    return configs


def _config(
    entry: Entry[ProbeKeys], own: Mapping[str, object], at: Location, reader: Reader, report: Report
) -> KindConfig | None:
    """The keys of the probe with those of a vantage point in their place; None where the probe has faults itself."""
    if entry.config is None:
        return None
    model = type(entry.config)
    target = getattr(model, "target_key", "")
    if target in own:
        report.tell((*at, target), "is another target: vantage points look at one", "write a probe of its own for it")
        return None
    return reader.check(model, overridden(model, entry.own, own), at, beside=("name",))


def _refuse_unreachable(entry: Entry[ProbeKeys], count: int, report: Report) -> None:
    quorum = entry.keys.values.quorum if entry.keys.has("quorum", "vantage_points") else None
    if quorum is None:
        return
    if not count:
        report.tell((*entry.at, "quorum"), "needs vantage points", "add `vantage_points`, or leave it out")
    elif quorum > count:
        report.tell((*entry.at, "quorum"), f"can never be reached by {count} vantage points", f"write {count} or less")
