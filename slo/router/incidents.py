"""The incidents of a watch, and apart from all that ever were the few of which something can still become.

A watch that has run for years has far more incidents than matter at a slot end. What is looked at every few seconds is
kept apart, so that the old ones cost nothing.
"""

from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from slo.core.incident import Incident

Subject = tuple[str, str]
"""An SLO and a scope."""

REMEMBERED = 20
"""So many of the last incidents of an SLO and scope are looked at: more say nothing about whether it flaps."""


class Incidents(Mapping[str, Incident]):
    """Every incident by id, oldest first."""

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self._all: ChainMap[str, Incident] = ChainMap()
        self._of: ChainMap[Subject, tuple[str, ...]] = ChainMap()
        self._unsettled: dict[str, Incident] = {}
        self._paging: dict[str, Incident] = {}
        self._followed: dict[Subject, Incident] = {}
        self._repaged: list[str] = []
        self._last = 0
        for incident in incidents:
            self.put(incident)

    @classmethod
    def of(cls, incidents: Mapping[str, Incident]) -> "Incidents":
        """These incidents, to be changed without a change to the mapping that they come from."""
        return incidents.fork() if isinstance(incidents, Incidents) else cls(incidents.values())

    def fork(self) -> "Incidents":
        """The same incidents, which do not change with these; these must not change meanwhile."""
        other = Incidents()
        other._all, other._of = self._all.new_child(), self._of.new_child()
        other._unsettled, other._paging = dict(self._unsettled), dict(self._paging)
        other._followed = dict(self._followed)
        other._last = self._last
        return other

    def put(self, incident: Incident) -> None:
        """Add an incident, or replace what it was."""
        name, subject = incident.id, (incident.slo, incident.scope)
        if name not in self._all:
            self._last = max(self._last, int(name) if name.isdecimal() else 0)
            if not incident.human:
                self._of[subject] = (*self._of.get(subject, ()), name)[-REMEMBERED:]
        if incident.page_open or name in self._paging:
            self._repaged.append(name)
        self._all[name] = incident
        if not incident.human and self._of[subject][-1] == name:
            if incident.open or incident.firing:
                self._followed[subject] = incident
            else:
                self._followed.pop(subject, None)
        _keep(self._unsettled, incident, kept=not incident.settled)
        _keep(self._paging, incident, kept=incident.page_open)

    @property
    def next_id(self) -> str:
        """The id of the next incident."""
        return str(self._last + 1)

    def unsettled(self) -> tuple[Incident, ...]:
        """Those of which something can still become by itself, as they stand now, the oldest first."""
        return tuple(self._unsettled.values())

    def paging(self) -> Collection[Incident]:
        """Those that have a page open, the oldest first."""
        return self._paging.values()

    @property
    def repaged(self) -> Sequence[str]:
        """The ids of those that came to have a page open, or had one and changed, since these were made."""
        return self._repaged

    def of_subject(self, slo: str, scope: str) -> tuple[Incident, ...]:
        """The last incidents of an SLO and scope that alerts opened, the newest last."""
        return tuple(self._all[name] for name in self._of.get((slo, scope), ()))

    def last_of(self, slo: str, scope: str) -> Incident | None:
        """The newest of them."""
        names = self._of.get((slo, scope))
        return self._all[names[-1]] if names else None

    def followed(self) -> Mapping[Subject, Incident]:
        """The last incident of every SLO and scope, where it is open or something of it fires on."""
        return self._followed

    def __getitem__(self, name: str) -> Incident:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _keep(among: dict[str, Incident], incident: Incident, *, kept: bool) -> None:
    """Have it among these or not; in an order that does not depend on what happened to them."""
    if not kept:
        among.pop(incident.id, None)
        return
    newest = among[next(reversed(among))] if among else incident
    late = incident.id not in among and incident.age < newest.age
    among[incident.id] = incident
    if late:
        ordered = sorted(among.items(), key=lambda item: item[1].age)
        among.clear()
        among.update(ordered)
