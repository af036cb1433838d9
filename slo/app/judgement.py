"""What the engine says, for the router and for everybody who looks: with the last reason that each SLI was not good."""

from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from slo.app.books import Books
from slo.core.alert import Alert
from slo.core.incident import Incident
from slo.core.outcome import CheckKey, Outcome
from slo.core.reason import State
from slo.core.sli import CheckSLI
from slo.core.slo import SLO, slo_key
from slo.core.status import SLOStatus
from slo.router.incidents import Incidents


class Judgements:
    """The alerts and the figures of the SLOs in the books.

    `incidents` are all that there were, oldest first; `failing` is the last failure of a scrape or a server that feeds
    an SLI.
    """

    def __init__(
        self,
        books: Books,
        *,
        incidents: Callable[[], Incidents],
        failing: Callable[[str], Outcome | None],
    ) -> None:
        self._books = books
        self._incidents = incidents
        self._failing = failing
        self._last_bad: dict[str, Outcome] = {}
        self._again: Tally[str] = Tally()

    def notice(self, sli: str, outcome: Outcome) -> None:
        """Keep the last round for an SLI that was not good: it is the reason that people are told.

        An extra round counts for no SLI, and is evidence all the same.
        """
        if not outcome.extra:
            del self._again[sli]
        if outcome.state is not State.GOOD:
            self._last_bad[sli] = outcome
            self._again[sli] += outcome.extra

    def forget(self, sli: str, key: CheckKey) -> None:
        """A check does not feed an SLI any more, and is no reason for anything."""
        if sli in self._last_bad and self._last_bad[sli].key == key:
            del self._last_bad[sli]

    def restore(self) -> None:
        """Let the engine take over what fired in the last incident of each SLO before a restart."""
        last = {_key_of(incident): incident.firing for incident in self._incidents().values()}
        self._books.engine.restore(last, {})

    def statuses(self) -> Iterator[SLOStatus]:
        """The figures of every SLO, in the order of the configuration, made as they are read."""
        engine = self._books.engine
        open_incidents = {_key_of(each): each.id for each in self._incidents().followed().values() if each.open}
        for key, slo in engine.slos.items():
            bad = self._reason(slo)
            yield replace(
                engine.status(key),
                incident=open_incidents.get(key, ""),
                last_reason=bad.reason if bad else "",
                last_target=bad.target if bad else "",
            )

    def alerts(self, *, also: Collection[str] = ()) -> list[Alert]:
        """The alerts that the router has to know: what fires, and what fired in the last incident of its SLO.

        And those of the SLOs with the keys in `also`, as far as the engine watches them: others speak of them.
        """
        engine = self._books.engine
        watched = {slo.name for slo in engine.slos.values()}
        incidents = self._incidents().followed().values()
        followed = {_key_of(each) for each in incidents if each.slo in watched}
        return [self._alert(key) for key in engine.firing().keys() | (followed.union(also) & engine.slos.keys())]

    def _alert(self, key: str) -> Alert:
        engine = self._books.engine
        bad = self._reason(engine.slos[key])
        if bad is None:
            return engine.alert(key)
        return engine.alert(key, reason=bad.reason, target=bad.target, detail=self._detail(engine.slos[key], bad))

    def _detail(self, slo: SLO, bad: Outcome) -> str:
        """What the last bad round says, from where it was seen, and how many extra rounds said so too."""
        again = self._again[slo.sli]
        parts = (
            bad.detail,
            f"seen from {bad.vantage_point}" if bad.vantage_point else "",
            f"and in {again} extra round{'' if again == 1 else 's'}" if again else "",
        )
        return ", ".join(filter(None, parts))

    def _reason(self, slo: SLO) -> Outcome | None:
        if isinstance(slo.definition, CheckSLI):
            return self._last_bad.get(slo.sli)
        return self._failing(slo.sli)


def _key_of(incident: Incident) -> str:
    return slo_key(incident.slo, incident.scope)
