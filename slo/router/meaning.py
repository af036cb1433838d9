"""What an alert of somebody else's is about here: which SLO and scope, how urgent, and in which words it is told.

- `severity` `page` or `critical` is a page, everything else a ticket.
- One that names a configured SLO, in the label `slo` or as the rules of `watchkeep rules` and Sloth do, is about that
  SLO, so that it joins the incident which the engine opens. It is not where its customer is another one.
- Any other is about a matter of its own: named as the label says, or after its `alertname`. All labels that tell it
  from its like are the scope.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from slo.core.alert import Cause, FiringPair, Report
from slo.core.duration import duration_name
from slo.core.foreign import ForeignAlert
from slo.core.incident import REPORTED
from slo.core.policy import Severity
from slo.core.slo import SLO, scope_of
from slo.interop.prometheus.series import ID, LONG, NAME, SERVICE, SEVERITY, SHORT
from slo.router.summary import one_line

PAGES = frozenset({"page", "critical"})
"""Values of the label `severity` for which somebody is woken."""

ALERT_NAME = "alertname"
UNNAMED = "alert"
"""What an alert without a name is called."""

LONGEST_URL = 2048

_NOT_SCOPE = frozenset({ALERT_NAME, "slo", "severity", "priority", ID, SERVICE, NAME, SEVERITY, LONG, SHORT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """The SLO and the scope that an alert is about, and what fires there while it does."""

    slo: str
    scope: str
    pair: FiringPair


class Meanings:
    """Finds what alerts are about, among these SLOs."""

    def __init__(self, slos: Iterable[SLO] = ()) -> None:
        self._slos: dict[str, list[SLO]] = {}
        for slo in slos:
            self._slos.setdefault(slo.name, []).append(slo)

    def of(self, alert: ForeignAlert) -> Meaning:
        """What an alert is about."""
        labels = shown_labels(alert)
        severity = Severity.PAGE if pages(alert) else Severity.TICKET
        name = labels.get(ALERT_NAME) or UNNAMED
        about = labels.get("slo") or labels.get(ID) or name
        if about == REPORTED:
            about = f"{UNNAMED} {about}"  # or it would be taken for what a person opened
        definitions = [slo for slo in self._slos.get(about, ()) if _same_customer(slo, labels)]
        if not definitions:
            telling = {label: labels[label] for label in sorted(labels) if label not in _NOT_SCOPE}
            return Meaning(slo=about, scope=scope_of(telling), pair=_by_name(severity, name))
        pair = FiringPair(severity=severity, long=labels.get(LONG, ""), short=labels.get(SHORT, ""))
        burns = any((pair.long, pair.short) in _windows(slo) for slo in definitions)
        scope = labels.get("scope") or scope_of({name: labels.get(name, "") for name in definitions[-1].group_by})
        return Meaning(slo=about, scope=scope, pair=pair if burns else _by_name(severity, name))


def pages(alert: ForeignAlert) -> bool:
    """Whether somebody is woken for it."""
    return one_line(alert.labels.get("severity", "")).lower() in PAGES


def shown_labels(alert: ForeignAlert) -> dict[str, str]:
    """Its labels as people may be shown them."""
    return {one_line(name): one_line(value) for name, value in alert.labels.items()}


def report_of(alert: ForeignAlert) -> Report:
    """What it says: as its annotations do, or that it fires."""
    said = {name: one_line(alert.annotations.get(name, "")) for name in ("summary", "title", "message", "description")}
    return Report(
        summary=next((text for text in said.values() if text), "fires"),
        description=said["description"],
        source_url=_url(alert.source_url),
        runbook_url=_url(alert.annotations.get("runbook_url", "")),
    )


def _same_customer(slo: SLO, labels: Mapping[str, str]) -> bool:
    return slo.labels.get("customer", "") in ("", labels.get("customer", slo.labels.get("customer", "")))


def _windows(slo: SLO) -> set[tuple[str, str]]:
    """The pairs of windows of its policy, by their names."""
    names = ((pair.long.total_seconds(), pair.short.total_seconds()) for pair in slo.pairs)
    return {(duration_name(long), duration_name(short)) for long, short in names}


def _by_name(severity: Severity, name: str) -> FiringPair:
    return FiringPair(severity=severity, cause=Cause.ALERT, alert=name)


def _url(text: str) -> str:
    """The address, where it is one that may be put before people as a link."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    sound = parts.scheme in ("http", "https") and parts.netloc and text.isprintable() and " " not in text
    return text if sound and len(text) <= LONGEST_URL else ""
