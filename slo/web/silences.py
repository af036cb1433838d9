"""Silences over the API: listed, made, and ended early."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from exporters.endpoints import read
from slo.config.alert_labels import AlertLabels
from slo.config.silence_keys import SilenceKeys
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import alert_labels
from slo.core.silence import Silence
from slo.core.slo import SLO
from slo.web.answers import answer, only, read_body, refusals
from slo.web.documents import Document, time_text
from slo.web.timed import Ending, when_document
from slo.web.watch import Watch


class Expiry(Ending):
    """What ends a silence early."""

    action: Literal["expire"]


class SilencesAPI:
    """The handlers, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [
            web.get("/api/v1/silences", self.listed),
            web.post("/api/v1/silences", self.add),
            web.post("/api/v1/silences/{name}", self.expire),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        """Every silence that nobody has ended, those that are over among them."""
        only(request.query, ())
        now = datetime.now(UTC)
        return answer({"silences": [silence_document(each, now) for each in self._watch.desk.silences]})

    async def add(self, request: web.Request) -> web.Response:
        """Make one; its keys are those of the configuration."""
        body = await read_body(request, self._body_seconds)
        with refusals():
            made = await self._watch.desk.silences.add(SilenceKeys.model_validate_json(body).silence(created_at=None))
        slos = [status.slo for status in await read(self._watch.statuses())]
        warnings = doubts_about(made, slos, self._watch.desk.incidents())
        return answer({**silence_document(made, datetime.now(UTC)), "warnings": warnings}, status=201)

    async def expire(self, request: web.Request) -> web.Response:
        """End one early: what still fires is told."""
        body = await read_body(request, self._body_seconds)
        with refusals():
            act = Expiry.model_validate_json(body)
            ended = await self._watch.desk.silences.expire(request.match_info["name"], by=act.by, why=act.why)
        return answer(silence_document(ended, datetime.now(UTC)))


def doubts_about(silence: Silence, slos: Sequence[SLO], incidents: Iterable[Incident]) -> list[str]:
    """What whoever made it may not have meant: it hides no alert that these SLOs can have, and no incident now open."""
    if any(silence.hides(incident.alert_labels) for incident in incidents if incident.open):
        return []
    kinds = [(severity, priority) for severity in Severity for priority in Priority]
    for slo in slos:
        if any(
            silence.hides(alert_labels(slo.labels, slo=slo.name, scope=slo.scope, severity=severity, priority=priority))
            for severity, priority in kinds
        ):
            return []
    lost = [f"{problem}: {mend}" for _, problem, mend in AlertLabels(slos).doubts(silence.matchers)]
    return lost or ["no SLO has an alert that fulfils all of these matchers together, and no open incident does"]


def silence_document(silence: Silence, now: datetime) -> Document:
    """One silence: which alerts, why, who answers for it, and when it is in force."""
    return {
        "name": silence.name,
        "match": [str(matcher) for matcher in silence.matchers],
        "reason": silence.reason,
        "owner": silence.owner,
        "created_at": time_text(silence.created_at) if silence.created_at else None,
        "exclusion": silence.exclusion or None,
        **when_document(silence.when, now),
    }
