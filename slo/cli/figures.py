"""Documents of the API (docs/api.md) as the tables and lines that people read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from slo.cli.output import Cell, Part, Table, Tone
from slo.core.incident import REPORTED
from slo.core.slo import slo_key
from slo.web.words import NOTHING, STATES, burn, maturity, minute, percent, spent_in

Document: TypeAlias = Mapping[str, Any]
"""JSON, as docs/api.md describes it."""

WIDE = ("state", "slo", "objective", "sli", "budget left", "burn rate", "coverage", "incident")
NARROW = ("state", "slo", "budget left", "fastest burn", "incident")

TONES = {"burning": Tone.BURNING, "overspent": Tone.DOWN, "no_data": Tone.FAINT, "ok": Tone.GOOD}
STATUS_TONES = {"triggered": Tone.DOWN, "acknowledged": Tone.BURNING, "resolved": Tone.GOOD}


def slo_table(slos: Iterable[Document], *, narrow: bool = False) -> Table:
    """Every SLO in a row, what needs people most first; `narrow` leaves out what a small terminal has no room for."""
    order = list(STATES)
    columns = NARROW if narrow else WIDE
    return Table(
        columns=columns,
        rows=[
            [cells[column] for column in columns]
            for cells in (_cells(slo) for slo in sorted(slos, key=lambda slo: order.index(slo["state"])))
        ],
        numeric=frozenset({"objective", "sli", "budget left"}),
    )


def _cells(slo: Document) -> Mapping[str, str | Cell]:
    rates = {
        name: window["burn_rate"]
        for name, window in slo["windows"].items()
        if window["burn_rate"] is not None and window["seconds"] < slo["window_seconds"]
    }
    fastest = max(rates, key=lambda name: rates[name], default=None)
    raw, exhaustion = slo["budget"]["raw"], slo["budget"]["exhaustion"]
    at = datetime.fromisoformat(slo["at"])
    soon = spent_in(datetime.fromisoformat(exhaustion) if exhaustion else None, at)
    left = ", ".join(
        [percent(slo["budget"]["remaining"], digits=1)]
        + ([soon] if soon else [])
        + ([f"raw {percent(raw['remaining'], digits=1)}"] if raw else [])
        + [
            f"{other['period'] or other['window']} {percent(other['remaining'], digits=1)}"
            for other in slo["budgets"][1:]
        ]
    )
    return {
        "state": Cell(STATES[slo["state"]], TONES[slo["state"]]),
        "slo": slo["key"],
        "objective": percent(slo["objective"]),
        "sli": percent(slo["sli"]),
        "budget left": Cell(left, Tone.DOWN) if overspent(slo) else left,
        "burn rate": ", ".join(f"{name} {burn(rate)}" for name, rate in rates.items()) or NOTHING,
        "fastest burn": f"{fastest} {burn(rates[fastest])}" if fastest else NOTHING,
        "coverage": maturity(slo["maturity_seconds"], slo["window_seconds"]),
        "incident": slo["incident"] or "",
    }


def overspent(slo: Document) -> bool:
    """Whether more than the whole of any of its budgets is spent."""
    return any(budget["remaining"] is not None and budget["remaining"] < 0 for budget in slo["budgets"])


def incident_table(incidents: Iterable[Document], *, title: str = "") -> Table:
    """Incidents in a row each, in the order given. What was refused of them stands before the summary."""
    return Table(
        title=title,
        columns=("priority", "incident", "slo", "status", "response", "opened", "summary"),
        rows=[
            (
                incident["priority"],
                incident["id"],
                slo_of(incident),
                _status(incident),
                _clock(incident),
                _when(incident["opened_at"]),
                _summary(incident),
            )
            for incident in incidents
        ],
    )


def incident_lines(incidents: Iterable[Document], *, title: str = "") -> list[Part]:
    """The same for a terminal that has no room for a table: three lines an incident."""
    lines: list[Part] = [title] if title else []
    for incident in incidents:
        status = _status(incident)
        head = f"{incident['priority']} incident {incident['id']} {slo_of(incident)}: {status.text}"
        clock = _text(_clock(incident))
        opened = f"   {_when(incident['opened_at'])}" + (f", response {clock}" if clock else "")
        lines += [Cell(head, status.tone), opened, f"   {_text(_summary(incident))}"]
    return lines


def slo_of(incident: Document) -> str:
    """The key of the SLO that an incident is about; `reported` where a person opened it."""
    if incident["slo"] == REPORTED:
        return REPORTED
    return slo_key(incident["slo"], incident["scope"])


def _summary(incident: Document) -> str | Cell:
    refused = "; ".join(incident["refused"])
    return Cell(f"NOT TOLD: {refused}. {incident['summary']}", Tone.DOWN) if refused else incident["summary"]


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _clock(incident: Document) -> str | Cell:
    """Where the response clock stands; empty where nobody knows the contract."""
    response = incident["response"]
    if response is None:
        return ""
    if response["missed_at"]:
        return Cell("MISSED", Tone.DOWN)
    if incident["responded_at"]:
        return "in time"
    return Cell(f"due {_when(response['due'])}", Tone.BURNING)


def _status(incident: Document) -> Cell:
    status = incident["status"]
    by = incident["acknowledged_by"] if status == "acknowledged" else incident["resolved_by"]
    return Cell(f"{status} by {by}" if by and status != "triggered" else status, STATUS_TONES[status])


def fires(firing: Sequence[Document]) -> str:
    """`fires: page 1h/5m, ticket 3d/6h`, or that nothing does."""
    if not firing:
        return "nothing fires"
    return "fires: " + ", ".join(f"{pair['severity']} {_cause(pair)}" for pair in firing)


def _cause(pair: Document) -> str:
    if pair["alert"]:
        return f"alert {pair['alert']}"
    return f"{pair['long']}/{pair['short']}" if pair["long"] else "SLI lost its data"


def _when(text: str) -> str:
    return minute(datetime.fromisoformat(text))
