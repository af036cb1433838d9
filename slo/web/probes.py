"""What the probes saw last, over the API: the last round of each check, and the last failures of each."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from slo.core.hints import hint_of
from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State
from slo.web.answers import Refused, answer_large, only, quoted
from slo.web.documents import Document, time_text
from slo.web.watch import Watch

_WORST_FIRST = (State.BAD, State.UNKNOWN, State.GOOD)


class ProbesAPI:
    """The handlers, over one watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [web.get("/api/v1/probes", self.listed), web.get("/api/v1/probes/{name}", self.probe)]

    async def listed(self, request: web.Request) -> web.Response:
        """The last round of every check that has had one."""
        only(request.query, ())
        last = list(self._watch.last_outcomes())
        return await answer_large(
            request, lambda: {"probes": [self._document(each) | outcome_document(each) for each in last]}
        )

    async def probe(self, request: web.Request) -> web.Response:
        """The checks of one probe with their last outcomes, newest first; the query takes a `target`."""
        only(request.query, ("target",))
        name = request.match_info["name"]
        checks = checks_of(self._watch, name)
        wanted = request.query.get("target")
        chosen = [outcomes for outcomes in checks if wanted in {None, outcomes[0].target}]
        return await answer_large(request, lambda: {"name": name, "checks": self._documents(chosen)})

    def _document(self, outcome: Outcome) -> Document:
        return check_document(outcome, self._watch.agents.agent_of(outcome.point))

    def _documents(self, checks: Iterable[Sequence[Outcome]]) -> list[Document]:
        return [
            self._document(outcomes[0]) | {"outcomes": [outcome_document(outcome) for outcome in outcomes]}
            for outcomes in checks
        ]


def checks_of(watch: Watch, probe: str) -> list[Sequence[Outcome]]:
    """The last outcomes of each check of a probe, those first that are bad now. Raises Refused where there is none."""
    if probe not in watch.probes():
        raise Refused(404, f"there is no probe {quoted(probe)}: see /api/v1/probes")
    return sorted(watch.outcomes(probe), key=lambda outcomes: _WORST_FIRST.index(outcomes[0].state))


def check_document(outcome: Outcome, agent: str) -> Document:
    """Who looked, and at what. The agent is empty where the watch looked itself."""
    return {
        "name": outcome.check,
        "type": outcome.module,
        "target": outcome.target,
        "vantage_point": outcome.vantage_point or None,
        "agent": agent or None,
        "labels": dict(outcome.labels),
    }


def outcome_document(outcome: Outcome) -> Document:
    """What one round found."""
    return {
        "at": time_text(outcome.at),
        "round": outcome.number,
        "extra": outcome.extra,
        "outcome": outcome.state.value,
        "reason": outcome.reason,
        "meaning": REASONS[outcome.reason].meaning,
        "hint": hint_of(outcome.reason) or None,
        "detail": outcome.detail or None,
        "phases": {phase: round(seconds, 6) for phase, seconds in outcome.phases.items()},
        "duration_seconds": round(outcome.duration_seconds, 6),
    }
