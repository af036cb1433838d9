"""Summaries: what is the matter, in one sentence that is understood at three in the morning."""

from collections.abc import Iterator

from slo.core.alert import Alert, Cause, Evidence, FiringPair, worst
from slo.core.delivery import Message
from slo.core.eta import ETA
from slo.core.incident import Incident

SUMMARY_LIMIT = 1024
"""The longest summary that PagerDuty takes, in characters."""

SCOPE_LIMIT = 200
"""How much of a scope is in a summary, in characters."""

REPORT_LIMIT = 120
"""How much of what a person reported stands before something else that must be read, in characters."""


def burning(alert: Alert) -> str:
    """How fast the budget burns, what share of the newest events failed and why the last did; or that data is lost.

    What others report is said in their words. Otherwise it is told of the pair with the highest burn rate among the
    most urgent that fire, by its short window: what is now.
    """
    subject = _subject(alert.slo, *_about(alert))
    if alert.evidence.report is not None:
        return one_line(f"{subject}: {alert.evidence.report.summary}")
    pair = _telling(alert.firing, alert.evidence)
    burn = alert.evidence.burn_rates.get(pair.short) if pair else None
    objective = alert.evidence.objective
    if pair is not None and pair.cause is Cause.LOST_DATA:
        sentence = f"{subject}: its SLI lost its data"
    elif pair is None or burn is None or objective is None:
        sentence = f"{subject} burns its budget too fast"
    else:
        failed = min(100.0, 100 * burn * (1 - objective))
        sentence = f"{subject} burns {_figure(burn)}x its budget: {_figure(failed)} % of the last {pair.short} failed"
    return one_line(f"{sentence} ({why})" if (why := reason(alert.evidence)) else sentence)


def reason(evidence: Evidence) -> str:
    """Why the last event failed, as in `status: 500, not 200, at http://...`; empty where nothing is known."""
    if not evidence.reason:
        return ""
    detail = f": {evidence.detail}," if evidence.detail else ""
    return f"{evidence.reason}{detail}{f' at {evidence.target}' if evidence.target else ''}".rstrip(",")


def promised(eta: ETA) -> str:
    """`recovery expected at 2026-01-01 05:00 UTC (medium confidence), next update by 04:30 UTC`."""
    if eta.recover_at is None:
        expected = "nobody knows yet when it will have recovered"
    else:
        expected = f"recovery expected at {eta.recover_at:%Y-%m-%d %H:%M} UTC ({eta.confidence} confidence)"
    return f"{expected}, next update by {eta.next_update_at:%H:%M} UTC" if eta.next_update_at else expected


def where_of(message: Message) -> str:
    """Whose incident it is, and where: `acme, production`; empty where nobody said."""
    return ", ".join(value for label in ("customer", "environment") if (value := message.labels.get(label)))


def subject_of(incident: Incident) -> str:
    """What an incident is about, as the subject of a sentence: its SLO, or what a person reported."""
    reported = f"incident {incident.id} ({one_line(incident.summary, REPORT_LIMIT)})"
    return reported if incident.human else incident.slo


def over(subject: str, *, by: str, why: str) -> str:
    """That an incident is resolved: by whom, where a person did it, and why."""
    return one_line(f"{subject} is resolved{f' by {by}' if by else ''}{f': {why}' if why else ''}")


def one_line(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """The text without line breaks and other control characters, and no longer than `limit`."""
    if len(text) <= limit and " " not in text and text.isprintable():
        return text  # as most are, of which there may be a hundred thousand
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _subject(slo: str, *about: str) -> str:
    known = [part for part in about if part]
    return f"{slo} ({', '.join(known)})" if known else slo


def _about(alert: Alert) -> Iterator[str]:
    """Whose it is and where; of what the engine does not watch, the scope says that."""
    if alert.evidence.objective is not None:
        yield from (alert.labels.get("customer", ""), alert.labels.get("environment", ""))
    yield one_line(alert.scope, SCOPE_LIMIT)


def _telling(firing: frozenset[FiringPair], evidence: Evidence) -> FiringPair | None:
    urgent = [pair for pair in sorted(firing) if pair.severity is worst(firing)]
    return max(
        urgent,
        key=lambda pair: (pair.cause is Cause.BURN, evidence.burn_rates.get(pair.short) or 0.0),
        default=None,
    )


def _figure(value: float) -> str:
    """At most three digits that matter, and no exponent."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.01 else "less than 0.01"
