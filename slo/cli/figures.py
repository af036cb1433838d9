"""Documents of the API (docs/api.md) as the tables and lines that people read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from slo.cli.output import Cell, Part, Table, Tone
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
        columns=("priority", "incident", "slo", "status", "opened", "summary"),
        rows=[
            (
                incident["priority"],
                incident["id"],
                _slo_of(incident),
                _status(incident),
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
        head = f"{incident['priority']} incident {incident['id']} {_slo_of(incident)}: {status.text}"
        lines += [Cell(head, status.tone), f"   {_when(incident['opened_at'])}", f"   {_text(_summary(incident))}"]
    return lines


def _slo_of(incident: Document) -> str:
    return slo_key(incident["slo"], incident["scope"])


def _summary(incident: Document) -> str | Cell:
    refused = "; ".join(incident["refused"])
    return Cell(f"NOT TOLD: {refused}. {incident['summary']}", Tone.DOWN) if refused else incident["summary"]


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _status(incident: Document) -> Cell:
    status = incident["status"]
    by = incident["acknowledged_by"] if status == "acknowledged" else incident["resolved_by"]
    return Cell(f"{status} by {by}" if by and status != "triggered" else status, STATUS_TONES[status])


def incident_parts(incident: Document) -> list[Part]:
    """One incident with its evidence, its timeline and what was sent about it."""
    evidence = incident["evidence"]
    reason = ": ".join(part for part in (evidence["reason"], evidence["detail"]) if part)
    why = " at ".join(part for part in (reason, evidence["target"]) if part)
    identity = f"Incident {incident['id']} of SLO {_slo_of(incident)}, opened {_when(incident['opened_at'])}"
    parts: list[Part] = [
        Cell(f"{incident['priority']} {incident['status']}: {incident['summary']}", STATUS_TONES[incident["status"]]),
        f"{identity}; {fires(incident['firing'])}.",
    ]
    if evidence["objective"] is not None:
        remaining, coverage = (percent(evidence[name], digits=1) for name in ("remaining", "coverage"))
        figures = (
            f"SLI {percent(evidence['sli'])} of {percent(evidence['objective'])} over {evidence['window']}, "
            f"budget left {remaining}, coverage {coverage}"
        )
        parts.append(f"{figures}; last bad outcome: {why}." if why else f"{figures}.")
    if report := evidence["report"]:
        parts.append(f"Reported: {report['description'] or report['summary']}")
        links = (("Runbook", report["runbook_url"]), ("Where the alert comes from", report["source_url"]))
        parts += [f"{name}: {url}" for name, url in links if url]
    parts += [Cell(f"NOT TOLD: {refusal}", Tone.DOWN) for refusal in incident["refused"]]
    if incident["labels"]:
        parts.append("Labels: " + ", ".join(f"{name}={value}" for name, value in incident["labels"].items()))
    parts.append(
        Table(
            title="Timeline",
            columns=("number", "at", "event", "what"),
            rows=[(str(e["number"]), _when(e["at"]), e["event"], told(e)) for e in incident["events"]],
            numeric=frozenset({"number"}),
        )
    )
    if incident["deliveries"]:
        parts.append(
            Table(
                title="Deliveries",
                columns=("destination", "action", "state", "attempts", "last reason", "next attempt"),
                rows=[_delivery_row(delivery) for delivery in incident["deliveries"]],
                numeric=frozenset({"attempts"}),
            )
        )
    return parts


def told(event: Document) -> str:
    """One event of a timeline in a few words."""
    match event["event"]:
        case "opened":
            return f"{event['priority']}: {event['summary']}"
        case "firing_changed":
            return fires(event["firing"])
        case "raised":
            return f"to {event['priority']}: {event['why']}"
        case "paged":
            return f"generation {event['generation']}, key {event['key']}"
        case "page_cleared":
            return f"key {event['key']}"
        case "acknowledged":
            return f"by {event['by']} via {event['via']}"
        case "resolved":
            return f"by {event['by'] or 'the watch'}" + (f": {event['why']}" if event["why"] else "")
        case "sent_directly":
            return f"to {event['destination']}, while the journal could not be written"
    return ""


def fires(firing: Sequence[Document]) -> str:
    """`fires: page 1h/5m, ticket 3d/6h`, or that nothing does."""
    if not firing:
        return "nothing fires"
    return "fires: " + ", ".join(f"{pair['severity']} {_cause(pair)}" for pair in firing)


def _cause(pair: Document) -> str:
    if pair["alert"]:
        return f"alert {pair['alert']}"
    return f"{pair['long']}/{pair['short']}" if pair["long"] else "SLI lost its data"


def _delivery_row(delivery: Document) -> Sequence[str | Cell]:
    state = delivery["state"]
    return (
        delivery["destination"],
        delivery["action"],
        Cell(state, Tone.DOWN) if state == "refused" else state,
        str(delivery["attempts"]),
        ": ".join(part for part in (delivery["last_reason"], delivery["last_detail"]) if part),
        _when(delivery["not_before"]) if delivery["not_before"] else "",
    )


def _when(text: str) -> str:
    return minute(datetime.fromisoformat(text))
