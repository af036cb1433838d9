"""Measures as columns of Kibana's Lens, over the documents that the forwarder `elk` writes.

Counts of SLIs are `slo.counts.*` of each slot, and are summed; every other metric is below `metrics`, one document for
each set of labels at a moment. A counter's rate is therefore of one series: what tells a panel's series apart has to be
all labels of its counters. Source of the columns: what Kibana 8.9 exports.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from slo.core.telemetry import Json
from slo.interop.dashboards.measures import ON_LIGHT, Band, Curve, Level, Rise, Share, Unit
from slo.interop.dashboards.slos import BAD, GOOD, UNKNOWN

Columns: TypeAlias = dict[str, Json]

COUNTS: Mapping[str, str] = {GOOD: "slo.counts.good", BAD: "slo.counts.bad", UNKNOWN: "slo.counts.unknown"}
"""The fields of the metrics that are told as counts of slots."""

NOW = "5m"
"""How far back a table looks for what is now: metrics come every minute by default."""

MOST_LINES, MOST_ROWS = 50, 100

_FORMATS: Mapping[Unit, Json] = {
    Unit.RATIO: {"id": "percent", "params": {"decimals": 3}},
    Unit.SECONDS: {"id": "number", "params": {"decimals": 3, "suffix": " s"}},
    Unit.BYTES: {"id": "bytes", "params": {"decimals": 1}},
    Unit.TIMES: {"id": "number", "params": {"decimals": 2, "suffix": "x"}},
    Unit.COUNT: {"id": "number", "params": {"decimals": 0}},
    Unit.PER_SECOND: {"id": "number", "params": {"decimals": 3, "suffix": "/s"}},
}


def field(metric: str) -> str:
    """Where a metric's values are."""
    return COUNTS.get(metric) or f"metrics.{metric}"


def time_column() -> Json:
    """The times of a chart."""
    return {
        "label": "@timestamp",
        "dataType": "date",
        "operationType": "date_histogram",
        "sourceField": "@timestamp",
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def series_column(by: Sequence[str], most: int) -> Json:
    """What tells series or rows apart: the values of these labels together."""
    first, *others = (f"labels.{label}" for label in by)
    params: dict[str, Json] = {
        "size": most,
        "orderBy": {"type": "alphabetical", "fallback": False},
        "orderDirection": "asc",
        "otherBucket": False,
        "missingBucket": False,
        "parentFormat": {"id": "multi_terms" if others else "terms"},
    }
    if others:
        params["secondaryFields"] = others
    return {
        "label": ", ".join(by),
        "customLabel": True,
        "dataType": "string",
        "operationType": "terms",
        "sourceField": first,
        "isBucketed": True,
        "scale": "ordinal",
        "params": params,
    }


def static_column(value: float, label: str) -> Json:
    """A line across a chart."""
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "static_value",
        "isStaticValue": True,
        "isBucketed": False,
        "scale": "ratio",
        "params": {"value": f"{value:g}"},
        "references": [],
    }


def value_columns(name: str, curve: Curve, *, now: bool) -> Columns:
    """The column `name` of a curve, and the columns that it is worked out from.

    With `now` it is for a table. Raises TypeError for a measure that Lens has no words for.
    """
    format_ = _FORMATS[Unit.COUNT if curve.words else curve.unit]
    match curve.measure:
        case Level(metric, worst):
            own = _own(curve, "min" if worst == "min" else "max", format_) | {"sourceField": field(metric)}
            return {name: own | ({"reducedTimeRange": NOW} if now else {})}
        case Rise(metric) if metric in COUNTS:
            return {name: _own(curve, "sum", format_) | {"sourceField": field(metric), "timeScale": "s"}}
        case Rise(metric):
            return _rate(f"{name}X", 0, metric) | {
                name: _own(curve, "counter_rate", format_) | {"references": [f"{name}X0"], "timeScale": "s"}
            }
        case Share():
            return _share(name, curve, curve.measure, format_)
        case _:
            raise TypeError(f"Lens has no words for {curve.measure}")


def palette(bands: Sequence[Band]) -> Json:
    """The colours of a table's values: the first band reaches down without end, the last one up."""
    starts = [band.start for band in bands]
    colours = [ON_LIGHT[band.word.tone] for band in bands]
    ends = [*starts[1:], (starts[-1] or 0.0) + 1.0]
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "progression": "fixed",
            "rangeType": "number",
            "rangeMin": None,
            "rangeMax": None,
            "continuity": "all",
            "reverse": False,
            "steps": len(bands),
            "maxSteps": 5,
            "stops": [{"color": colour, "stop": end} for colour, end in zip(colours, ends, strict=True)],
            "colorStops": [{"color": colour, "stop": start} for colour, start in zip(colours, starts, strict=True)],
        },
    }


def _own(curve: Curve, operation: str, format_: Json) -> dict[str, Json]:
    return {**_number(curve.label, operation), "params": {"emptyAsNull": True, "format": format_}}


def _number(label: str, operation: str) -> dict[str, Json]:
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": operation,
        "isBucketed": False,
        "scale": "ratio",
    }


def _rate(prefix: str, number: int, metric: str) -> Columns:
    """The column that a counter's rate is taken of."""
    part = _number(f"Part of {metric}", "max")
    return {f"{prefix}{number}": part | {"sourceField": field(metric), "params": {"emptyAsNull": True}}}


def _share(name: str, curve: Curve, share: Share, format_: Json) -> Columns:
    """A formula, and its terms: one column for each counter's growth, one for the arithmetic."""
    columns: Columns = {}
    texts, ids = list[str](), list[Json]()
    for metric in (share.part, *share.whole):
        text, found = _growth(f"{name}X", len(columns), metric)
        columns |= found
        texts.append(text)
        ids.append(list(found)[-1])
    total, whole = texts[1], ids[1]
    formula = f"{texts[0]} / {total}"
    if len(ids) > 2:
        total = " + ".join(texts[1:])
        formula = f"{texts[0]} / ({total})"
        whole = _function("add", ids[1:], total, formula.index(total))
    arithmetic = f"{name}X{len(columns)}"
    columns[arithmetic] = _number(f"Part of {curve.label}", "math") | {
        "references": ids,
        "params": {"tinymathAst": _function("divide", [ids[0], whole], formula, 0)},
    }
    formula_params: Json = {"formula": formula, "isFormulaBroken": False, "format": format_}
    columns[name] = _number(curve.label, "formula") | {"references": [arithmetic], "params": formula_params}
    return columns


def _growth(prefix: str, number: int, metric: str) -> tuple[str, Columns]:
    """What a counter grew by, as text of a formula and as the columns that it becomes; the last of them has it."""
    if metric in COUNTS:
        summed = _number(f"Part of {metric}", "sum") | {"sourceField": field(metric), "params": {"emptyAsNull": False}}
        return f"sum({field(metric)})", {f"{prefix}{number}": summed}
    rated = _number(f"Part of {metric}", "counter_rate") | {"references": [f"{prefix}{number}"], "timeScale": "s"}
    return f"counter_rate(max({field(metric)}))", _rate(prefix, number, metric) | {f"{prefix}{number + 1}": rated}


def _function(name: str, arguments: Sequence[Json], text: str, start: int) -> Json:
    """A call in the syntax tree of a formula."""
    location: Json = {"min": start, "max": start + len(text)}
    return {"type": "function", "name": name, "args": arguments, "location": location, "text": text}
