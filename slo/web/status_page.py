"""How every SLO stands, as the first page says it: all of them together in a few words, and each in a row."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from slo.core.duration import duration_name
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.core.sli import CheckSLI
from slo.core.status import SLOStatus
from slo.web.words import STATES, maturity, spent_in

ALARMING = ("overspent", "burning", "no_data", "ok")
"""The states by their colours, the one that alarms most first."""


def overall(statuses: Sequence[SLOStatus], open_incidents: Sequence[Incident] = ()) -> str:
    """The state of everything: the worst of the SLOs and of what people have to work on.

    An open P0, and one that nobody has answered in time, is as bad as it gets, whatever the figures say.
    """
    states = {status.state for status in statuses}
    for incident in open_incidents:
        unanswered = incident.missed_at is not None and incident.responded_at is None
        states.add("overspent" if unanswered or incident.priority is Priority.P0 else "burning")
    return next((state for state in ALARMING if state in states), "no_data")


def headline(statuses: Sequence[SLOStatus], open_incidents: Sequence[Incident] = ()) -> str:
    """The state of everything in a few words, what needs people most first: `1 P0 open, 1 burning, 7 up`.

    An incident that somebody else's alert or a person opened has no SLO that would show it, so they are counted too.
    """
    counts = Counter(status.state for status in statuses)
    priorities = Counter(incident.priority for incident in open_incidents)
    if not priorities and set(counts) == {"ok"}:
        return "All up"
    parts = [f"{priorities[priority]} {priority} open" for priority in Priority if priorities[priority]]
    parts += [f"{counts[state]} {word.lower()}" for state, word in STATES.items() if counts[state]]
    return ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts) or "No SLOs"


def slo_row(status: SLOStatus) -> dict[str, object]:
    """What the page shows of one SLO."""
    slo, budget = status.slo, status.budget
    troubled = status.state in {"burning", "no_data"}
    return {
        "state": status.state,
        "name": slo.key,
        "url": f"/api/v1/slos/{quote(slo.key, safe='')}",
        "labels": ", ".join(f"{name}={value}" for name, value in slo.labels.items()),
        "objective": float(slo.objective),
        "sli": budget.sli,
        "remaining": budget.remaining,
        "raw": budget.raw,
        "excluded": duration_name(budget.excluded_seconds),
        "soon": spent_in(budget.exhaustion, status.at),
        "overspent": budget.remaining is not None and budget.remaining < 0,
        "other_budgets": [(other.period or other.window, other.remaining) for other in status.budgets[1:]],
        "burn_rates": _burn_rates(status),
        "maturity": maturity(status.maturity_seconds, budget.seconds),
        "reason": status.last_reason if troubled else "",
        "target": status.last_target,
        "probe": slo.definition.check if isinstance(slo.definition, CheckSLI) else "",
    }


def _burn_rates(status: SLOStatus) -> list[tuple[str, float]]:
    """The burn rates that alerts look at: those of the windows before the SLO's own, where there is data."""
    return [
        (figures.window, figures.burn_rate)
        for figures in status.windows
        if figures.burn_rate is not None and figures.seconds < status.budget.seconds
    ]
