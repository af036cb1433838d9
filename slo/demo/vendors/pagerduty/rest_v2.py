"""PagerDuty's REST API v2, as far as incidents go: what it takes, and how it says what it does not take.

Sources: https://developer.pagerduty.com/api-reference, and /docs/rest-api-overview on tokens, limits and errors. A
token is given with `Authorization: Token token=`, whoever changes something is named by `From`, and a token has 960
requests a minute.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from slo.demo.vendors.pagerduty.incidents import PRIORITIES, VendorIncident, VendorIncidents, priority, user
from slo.demo.vendors.pagerduty.rest_views import alerts_of, incident_of, listed, log_entry_of, note_of
from slo.demo.vendors.rates import Rate

REQUESTS_A_MINUTE = 960
STATUSES = ("triggered", "acknowledged", "resolved")
LIMIT = 100

_TOKEN = re.compile(r"Token token=([A-Za-z0-9+_-]{20})")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Act = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a request does, an event or acts, and how it is answered once it has."""

    answer: Callable[[], web.Response]
    event: dict[str, Any] | None = None
    acts: Sequence[Act] = ()


class RestError(Exception):
    """The request is not taken: `status`, and what the answer says about it."""

    def __init__(self, status: int, code: int, message: str, *errors: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"error": {"message": message, "code": code}}
        if errors:
            self.body["error"]["errors"] = list(errors)


def _invalid(*errors: str) -> RestError:
    return RestError(400, 2001, "Invalid Input Provided", *errors)


class RestAPI:
    """The API over `incidents`; without `tokens` or `users` every well-formed token or address exists."""

    def __init__(
        self,
        incidents: VendorIncidents,
        *,
        tokens: Collection[str],
        users: Collection[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._incidents = incidents
        self._tokens = frozenset(tokens)
        self._users = frozenset(users)
        self._rate = Rate(REQUESTS_A_MINUTE, monotonic)

    def plan(self, request: web.Request, body: bytes) -> Plan:
        """What becomes of a request."""
        limits: dict[str, str] = {}
        try:
            token = self._token(request.headers)
            wait_seconds = self._rate.wait_seconds(token)
            limits = {
                "ratelimit-limit": str(self._rate.limit),
                "ratelimit-remaining": str(self._rate.remaining(token)),
                "ratelimit-reset": str(self._rate.reset_seconds(token)),
            }
            if wait_seconds:
                raise RestError(429, 2020, "Rate Limit Exceeded")
            acts, answer = self._planned(request, body)
        except RestError as error:
            refusal = web.json_response(error.body, status=error.status, headers=limits)
            return Plan(answer=lambda: refusal)
        return Plan(answer=lambda: web.json_response(answer(), headers=limits), acts=acts)

    def _planned(self, request: web.Request, body: bytes) -> tuple[list[Act], Callable[[], dict[str, Any]]]:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["priorities"]:
                return [], lambda: listed("priorities", [priority(name) | {"name": name} for name in PRIORITIES])
            case "GET", ["incidents"]:
                found = self._found(request.query)
                return [], lambda: found
            case "GET", ["incidents", id_]:
                incident = self._incident(id_)
                return [], lambda: {"incident": incident_of(incident)}
            case "GET", ["incidents", id_, "log_entries"]:
                entries = [log_entry_of(self._incident(id_), step) for step in self._incident(id_).history]
                return [], lambda: listed("log_entries", [entry for entry in reversed(entries) if entry])
            case "GET", ["incidents", id_, "alerts"]:
                alerts = alerts_of(self._incident(id_))
                return [], lambda: listed("alerts", alerts)
            case "GET", ["incidents", id_, "notes"]:
                notes = [note_of(step) for step in self._incident(id_).steps("annotate")]
                return [], lambda: {"notes": notes[::-1]}
            case "PUT", ["incidents", id_]:
                return self._put(self._incident(id_), request, body)
            case "POST", ["incidents", id_, "notes"]:
                return self._note(self._incident(id_), request, body)
            case "POST", ["incidents", id_, "status_updates"]:
                return self._status_update(self._incident(id_), request, body)
        raise RestError(404, 2100, "Not Found")

    def _token(self, headers: Mapping[str, str]) -> str:
        match = _TOKEN.fullmatch(headers.get("Authorization", ""))
        if not match or (self._tokens and match[1] not in self._tokens):
            raise RestError(401, 2006, "Authentication failed")
        return match[1]

    def _from(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The user who changes something."""
        email = headers.get("From", "")
        if not email:
            raise _invalid("From header is required")
        if not _EMAIL.fullmatch(email) or (self._users and email not in self._users):
            raise RestError(400, 1008, "Requester User Not Found")
        return user(email)

    def _incident(self, id_: str) -> VendorIncident:
        incident = self._incidents.find(id_)
        if incident is None:
            raise RestError(404, 2100, "Not Found")
        return incident

    def _found(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The incidents that are asked for, oldest first by default; without `date_range=all` of the last month."""
        statuses = [value for name, value in query.items() if name == "statuses[]"] or list(STATUSES)
        if unknown := sorted(set(statuses) - set(STATUSES)):
            raise _invalid(f"Invalid status: {unknown[0]}")
        if not 1 <= int(query.get("limit", "25")) <= LIMIT:
            raise _invalid(f"Limit must be between 1 and {LIMIT}")
        since = "" if query.get("date_range") == "all" else (datetime.now(UTC) - timedelta(days=30)).isoformat()
        key = query.get("incident_key")
        services = {value for name, value in query.items() if name == "service_ids[]"}
        found = [
            incident_of(incident)
            for incident in self._incidents.all
            if incident.status in statuses
            and (key is None or key in incident.alerts)
            and (not services or incident.service in services)
            and incident.opened_at >= since
        ]
        if query.get("sort_by") == "created_at:desc":
            found.reverse()
        return listed("incidents", found, limit=int(query.get("limit", "25")))

    def _put(
        self, incident: VendorIncident, request: web.Request, body: bytes
    ) -> tuple[list[Act], Callable[[], dict[str, Any]]]:
        agent, given = self._from(request.headers), _object(request, body, "incident")
        if given.get("type") not in ("incident", "incident_reference"):
            raise _invalid("Incident type must be incident or incident_reference")
        acts: list[tuple[str, dict[str, str]]] = []
        if "status" in given:
            if given["status"] not in ("acknowledged", "resolved"):
                raise RestError(400, 1003, "Invalid Status Provided")
            if incident.status == "resolved":
                raise RestError(400, 1001, "Incident Already Resolved")
            acts.append(("acknowledge" if given["status"] == "acknowledged" else "resolve", {}))
        if "priority" in given:
            names = {priority(name)["id"]: name for name in PRIORITIES}
            named = given["priority"] if isinstance(given["priority"], dict) else {}
            if named.get("type") not in ("priority", "priority_reference") or named.get("id") not in names:
                raise RestError(400, 1020, "Invalid Priority")
            acts.append(("prioritize", {"priority": names[named["id"]]}))
        if "title" in given:
            acts.append(("retitle", {"title": _text(given, "title", "Title")}))
        return [_act(incident, action, agent, **about) for action, about in acts], lambda: {
            "incident": incident_of(incident)
        }

    def _note(
        self, incident: VendorIncident, request: web.Request, body: bytes
    ) -> tuple[list[Act], Callable[[], dict[str, Any]]]:
        agent = self._from(request.headers)
        text = _text(_object(request, body, "note"), "content", "Content")
        return [_act(incident, "annotate", agent, text=text)], lambda: {"note": note_of(incident.steps("annotate")[-1])}

    def _status_update(
        self, incident: VendorIncident, request: web.Request, body: bytes
    ) -> tuple[list[Act], Callable[[], dict[str, Any]]]:
        agent, text = self._from(request.headers), _text(_object(request, body), "message", "Message")
        id_ = incident.next_step_id
        return [_act(incident, "status_update", agent, text=text)], lambda: {
            "status_update": {"id": id_, "message": text, "created_at": incident.history[-1]["at"], "sender": agent}
        }


def _act(incident: VendorIncident, action: str, agent: dict[str, str], **about: str) -> Act:
    return {"incident": incident.id, "action": action, "agent": agent, "about": about}


def _object(request: web.Request, body: bytes, wrapper: str = "") -> dict[str, Any]:
    """The entity in a body, in its wrapper."""
    if request.content_type != "application/json":
        raise _invalid("Content-Type must be application/json")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise RestError(400, 2002, "Arguments Caused Error", "The request body is not valid JSON") from None
    if isinstance(given, dict) and wrapper:
        given = given.get(wrapper)
    if not isinstance(given, dict):
        raise RestError(400, 2003, "Missing Arguments", f"{wrapper or 'The request body'} must be an object")
    return given


def _text(given: Mapping[str, Any], field: str, name: str) -> str:
    text = given.get(field)
    if not isinstance(text, str) or not text.strip():
        raise _invalid(f"{name} cannot be empty")
    return text
