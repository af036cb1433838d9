"""The API under `/api/v1`, described in docs/api.md, and what the operators of the process ask: `/-/*`."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aiohttp import web

from exporters.endpoints import read
from slo.core.acts import Target
from slo.core.delivery import Delivery
from slo.core.incident import Incident
from slo.errors import ConfigError, StoreError
from slo.router.already import already
from slo.router.opening import doubts_about
from slo.web.act import ACTS, Open
from slo.web.answers import (
    Refused,
    answer,
    answer_large,
    fault,
    incident_in,
    only,
    quoted,
    read_body,
    refusals,
    unknown,
)
from slo.web.documents import (
    Document,
    act_document,
    fault_document,
    in_order,
    incident_document,
    incident_with_history,
    slo_document,
)
from slo.web.watch import Watch

LARGEST_LIMIT = 1000
DEFAULT_LIMIT = 100


class API:
    """The handlers, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler; HEAD goes with GET."""
        return [
            web.get("/api/v1/slos", self.slos),
            web.get("/api/v1/slos/{name}", self.slo),
            web.get("/api/v1/incidents", self.incidents),
            web.post("/api/v1/incidents", self.open),
            web.get("/api/v1/incidents/{id}", self.incident),
            web.post("/api/v1/incidents/{id}", self.act),
            web.post("/-/reload", self.reload),
        ]

    async def slos(self, request: web.Request) -> web.Response:
        """Every SLO."""
        only(request.query, ())
        statuses = await read(self._watch.statuses())
        return await answer_large(request, lambda: {"slos": [slo_document(status) for status in statuses]})

    async def slo(self, request: web.Request) -> web.Response:
        """One SLO by its key: its name, or `NAME{SCOPE}`."""
        only(request.query, ())
        name = request.match_info["name"]
        names = []
        for status in self._watch.statuses():
            if status.slo.key == name:
                return answer(slo_document(status))
            names.append(status.slo.key)
        raise Refused(404, f"there is no SLO {quoted(name)}{_hint(name, names)}")

    async def incidents(self, request: web.Request) -> web.Response:
        """Open incidents first; the query takes `status` (`open` or `all`) and `limit`."""
        only_open, limit = _listing(request.query)
        chosen = [incident for incident in self._watch.desk.incidents() if incident.open or not only_open]

        shown = in_order(chosen)[:limit]
        refused = await self._refused([incident.id for incident in shown if incident.open])

        def listed() -> Document:
            documents = [
                incident_document(incident, refused.get(incident.id, ()), self._watch.desk.response(incident))
                for incident in shown
            ]
            return {"incidents": documents, "total": len(chosen)}

        return await answer_large(request, listed)

    async def incident(self, request: web.Request) -> web.Response:
        """One incident with its timeline and its deliveries."""
        only(request.query, ())
        incident = self._find(request)
        try:
            events = await self._watch.desk.history(incident.id)
            deliveries = await self._watch.desk.deliveries(incident.id)
        except StoreError as error:
            raise Refused(503, f"the journal cannot be read now: {error}") from error
        return await answer_large(
            request, lambda: incident_with_history(incident, events, deliveries, self._watch.desk.response(incident))
        )

    async def _refused(self, incidents: Sequence[str]) -> Mapping[str, Sequence[Delivery]]:
        """What was refused of what was sent about them, by incident; nothing where the journal cannot be read now."""
        try:
            return await self._watch.desk.refused(incidents)
        except StoreError:
            return {}

    async def act(self, request: web.Request) -> web.Response:
        """Do something to an incident; the answer is its new state, and why that is what it was."""
        incident = self._find(request)
        body = await read_body(request, self._body_seconds)
        with refusals():
            act = ACTS.validate_json(body).act(Target(incident=incident.id), datetime.now(UTC))
            unchanged = already(act, self._find(request))
            changed = await self._watch.desk.act(act)
        return answer(act_document(changed, unchanged, self._watch.desk.response(changed)))

    async def open(self, request: web.Request) -> web.Response:
        """Open an incident: an issue that a person found."""
        body = await read_body(request, self._body_seconds)
        with refusals():
            act = Open.model_validate_json(body, context=self._watch.now()).act()
            opened = await self._watch.desk.act(act)
        response = self._watch.desk.response(opened)
        warnings = doubts_about(opened, response) if response else []
        return answer({**incident_document(opened, response=response), "warnings": warnings}, status=201)

    async def reload(self, _request: web.Request) -> web.Response:
        """Read the configuration anew; with faults, the one in force stays."""
        try:
            await self._watch.reload()
        except ConfigError as error:
            faults = [fault_document(fault) for fault in error.faults]
            raise Refused(400, "the configuration has faults, the one in force stays", faults=faults) from error
        except StoreError as error:
            raise Refused(503, f"{error}; the configuration in force stays") from error
        return answer({"reloaded": True})

    def _find(self, request: web.Request) -> Incident:
        return incident_in(self._watch.desk.incidents(), request.match_info["id"])


def _listing(query: Mapping[str, str]) -> tuple[bool, int]:
    faults = unknown(query, ("status", "limit"))
    status, limit = query.get("status", "all"), query.get("limit", str(DEFAULT_LIMIT))
    if status not in {"open", "all"}:
        faults.append(fault("status", "write open or all"))
    number = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
    if not 1 <= number <= LARGEST_LIMIT:
        faults.append(fault("limit", f"write a number from 1 to {LARGEST_LIMIT}"))
    if faults:
        raise Refused(400, "the query is not as expected", faults=faults)
    return status == "open", number


def _hint(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name[:200], names, n=1)
    return f": did you mean {close[0]}?" if close else ": see /api/v1/slos"
