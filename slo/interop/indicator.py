"""Makes SLIs of the expressions of others."""

from dataclasses import dataclass, replace

from slo.core.sli import Part, PrometheusSLI
from slo.interop.counting import Count, Uncountable, counted, remainder, split_ratio
from slo.interop.passage import NO_COUNTERPART, Spot
from slo.interop.promql import WINDOW, NoExpression

_COUNT_MEND = f"write sums of rate(...[{WINDOW}]) or of increase(...[{WINDOW}])"
_RATIO_MEND = "write the bad events and all events as two expressions, or as their quotient"


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    """An expression, and where it is written. `must_be`: its format refuses what is no PromQL."""

    spot: Spot
    text: str
    must_be: bool

    def refuse(self, reason: NoExpression) -> None:
        """Tell, or note, that it is no PromQL."""
        if self.must_be:
            self.spot.tell(f"is no PromQL: it {reason}", "mend it")
        else:
            self.spot.note(f"{NO_COUNTERPART}: it is no PromQL, since it {reason}", "mend it")


def sli_of(part: Expression, part_is: Part, total: Expression, *, server: str) -> PrometheusSLI | None:
    """The SLI of two expressions; None where they have no counterpart.

    Bad events that are the total without the good ones are said by the good ones, which are counted more exactly.
    """
    counts = [_count(part), _count(total)]
    match counts:
        case [Count() as some, Count() as all_] if some.over_window == all_.over_window:
            rest = remainder(some.text, all_.text)
            if rest:
                return PrometheusSLI(server=server, total=all_.text, part=rest, part_is=_other(part_is))
            return PrometheusSLI(server=server, total=all_.text, part=some.text, part_is=part_is)
        case [Count(), Count()]:
            part.spot.note(
                f"{NO_COUNTERPART}: one of it and its total is a counter, the other an increase", _COUNT_MEND
            )
    return None


def sli_of_ratio(ratio: Expression, *, of_errors: bool, server: str) -> PrometheusSLI | None:
    """The SLI of a ratio of errors, or of successes, which is plainly a quotient; None where it has no counterpart."""
    try:
        split = split_ratio(ratio.text)
    except NoExpression as reason:
        ratio.refuse(reason)
        return None
    if split is None:
        ratio.spot.note(f"{NO_COUNTERPART}: a ratio does not say how many events there are", _RATIO_MEND)
        return None
    part_is, part, total = split
    if not of_errors:
        part_is = _other(part_is)
    return sli_of(replace(ratio, text=part), part_is, replace(ratio, text=total), server=server)


def _other(part: Part) -> Part:
    return "good" if part == "bad" else "bad"


def _count(expression: Expression) -> Count | None:
    try:
        count = counted(expression.text)
    except NoExpression as reason:
        expression.refuse(reason)
        return None
    except Uncountable as reason:
        expression.spot.note(f"{NO_COUNTERPART}: it {reason}", _COUNT_MEND)
        return None
    if not count.adds_up:
        expression.spot.note(
            "is taken as it stands, and counts only if what it gives for two windows adds up to what it gives for both",
            _COUNT_MEND,
        )
    if count.was:
        expression.spot.note(
            f"[{count.was}] becomes [{WINDOW}], over which each event is counted once", f"write [{WINDOW}] to say so"
        )
    return count
