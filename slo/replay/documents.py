"""Transitions and reports of a replay, as the documents that `watchkeep replay --json` prints one a line."""

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.replay.replay import Transition
from slo.web.documents import Document, raw_document, time_text


def transition_document(transition: Transition) -> Document:
    """A severity that began to fire, or was resolved; burn rates are those of the pair that is named."""
    return {
        "event": "alert",
        "at": time_text(transition.at),
        **_identity(transition.slo),
        "severity": transition.severity.value,
        "state": "firing" if transition.firing else "resolved",
        "long": transition.pair.long,
        "short": transition.pair.short,
        "burn_long": transition.burn_long,
        "burn_short": transition.burn_short,
    }


def report_document(status: SLOStatus) -> Document:
    """The figures of an SLO at the end: the windows of its policy, and its budget."""
    budget = status.budget
    of_policy = {duration_name(w.total_seconds()) for pair in status.slo.pairs for w in (pair.long, pair.short)}
    return {
        "event": "report",
        "at": time_text(status.at),
        **_identity(status.slo),
        "windows": {
            figures.window: {
                "good": figures.good,
                "bad": figures.bad,
                "unknown": figures.unknown,
                "excluded": figures.excluded,
                "burn_rate": figures.burn_rate,
                "sli": figures.sli,
                "coverage": figures.coverage,
                "raw": raw_document(figures.raw),
            }
            for figures in status.windows
            if figures.window in of_policy
        },
        "budget": {
            "window": budget.window,
            "good": budget.good,
            "bad": budget.bad,
            "sli": budget.sli,
            "remaining": budget.remaining,
            "coverage": budget.coverage,
            "raw": raw_document(budget.raw),
        },
    }


def _identity(slo: SLO) -> Document:
    return {"slo": slo.name, "scope": slo.scope} if slo.scope else {"slo": slo.name}
