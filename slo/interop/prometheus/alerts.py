"""Alerting rules: each pair of windows of an SLO's policy is one, so that the labels of an alert say which pair fires.

Burn rates are weighed by the share of their window that is known. So a young window, or one with a gap, never turns one
failure into a page.

An alert goes on while its short window is known to less than 80 %: lost data never resolves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from slo.core.duration import duration_name
from slo.core.policy import KNOWN_TO_CLEAR, Pair, Severity
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import both, either, enclosed, labelled, number, rounded, samples, series
from slo.interop.prometheus.reading import Reading
from slo.interop.prometheus.rule import Alerting, Recording, Rule
from slo.interop.prometheus.series import BURN, BURNING, LENGTH, LONG, SEVERITY, SHORT, WINDOW, Names

ALERT = "ErrorBudgetBurn"
SECOND = timedelta(seconds=1)
NOT_HELD = timedelta(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Condition:
    """A pair at a severity. A pair that pages from some bad events on has two: below them it opens a ticket."""

    severity: Severity
    bad_events: str = ""
    """What is asked of the bad events in the long window: `>= 3`; nothing where empty."""


def alert_rules(slo: SLO, reading: Reading, names: Names, step: int) -> list[Rule]:
    """The alerts of an SLO, in the order of its policy, with what they need to have recorded."""
    windows = sorted({window // SECOND for pair in slo.pairs for window in (pair.short, pair.long)})
    lengths = (labelled(f"vector({window})", WINDOW, duration_name(window)) for window in windows)
    return [
        Recording(metric=LENGTH, expression=either(*lengths), labels=names.identity),
        Recording(metric=BURN, expression=reading.burn(None, slo.error_budget), labels=names.described),
        *(rule for pair in slo.pairs for rule in _PairRules(pair, slo, reading, names, step).rules()),
    ]


class _PairRules:
    """The rules of one pair."""

    def __init__(self, pair: Pair, slo: SLO, reading: Reading, names: Names, step: int) -> None:
        self._pair = pair
        self._slo = slo
        self._reading = reading
        self._names = names
        self._step = step
        self._long, self._short = (window // SECOND for window in (pair.long, pair.short))
        self._windows = {LONG: duration_name(self._long), SHORT: duration_name(self._short)}

    def rules(self) -> Iterator[Rule]:
        """Each condition as an alert."""
        conditions = list(self._conditions())
        factor = number(self._pair.factor(self._slo.window))
        burning = both(*(f"{self._names.burn(window)} > {factor}" for window in (self._long, self._short)))
        hold = self._pair.hold
        if hold and len(conditions) > 1:
            # `for` times the burn and not its severity: of two alerts, each would begin to wait anew.
            yield Recording(
                metric=BURNING,
                expression=self._names.combined("count", burning),
                labels={**self._names.identity, **self._windows},
            )
            burning, hold = self._held(int(hold.total_seconds())), NOT_HELD
        for condition in conditions:
            yield self._alert(condition, burning, hold)

    def _conditions(self) -> Iterator[_Condition]:
        severity, least = self._pair.severity, self._pair.min_bad_events
        yield _Condition(severity=severity, bad_events=f">= {least}" if least else "")
        if severity is Severity.PAGE and least:
            yield _Condition(severity=Severity.TICKET, bad_events=f"< {least}")

    def _held(self, seconds: int) -> str:
        """Whether the pair burned at this step, and at each before it that is not older than so many seconds."""
        steps = -(-seconds // self._step)
        times = samples(self._names.mine(BURNING, **self._windows), (steps + 1) * self._step)
        return f"count_over_time({times}) > {steps}"

    def _alert(self, condition: _Condition, burning: str, hold: timedelta) -> Alerting:
        severity = condition.severity.value
        labels = {"severity": severity, **self._windows}
        if condition.bad_events:
            burning = f"{burning}\nand {self._names.on}\n{self._reading.bad(self._long)} {condition.bad_events}"
        return Alerting(
            name=ALERT,
            expression=self._until_known(burning, labels),
            labels=escaped({**self._names.described, **labels, SEVERITY: severity}),
            annotations=self._annotations(severity),
            hold=hold,
        )

    def _until_known(self, burning: str, labels: Mapping[str, str]) -> str:
        """Whether it burns, or fired while the short window was not known well enough to believe that it does not."""
        firing = series("ALERTS", {"alertname": ALERT, "alertstate": "firing", **self._names.identity, **labels})
        known = f"{self._reading.known(self._short)} >= {number(self._short * KNOWN_TO_CLEAR)}"
        latched = f"{self._names.combined('max', firing)}\nunless {self._names.on}\n{known}"
        return f"{enclosed(burning)}\nor {self._names.on}\n{enclosed(latched)}"

    def _annotations(self, severity: str) -> dict[str, str]:
        name = "".join((self._names.slo, *(f" {label}={{{{ $labels.{label} }}}}" for label in self._names.group_by)))
        factor, share = rounded(self._pair.factor(self._slo.window)), rounded(self._pair.budget * 100)
        period = duration_name(self._slo.window.total_seconds())
        long, short = self._windows.values()
        spent = (
            f"More than {share} % of the error budget of {period} went within {long}, and the last {short} go on so."
        )
        about = escaped({"": self._slo.description})[""]
        return {
            "title": f"({severity}) {name} SLO error budget burn rate is too fast.",
            "summary": f"{name} burns more than {factor}x its error budget",
            "description": f"{spent} {about}".strip(),
        }


def escaped(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts for the labels and annotations of alerts, where Prometheus takes two braces for a template."""
    return {name: text.replace("{{", "{{`{{`}}") for name, text in texts.items()}
