"""Causes: the open incidents that people were told of, found by their ties to what they explain.

An alert is suppressed only under a cause that is as urgent or more. What it is itself the cause of, directly or through
others, is never its cause: in a circle nothing would be told at all.

Incidents with the same ties and priority are kin: nothing that is asked here tells them apart but their age. So of a
storm that one rule is about, or one cluster, there are few things to look at, however many incidents it has.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from slo.core.inhibition import Tie, Ties
from slo.core.priority import Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """An open incident that has paged and that nothing hides; or one of which it is asked under which it is suppressed.

    `age` sorts the older one first, and ends with its id.
    """

    age: tuple[datetime, int, str]
    priority: Priority
    ties: Ties


class _Kin(NamedTuple):
    """What incidents have in common that are the same here."""

    rank: int
    ties: Ties


class Causes:
    """The causes that there are now, by the ids of their incidents."""

    def __init__(self) -> None:
        self._causes: dict[str, Cause] = {}
        self._ages: dict[_Kin, list[tuple[datetime, int, str]]] = {}
        self._giving: dict[Tie, dict[_Kin, None]] = {}
        self._taking: dict[Tie, dict[_Kin, None]] = {}
        self._effects: dict[tuple[int, frozenset[Tie]], frozenset[Tie]] = {}

    def put(self, cause: Cause) -> None:
        """Add a cause, or replace what it was. What explains nothing is left out."""
        name, kin = cause.age[-1], _kin(cause)
        self.drop(name)
        if not cause.ties.gives:
            return
        self._causes[name] = cause
        if kin not in self._ages:
            self._ages[kin] = []
            self._effects.clear()
            for tie in kin.ties.gives:
                self._giving.setdefault(tie, {})[kin] = None
            for tie in kin.ties.takes:
                self._taking.setdefault(tie, {})[kin] = None
        insort(self._ages[kin], cause.age)

    def drop(self, incident: str) -> None:
        """The incident is no cause, if it was one."""
        cause = self._causes.pop(incident, None)
        if cause is None:
            return
        kin = _kin(cause)
        ages = self._ages[kin]
        del ages[bisect_left(ages, cause.age)]
        if not ages:
            del self._ages[kin]
            self._effects.clear()
            _forget(self._giving, kin.ties.gives, kin)
            _forget(self._taking, kin.ties.takes, kin)

    def suppressing(self, alert: Cause) -> str | None:
        """The id of the oldest incident under which an alert is suppressed; None where it is told.

        The alert's own incident may be among the causes.
        """
        rank, ties = alert.priority.rank, alert.ties
        found: list[tuple[datetime, int, str]] = []
        for kin in {kin for tie in ties.takes for kin in self._giving.get(tie, ()) if kin.rank <= rank}:
            if kin.rank < rank or not self._explains(ties.gives, kin):
                found += [age for age in self._ages[kin][:2] if age != alert.age][:1]
        return min(found)[-1] if found else None

    def _explains(self, gives: frozenset[Tie], kin: _Kin) -> bool:
        """Whether what gives these ties is the cause of others as urgent as itself, directly or through others."""
        takes = kin.ties.takes
        return not gives.isdisjoint(takes) or not self._reached(kin.rank, gives).isdisjoint(takes)

    def _reached(self, rank: int, gives: frozenset[Tie]) -> frozenset[Tie]:
        """These ties, and those that their effects of that rank give, directly or through others."""
        found = self._effects.get((rank, gives))
        if found is not None:
            return found
        reached, pending = set(gives), list(gives)
        while pending:
            for kin in self._taking.get(pending.pop(), ()):
                if kin.rank == rank:
                    new = kin.ties.gives - reached
                    reached |= new
                    pending += new
        return self._effects.setdefault((rank, gives), frozenset(reached))


def _kin(cause: Cause) -> _Kin:
    return _Kin(cause.priority.rank, cause.ties)


def _forget(among: dict[Tie, dict[_Kin, None]], ties: Iterable[Tie], kin: _Kin) -> None:
    for tie in ties:
        del among[tie][kin]
        if not among[tie]:
            del among[tie]
