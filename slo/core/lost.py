"""An SLI of which nothing is observed at the moment: since when, and whose fault it is."""

from dataclasses import dataclass
from datetime import datetime

from slo.core.reason import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """The data of an SLI that nothing came of since `since`.

    `state` is BAD where a target that it is observed on is at fault itself (it refuses, resets, times out, answers
    what cannot be read), UNKNOWN where we are, or where targets answer and say nothing of it. The others are of the
    outcome that says so: a reason of `slo.core.reason`, or empty.
    """

    since: datetime
    state: State
    reason: str = ""
    target: str = ""
    detail: str = ""
