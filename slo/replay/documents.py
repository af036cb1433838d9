"""Transitions and reports of a replay, as the documents that `watchkeep replay --json` prints one a line."""

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.core.status import BudgetFigures, SLOStatus
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
    """The figures of an SLO at the end: the windows of its policy, and its budgets."""
    more = status.budgets[1:]
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
        "budget": _budget(status.budget),
        **({"more_budgets": [_budget(each) for each in more]} if more else {}),
    }


def _budget(figures: BudgetFigures) -> Document:
    return {
        "window": figures.window,
        **({"period": figures.period} if figures.period else {}),
        "good": figures.good,
        "bad": figures.bad,
        "sli": figures.sli,
        "remaining": figures.remaining,
        "coverage": figures.coverage,
        "raw": raw_document(figures.raw),
    }


def _identity(slo: SLO) -> Document:
    return {"slo": slo.name, "scope": slo.scope} if slo.scope else {"slo": slo.name}
