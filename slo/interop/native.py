"""Writes SLOs as the YAML of this project's own configuration, with comments that say where they come from."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from fractions import Fraction
from typing import Any

import yaml

from slo.config.schema import StoreKeys
from slo.core.budgeting import Budgeting, Method
from slo.core.calendar import CalendarWindow
from slo.core.duration import duration_name
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.sli import CountersSLI, PrometheusSLI, Weighted
from slo.core.slo import SLO, Window
from slo.interop.fitting import SHORTEST, SHORTEST_OF_COUNTERS, default_policy, share_text
from slo.interop.imported import Entry, Import
from slo.interop.layout import ENDLESS, Dumper
from slo.interop.server import Server

_RETENTION = StoreKeys().retention


class _Inline(dict[str, object]):
    """A mapping that is written on one line."""


class _Dumper(Dumper):
    """Writes short mappings on one line as well."""


def _inline(dumper: _Dumper, data: _Inline) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)


_Dumper.add_representer(_Inline, _inline)


def document(imported: Import) -> dict[str, Any]:
    """The configuration as plain data, which loads as the SLOs that were imported."""
    longest = max(_longest(window) for slo in imported.slos for window in slo.budget_windows)
    store = {"store": _Inline(retention=_name(longest))} if longest > _RETENTION else {}
    servers = {"servers": [_server(server) for server in used]} if (used := _used(imported)) else {}
    asked = {slo.name for slo in imported.slos if isinstance(slo.definition, PrometheusSLI)}
    return {**store, **servers, "slos": [_slo(slo, asked) for slo in imported.slos]}


def rendered(imported: Import, title: str) -> str:
    """The configuration as a file, with every note beside what it is about. `title` is its first line."""
    whole = document(imported)
    lines = [_comment(title), *(_comment(str(note)) for note in imported.notes)]
    if "store" in whole:
        lines += ["", *_yaml({"store": whole["store"]})]
    if any(isinstance(slo.definition, CountersSLI) for slo in imported.slos):
        lines.append("# Its counters are for `rules` and `replay`. To run it, add the scrapes that have them.")
    lines += ["", "servers:"] if "servers" in whole else []
    for server in _used(imported):
        if server.assumed:
            lines.append("  # No file says where it is: say it with --server-url.")
        lines += _item(_server(server))
    lines += ["", "slos:"]
    written = {item["name"]: item for item in whole["slos"]}
    for entry in imported.entries:
        lines += [*_entry(entry, written.get(entry.name) if entry.slo else None), ""]
    return "\n".join(lines)


def _used(imported: Import) -> Sequence[Server]:
    names = {slo.definition.server for slo in imported.slos if isinstance(slo.definition, PrometheusSLI)}
    return [imported.servers[name] for name in sorted(names)]


def _entry(entry: Entry, written: object) -> Iterator[str]:
    yield f"  {_comment(f'{entry.name}, {entry.origin}' + ('' if entry.slo else ', is left out'))}"
    for note in sorted(entry.notes):
        yield f"  {_comment(str(note))}"
    if written:
        yield from _item(written)


def _server(server: Server) -> dict[str, object]:
    return {"name": server.name, "url": _escaped(server.url)}


def _slo(slo: SLO, asked: AbstractSet[str]) -> dict[str, object]:
    """An SLO; `asked` are the names of those that a server is asked for."""
    written = {
        "name": slo.name,
        "objective": share_text(slo.objective),
        "window": _window(slo.calendar or slo.window),
        "sli": _sli(slo),
        "budgeting": _budgeting(slo.budgeting),
        "burn_policy": _policy(slo, asked),
        "labels": {key: _escaped(value) for key, value in slo.labels.items()},
        "description": _escaped(slo.description),
    }
    return {key: value for key, value in written.items() if value}


def _sli(slo: SLO) -> dict[str, object]:
    match slo.definition:
        case PrometheusSLI(server=server, total=total, part=part, part_is=part_is):
            return {"prometheus": {"server": server, "total": _escaped(total), part_is: _escaped(part)}}
        case CountersSLI(total=counters, part=some, part_is=some_is):
            return {"counters": {"total": _escaped(str(counters)), some_is: _escaped(str(some))}}
        case Weighted(weights=weights):
            return {"weighted": {name: _number(weight) for name, weight in weights}}
    raise ValueError(f"{slo.sli} is nothing that is imported")


def _budgeting(budgeting: Budgeting) -> dict[str, object] | None:
    length = {"method": str(budgeting.method), "slice": _name(budgeting.slice)}
    match budgeting.method:
        case Method.OCCURRENCES:
            return None
        case Method.RATIO_TIMESLICES:
            return _Inline(length)
        case Method.TIMESLICES:
            return _Inline(length, target=share_text(budgeting.target))


def _policy(slo: SLO, asked: AbstractSet[str]) -> object:
    """The policy by its name, nothing where it is the default of such an SLO, or else its pairs."""
    days = "28d" if slo.window == timedelta(days=28) else "30d"
    if slo.pairs == POLICIES[f"google-{days}"]:
        return f"google-{days}"
    members = {name for name, _ in slo.definition.weights} if isinstance(slo.definition, Weighted) else {slo.name}
    default = default_policy(slo.window, shortest=SHORTEST if members & asked else SHORTEST_OF_COUNTERS)
    if slo.pairs == default and any(pair.severity is Severity.PAGE for pair in slo.pairs):
        return None
    return [_pair(pair) for pair in slo.pairs]


def _pair(pair: Pair) -> dict[str, object]:
    hold = {"for": _name(pair.hold)} if pair.hold else {}
    return _Inline(
        long=_name(pair.long),
        short=_name(pair.short),
        budget=share_text(pair.budget),
        severity=str(pair.severity),
        **hold,
    )


def _window(window: Window) -> object:
    if isinstance(window, CalendarWindow):
        return _Inline(calendar=str(window.period), zone=window.zone)
    return _name(window)


def _longest(window: Window) -> timedelta:
    return window.longest if isinstance(window, CalendarWindow) else window


def _name(span: timedelta) -> str:
    return duration_name(span.total_seconds())


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _escaped(value: str) -> str:
    """The text as a configuration has it, where a dollar begins a variable."""
    return value.replace("$", "$$")


def _item(data: object) -> list[str]:
    return [f"  {line}" if line else "" for line in _yaml([data])]


def _yaml(data: object) -> list[str]:
    dumped: Any = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=ENDLESS)
    return str(dumped).rstrip("\n").split("\n")


def _comment(text: str) -> str:
    """The text as a comment on one line, without anything that would end it."""
    return "# " + "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
