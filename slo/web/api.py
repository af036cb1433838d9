"""The API under `/api/v1`, described in docs/api.md, and what the operators of the process ask: `/-/*`."""

import asyncio
import difflib
import json
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from pydantic import ValidationError

from exporters.endpoints import read, respond
from slo.core.delivery import Delivery
from slo.core.incident import Incident
from slo.errors import ConfigError, StoreError, UsageError
from slo.web.act import Act, faults_of
from slo.web.documents import (
    Document,
    fault_document,
    in_order,
    incident_document,
    incident_with_history,
    slo_document,
)
from slo.web.watch import Watch

JSON = "application/json"
LARGEST_LIMIT = 1000
DEFAULT_LIMIT = 100

TRUSTED = web.RequestKey("trusted", bool)
"""Whether the sender of a request may read everything; the access rules set it."""


class Refused(Exception):
    """A request that cannot be answered as asked: becomes a response with this status and document."""

    def __init__(self, status: int, sentence: str, *, faults: Sequence[Document] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.document: Document = {"error": sentence, **({"faults": list(faults)} if faults else {})}


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
            web.get("/api/v1/incidents/{id}", self.incident),
            web.post("/api/v1/incidents/{id}", self.act),
            web.get("/-/healthy", self.healthy),
            web.get("/-/ready", self.ready),
            web.post("/-/reload", self.reload),
        ]

    async def slos(self, request: web.Request) -> web.Response:
        """Every SLO."""
        _only(request.query, ())
        statuses = await read(self._watch.statuses())
        return await _answer_large(request, lambda: {"slos": [slo_document(status) for status in statuses]})

    async def slo(self, request: web.Request) -> web.Response:
        """One SLO by its name."""
        _only(request.query, ())
        name = request.match_info["name"]
        names = []
        for status in self._watch.statuses():
            if status.slo.name == name:
                return answer(slo_document(status))
            names.append(status.slo.name)
        raise Refused(404, f"there is no SLO {quoted(name)}{_hint(name, names)}")

    async def incidents(self, request: web.Request) -> web.Response:
        """Open incidents first; the query takes `status` (`open` or `all`) and `limit`."""
        only_open, limit = _listing(request.query)
        chosen = [incident for incident in self._watch.incidents() if incident.open or not only_open]

        shown = in_order(chosen)[:limit]
        sent = {incident.id: await self._sent(incident) for incident in shown if incident.open}

        def listed() -> Document:
            documents = [incident_document(incident, sent.get(incident.id, ())) for incident in shown]
            return {"incidents": documents, "total": len(chosen)}

        return await _answer_large(request, listed)

    async def incident(self, request: web.Request) -> web.Response:
        """One incident with its timeline and its deliveries."""
        _only(request.query, ())
        incident = self._find(request)
        try:
            events = await self._watch.history(incident.id)
            deliveries = await self._watch.deliveries(incident.id)
        except StoreError as error:
            raise Refused(503, f"the journal cannot be read now: {error}") from error
        return await _answer_large(request, lambda: incident_with_history(incident, events, deliveries))

    async def _sent(self, incident: Incident) -> Sequence[Delivery]:
        """What was sent about it; nothing where the journal cannot be read now."""
        try:
            return await self._watch.deliveries(incident.id)
        except StoreError:
            return ()

    async def act(self, request: web.Request) -> web.Response:
        """Acknowledge or resolve an incident; the answer is its new state."""
        incident = self._find(request)
        body = await self._body(request)
        try:
            act = Act.model_validate_json(body)
        except ValidationError as error:
            faults = [_fault(path, problem) for path, problem in faults_of(error)]
            raise Refused(400, "the body is not as expected", faults=faults) from error
        try:
            if act.action == "acknowledge":
                changed = await self._watch.acknowledge(incident.id, by=act.by, via=act.via)
            else:
                changed = await self._watch.resolve(incident.id, by=act.by, why=act.why)
        except UsageError as error:
            raise Refused(409, str(error)) from error
        except StoreError as error:
            raise Refused(503, str(error)) from error
        return answer(incident_document(changed))

    async def healthy(self, _request: web.Request) -> web.Response:
        """The process turns: its event loop answers."""
        return answer({"healthy": True})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether the watch does its work; the reasons why not are for those who may read everything."""
        reasons = self._watch.unready()
        document: Document = {"ready": not reasons}
        trusted: bool = request[TRUSTED]
        if reasons and trusted:
            document["reasons"] = list(reasons)
        return answer(document, status=503 if reasons else 200)

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
        wanted = request.match_info["id"]
        found = next((incident for incident in self._watch.incidents() if incident.id == wanted), None)
        if found is None:
            raise Refused(404, f"there is no incident {quoted(wanted)}: see /api/v1/incidents")
        return found

    async def _body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await request.read()
        except TimeoutError as error:
            raise Refused(408, f"the body did not arrive within {self._body_seconds:g} s") from error


def answer(document: Document, *, status: int = 200) -> web.Response:
    """A document as a response."""
    return web.Response(status=status, body=_encoded(document), content_type=JSON)


async def _answer_large(request: web.Request, make: Callable[[], Document]) -> web.Response:
    """A document that may be megabytes: made beside the event loop, compressed where the other side takes it."""
    body = await asyncio.to_thread(lambda: _encoded(make()))
    return await respond(request, body, JSON)


def _encoded(document: Document) -> bytes:
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def _listing(query: Mapping[str, str]) -> tuple[bool, int]:
    faults = _unknown(query, ("status", "limit"))
    status, limit = query.get("status", "all"), query.get("limit", str(DEFAULT_LIMIT))
    if status not in {"open", "all"}:
        faults.append(_fault("status", "write open or all"))
    number = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 10 else 0
    if not 1 <= number <= LARGEST_LIMIT:
        faults.append(_fault("limit", f"write a number from 1 to {LARGEST_LIMIT}"))
    if faults:
        raise Refused(400, "the query is not as expected", faults=faults)
    return status == "open", number


def _only(query: Mapping[str, str], known: Sequence[str]) -> None:
    if faults := _unknown(query, known):
        raise Refused(400, "the query is not as expected", faults=faults)


def _unknown(query: Mapping[str, str], known: Sequence[str]) -> list[Document]:
    mend = f"known are {', '.join(known)}" if known else "this takes no parameters"
    return [_fault(name, f"unknown parameter; {mend}") for name in query if name not in known]


def _fault(path: str, problem: str) -> Document:
    return {"path": path, "problem": problem}


def _hint(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name[:200], names, n=1)
    return f": did you mean {close[0]}?" if close else ": see /api/v1/slos"


def quoted(name: str) -> str:
    """What a client made up, as a sentence may repeat it: escaped, and not too long."""
    return repr(name if len(name) <= 100 else name[:100] + "...")
