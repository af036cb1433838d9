"""What of all telemetry one forwarder gets: a customer must not see what is another's."""

from collections.abc import Collection, Mapping, Sequence

from slo.core.matching import Matcher, fulfil
from slo.core.wildcard import wildcard


class Selection:
    """Selects by labels and by the names of metrics. `added` are labels that everything gets that has none so called.

    A target whose own labels do not say whose it is goes with the SLOs that it feeds: `checks` are those of which all
    SLOs are selected; see `follow`.
    """

    def __init__(self, match: Sequence[Matcher], metrics: Sequence[str], added: Mapping[str, str]) -> None:
        self._match = tuple(match)
        self._names = wildcard(metrics)
        self._added = dict(added)
        self._checks: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether it gets everything, whoever it is of."""
        return not self._match

    def follow(self, checks: Collection[str]) -> None:
        """Take what these checks say of targets without labels of their own."""
        self._checks = frozenset(checks)

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether what has these labels is for it."""
        return fulfil(labels, self._match)

    def takes_of_check(self, check: str, labels: Mapping[str, str]) -> bool:
        """Whether what a check says of a target with these labels is for it."""
        return check in self._checks or fulfil(labels, self._match)

    def takes_metric(self, name: str) -> bool:
        """Whether it gets metrics of that name."""
        return self._names.fullmatch(name) is not None

    def takes_series(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of a metric that it gets is for it."""
        check = labels.get("probe") or labels.get("collector") or labels.get("scrape")
        return self.takes_of_check(check, labels) if check else fulfil(labels, self._match)

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels, with those that are added."""
        return {**self._added, **labels}
