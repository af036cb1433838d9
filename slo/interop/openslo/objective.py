"""Reads the objectives of OpenSLO's SLOs: how much is promised, and how events spend the budget."""

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.config.slo_keys import SLICE_MINUTES
from slo.core.budgeting import Budgeting, Method
from slo.core.duration import duration_name
from slo.interop.fitting import share_text
from slo.interop.openslo.windows import read_shorthand
from slo.interop.passage import NO_COUNTERPART, Passage

METHODS = {
    "Occurrences": Method.OCCURRENCES,
    "Timeslices": Method.TIMESLICES,
    "RatioTimeslices": Method.RATIO_TIMESLICES,
}
OPERATORS = ("lte", "gte", "lt", "gt")

_SLICES = tuple(timedelta(minutes=minutes) for minutes in SLICE_MINUTES)
_MOST_MINUTES = Fraction(1_000_000)
"""More are as many: slices are much shorter."""

_NO_SLICE = f"{NO_COUNTERPART}: slices divide an hour into whole minutes"
_METHODS_MEND = "take another budgetingMethod, or leave it out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What is promised. `target` and `budgeting` are None where they are refused, or have no counterpart."""

    passage: Passage
    title: str
    target: Fraction | None
    budgeting: Budgeting | None

    @property
    def has_indicator(self) -> bool:
        """Whether it has an SLI of its own, as the part of a composite."""
        return self.passage.has("indicator") or self.passage.has("indicatorRef")


def read_objective(item: Passage, method: str) -> Objective:
    """An item of `objectives`; `method` is the budgeting method, empty where it could not be read."""
    item.knows(
        *("displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"),
        *("indicator", "indicatorRef", "compositeWeight"),
    )
    if item.has("target") and item.has("targetPercent"):
        item.tell("targetPercent", "stands beside target", "leave one of the two out")
        target = None
    elif item.has("targetPercent"):
        target = read_share(item, "targetPercent", whole=100)
    elif item.has("target"):
        target = read_share(item, "target", whole=1)
    else:
        item.tell("", "has no target", "add `target: 0.999`, or `targetPercent: 99.9`")
        target = None
    return Objective(
        passage=item,
        title=item.text("displayName"),
        target=target,
        budgeting=_budgeting(item, METHODS.get(method), target),
    )


def read_share(item: Passage, key: str, *, whole: int) -> Fraction | None:
    """A target from nothing up to the whole, which it is not."""
    share = item.number(key, required=True)
    if share is not None and not 0 <= share < whole:
        item.tell(key, f"is not from 0 to below {whole}", f"write it as {'99.9' if whole == 100 else '0.999'}")
        return None
    return None if share is None else share / whole


def read_slice_target(item: Passage) -> Fraction | None:
    """The share of good events from which on a slice is good; None where it has no counterpart, or is refused."""
    target = item.number("timeSliceTarget", required=True)
    if target is None:
        return None
    if not 0 < target <= 1:
        item.tell("timeSliceTarget", "is not above 0 and up to 1", "write it as 0.95")
    elif target == 1 or not share_text(target):
        problem = f"{NO_COUNTERPART}: a slice is good from a share below 1 on, of up to 15 digits"
        item.note("timeSliceTarget", problem, "write it as 0.999")
    else:
        return target
    return None


def _budgeting(item: Passage, method: Method | None, target: Fraction | None) -> Budgeting | None:
    if method is Method.TIMESLICES:
        slice_target, length = read_slice_target(item), _slice(item)
        return Budgeting(method=method, slice=length, target=slice_target) if slice_target and length else None
    item.lose("timeSliceTarget", _METHODS_MEND)
    if method is Method.RATIO_TIMESLICES:
        length = _slice(item)
        return Budgeting(method=method, slice=length, target=target) if length and target is not None else None
    item.lose("timeSliceWindow", _METHODS_MEND)
    return Budgeting() if method else None


def _slice(item: Passage) -> timedelta | None:
    """The length of a slice: a duration, or so many minutes."""
    if item.is_number("timeSliceWindow"):
        minutes = item.number("timeSliceWindow") or Fraction(0)
        if minutes <= 0:
            item.tell("timeSliceWindow", "is no number of minutes above 0", "write it as 5, or as 5m")
            return None
        length = timedelta(minutes=float(min(minutes, _MOST_MINUTES)))
    else:
        shorthand = read_shorthand(item, "timeSliceWindow", required=True)
        if shorthand is None:
            return None
        length = shorthand.length
    if length not in _SLICES:
        known = ", ".join(duration_name(each.total_seconds()) for each in _SLICES)
        item.note("timeSliceWindow", _NO_SLICE, f"write one of {known}")
        return None
    return length
