"""One scheduled check and where it stands."""

from slo.runner.round import Round
from slo.runner.schedule import Due, Scheduled


class Target:
    """A check that the runner runs.

    `pending` is what is due and waits to be run, `running` the round that has not ended. `in_line` says that the
    target waits for its turn. `number` is that of the round of its rhythm that began last.
    """

    __slots__ = ("in_line", "number", "pending", "running", "scheduled")

    def __init__(self, scheduled: Scheduled) -> None:
        self.scheduled = scheduled
        self.pending: Due[Target] | None = None
        self.running: Round | None = None
        self.in_line = False
        self.number = 0
