"""Which labels the alerts of a configuration can have: a matcher that none can fulfil is a slip of the keyboard."""

from collections.abc import Iterable, Iterator, Sequence

from slo.config.names import Names
from slo.config.report import Location, Report
from slo.core.matching import Matcher
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.slo import SLO

FEW = 10
"""So many labels or values are listed in a warning."""


class AlertLabels:
    """The labels of the alerts of some SLOs, with their values as far as the configuration says them."""

    def __init__(self, slos: Iterable[SLO]) -> None:
        self._values: dict[str, set[str]] = {
            "severity": {*Severity},
            "priority": {*Priority},
            "source": {"watchkeep"},
        }
        self._open = {"scope"}
        for slo in slos:
            self._open.update(slo.group_by)
            for label, value in {**slo.labels, "slo": slo.name}.items():
                self._values.setdefault(label, set()).add(value)

    def warn(self, matchers: Sequence[Matcher], at: Location, report: Report) -> None:
        """Warn of each matcher of a list that no alert of an SLO can fulfil."""
        for index, problem, mend in self.doubts(matchers):
            report.warn((*at, index), problem, mend)

    def doubts(self, matchers: Sequence[Matcher]) -> Iterator[tuple[int, str, str]]:
        """Each matcher that no alert of an SLO can fulfil: where it stands in the list, the problem, and the mend."""
        for index, matcher in enumerate(matchers):
            if matcher.label in self._open or any(map(matcher.accepts, {"", *self._values.get(matcher.label, ())})):
                continue
            yield index, f"no SLO has an alert with {matcher}", self._mend(matcher)

    def _mend(self, matcher: Matcher) -> str:
        """What may have been meant instead."""
        values = self._values.get(matcher.label)
        known, meant = (values, matcher.value) if values else ({*self._values, *self._open}, matcher.label)
        if nearest := Names(known).nearest(meant):
            return f"did you mean {nearest}?"
        what = f"values of {matcher.label}" if values else "labels"
        listed = sorted(known)
        return f"the {what} are {', '.join(listed[:FEW])}{' and others' if len(listed) > FEW else ''}"
