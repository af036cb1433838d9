"""What of all telemetry one forwarder gets: a customer must not see what is another's."""

from collections.abc import Mapping, Sequence

from slo.core.matching import Matcher, is_for
from slo.core.wildcard import wildcard


class Selection:
    """Selects by labels and by the names of metrics. `added` are labels that everything gets that has none so called.

    A target whose own labels do not say whose it is goes with the SLOs that its check feeds; see `follow`.
    """

    def __init__(self, match: Sequence[Matcher], metrics: Sequence[str], added: Mapping[str, str]) -> None:
        self._match = tuple(match)
        self._names = wildcard(metrics)
        self._added = dict(added)
        self._of_checks: Mapping[str, Mapping[str, str]] = {}

    @property
    def whole(self) -> bool:
        """Whether it gets everything, whoever it is of."""
        return not self._match

    def follow(self, of_checks: Mapping[str, Mapping[str, str]]) -> None:
        """Have targets of these checks the labels that all SLOs have alike which the check feeds, by its name."""
        self._of_checks = of_checks

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether what has these labels is for it."""
        return is_for(labels, self._match)

    def labels_of_check(self, check: str, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of a target, with those that it has from the SLOs; its own stand before these."""
        return {**self._of_checks.get(check, {}), **labels}

    def takes_metric(self, name: str) -> bool:
        """Whether it gets metrics of that name."""
        return self._names.fullmatch(name) is not None

    def takes_series(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of a metric that it gets is for it."""
        if self.whole:
            return True
        check = labels.get("probe") or labels.get("collector") or labels.get("scrape")
        return self.takes(self.labels_of_check(check, labels) if check else labels)

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels, with those that are added."""
        return {**self._added, **labels}
