"""How events spend an error budget: the budgeting methods, as OpenSLO names them."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction


class Method(StrEnum):
    """What one unit of the budget is."""

    OCCURRENCES = "occurrences"
    """An event."""
    TIMESLICES = "timeslices"
    """A slice of time, which is bad where its SLI misses the slice's target."""
    RATIO_TIMESLICES = "ratio_timeslices"
    """A slice of time, which spends its error ratio: the mean of the ratios of all slices, as Sloth computes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budgeting:
    """A method with what it takes. Slices are aligned to the epoch; `target` is a ratio, for `timeslices` alone.

    `no_traffic_good`: a slice that is known and holds no events is good; otherwise it does not count.
    `no_data_bad`: a slice without knowledge is bad; otherwise it is unknown.
    """

    method: Method = Method.OCCURRENCES
    slice: timedelta = timedelta(minutes=5)
    target: Fraction = Fraction(0)
    no_traffic_good: bool = False
    no_data_bad: bool = False
