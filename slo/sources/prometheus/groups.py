"""Which groups an SLO with `group_by` has on a server: now, and in the day before it is asked for the first time."""

from slo.core.selector import Selector
from slo.core.slo import SLO
from slo.errors import ServerFault
from slo.sources.grouping import Values
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.reasons import ASK_FOR_LESS

LOOK_BACK_SECONDS = 86_400
STEP_SECONDS = 300
"""For how long servers give the last sample of a series, unless they are set up otherwise."""


class GroupSearch:
    """Looks for the groups of one SLO, whose total has these series. `read` blocks, as those of the client do."""

    def __init__(self, slo: SLO, total: Selector) -> None:
        self.slo = slo
        self._expression = f"count by ({', '.join(slo.group_by)}) ({total})"
        self._asked_until = 0

    def read(self, client: Client, end: int, now: float) -> set[Values]:
        """The groups that the server had since this was asked last, up to `end` (Unix seconds). Raises ServerFault."""
        points = list(range(end, max(self._asked_until, end - LOOK_BACK_SECONDS), -STEP_SECONDS))[::-1]
        try:
            answers = client.values(self._expression, points, now)
        except ServerFault as fault:
            if fault.reason not in ASK_FOR_LESS or len(points) < 2:
                raise
            answers = client.values(self._expression, points[-1:], now)
        self._asked_until = end
        labelled = (dict(series.labels) for series in answers)
        return {tuple(labels.get(label, "") for label in self.slo.group_by) for labels in labelled}
