"""Alerts of others: what Prometheus, Alertmanager and whoever speaks like them say fires.

What makes one valid is what Alertmanager asks of it (api/v2 of Alertmanager, and `Alert.Validate` of
prometheus/common), and limits of our own, since Alertmanager has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

MOST_LABELS = 64
LONGEST_LABELS = 8192
"""How long the names and values of the labels of one alert may be together, in characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignAlert:
    """One alert as it was last heard of. Its labels, none of which is empty, are its identity.

    It fires until `ends_at`; None is until somebody says that it is over. `source_url` is where it comes from.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    source_url: str = ""

    @property
    def identity(self) -> frozenset[tuple[str, str]]:
        """What tells it from every other alert."""
        return frozenset(self.labels.items())

    def fires(self, now: datetime) -> bool:
        """Whether it is not over at `now`."""
        return self.ends_at is None or self.ends_at > now

    @property
    def fault(self) -> str:
        """What is wrong with it, in the words of Alertmanager where it minds as well; empty where nothing is."""
        if self.ends_at is not None and self.ends_at < self.starts_at:
            return "start time must be before end time"
        if "" in self.labels:
            return 'invalid label set: invalid name ""'
        if not self.labels:
            return "at least one label pair required"
        if "" in self.annotations:
            return 'invalid annotations: invalid name ""'
        if len(self.labels) > MOST_LABELS:
            return f"invalid label set: {len(self.labels)} labels, and {MOST_LABELS} are taken"
        length = sum(len(name) + len(value) for name, value in self.labels.items())
        if length > LONGEST_LABELS:
            return f"invalid label set: {length} characters, and {LONGEST_LABELS} are taken"
        return ""
