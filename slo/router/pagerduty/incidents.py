"""Calls of PagerDuty's REST API v2 about incidents, through PagerDuty's own package.

Sources: https://developer.pagerduty.com/api-reference; what is read of an answer is checked, since a proxy may stand
between. Importing this costs as much as `slo.router.pagerduty.events`.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
from pagerduty import Error, RestApiV2Client

from slo.core.delivery import Ambiguous, Refused, Retry
from slo.net.retry_after import retry_after_seconds
from slo.router.answers import shown
from slo.router.pagerduty.rest import AMBIGUOUS, MISSING, Unanswered, service_of
from slo.router.pagerduty.transport import FAILURES, CuttableTransport, make_once, of_failure

ANSWER_LIMIT_BYTES = 2 * 1024 * 1024
"""The largest answer that is read: a hundred log entries have a tenth of it."""

PAGE = 100
"""How many items of a list are read, the newest: as many as PagerDuty gives at once."""

FOUND = 25
"""How many incidents under one key are looked at, to see whether they are of one service."""

Json = Mapping[str, Any]

_FOR_GOOD = frozenset({400, 402, 403, 404, 413, 422})
"""Asking again changes nothing: what is asked cannot be done, or not by this account or token."""


class IncidentsCall:
    """Requests over one connection, in a thread, to be `abandon`ed from another one. All of them raise Unanswered.

    `service` is the id of the service whose incidents are meant; empty where the account has one that is told.
    """

    def __init__(
        self, *, base_url: str, token: str, from_email: str, service: str, tls: ssl.SSLContext, phase_seconds: float
    ) -> None:
        self._token = token
        self._service = service
        self._transport = CuttableTransport(tls=tls, limit_bytes=ANSWER_LIMIT_BYTES)
        self._client = RestApiV2Client(
            token,
            default_from=from_email,
            base_url=base_url,
            transport=self._transport,
            trust_env=False,
        )
        self._client.headers["accept-encoding"] = "identity"
        make_once(self._client, phase_seconds=phase_seconds)

    def abandon(self) -> None:
        """Cut the connection, whether a request is under way or is about to be made."""
        self._transport.cut()

    def close(self) -> None:
        """Let go of the connection, in the thread that used it."""
        self._client.close()

    def find(self, key: str) -> Json | None:
        """The incident under a deduplication key: the one that is open, or the newest; None where there is none.

        One that is made of several alerts is found under the key of each. A key is that of one incident in a service,
        and in another service that of another one: where it is not known which is meant, none is taken for it.
        """
        query: dict[str, Any] = {
            "incident_key": key,
            "date_range": "all",
            "sort_by": "created_at:desc",
            "limit": FOUND,
        }
        if self._service:
            query["service_ids[]"] = [self._service]
        found = self._list("incidents", "incidents", query | {"statuses[]": ["triggered", "acknowledged"]})
        if not found:
            found = self._list("incidents", "incidents", query | {"statuses[]": ["resolved"]})
        if len({service_of(incident) for incident in found}) > 1:
            detail = f"several services have an incident under {key}: name ours with the key `service`"
            raise Unanswered(Refused(reason=AMBIGUOUS, detail=detail))
        return found[0] if found else None

    def incident(self, id_: str) -> Json:
        """The incident with that id."""
        return self._one("GET", f"incidents/{_part(id_)}", "incident")

    def keys_of(self, incident: Json) -> Sequence[str]:
        """The deduplication keys of an incident: its own, or those of the alerts that it is made of."""
        key = incident.get("incident_key")
        if isinstance(key, str) and key:
            return (key,)
        alerts = self._list(f"incidents/{_part(str(incident.get('id', '')))}/alerts", "alerts", {"limit": PAGE})
        return [alert["alert_key"] for alert in alerts if isinstance(alert.get("alert_key"), str)]

    def log(self, incident: str) -> Sequence[Json]:
        """The newest log entries of what mattered to an incident."""
        return self._list(
            f"incidents/{_part(incident)}/log_entries", "log_entries", {"is_overview": "true", "limit": PAGE}
        )

    def notes(self, incident: str) -> Sequence[Json]:
        """The notes of an incident."""
        return self._list(f"incidents/{_part(incident)}/notes", "notes")

    def note(self, incident: str, text: str) -> str:
        """Write a note; its id."""
        note = self._one("POST", f"incidents/{_part(incident)}/notes", "note", json={"note": {"content": text}})
        return str(note.get("id", ""))

    def publish(self, incident: str, text: str) -> None:
        """Send a status update to those who follow the incident."""
        self._ask("POST", f"incidents/{_part(incident)}/status_updates", json={"message": text})

    def priority_named(self, name: str) -> Json | None:
        """The priority of the account with that name."""
        return next((each for each in self._list("priorities", "priorities") if each.get("name") == name), None)

    def prioritize(self, incident: str, priority: str) -> None:
        """Give an incident the priority with that id."""
        change = {"type": "incident_reference", "priority": {"id": priority, "type": "priority_reference"}}
        self._one("PUT", f"incidents/{_part(incident)}", "incident", json={"incident": change})

    def _one(self, method: str, path: str, name: str, **given: Any) -> Json:
        one = self._ask(method, path, **given).get(name)
        if not isinstance(one, dict):
            raise Unanswered(Ambiguous(reason="response_malformed", detail=f"the answer has no {name}"))
        return one

    def _list(self, path: str, name: str, params: Json | None = None) -> Sequence[Json]:
        items = self._ask("GET", path, params=params).get(name)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unanswered(Ambiguous(reason="response_malformed", detail=f"the answer has no list of {name}"))
        return items

    def _ask(self, method: str, path: str, **given: Any) -> Json:
        try:
            response = self._client.request(method, path, **given)
        except Error as error:
            if error.response is None:
                raise Unanswered(of_failure(error.__cause__ or error)) from None
            response = error.response
        except FAILURES as error:
            raise Unanswered(of_failure(error)) from None
        if response.is_success:
            return self._read(response)
        raise Unanswered(self._refusal(response))

    def _read(self, response: httpx2.Response) -> Json:
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            said = f"HTTP {response.status_code}: {shown(response.text, self._token)}"
            raise Unanswered(Ambiguous(reason="response_malformed", detail=said))
        return answer

    def _refusal(self, response: httpx2.Response) -> Retry | Refused:
        status = response.status_code
        said = f"HTTP {status}: {shown(response.text, self._token)}"
        if status == 404 and _is_of_the_api(response):
            return Refused(reason=MISSING, detail=said)
        if status in _FOR_GOOD:
            return Refused(reason="rejected", detail=said)
        if status == 429:
            named = response.headers.get("ratelimit-reset") or response.headers.get("retry-after")
            after = retry_after_seconds(named, datetime.now(UTC))
            return Retry(reason="rate_limited", after_seconds=after, detail=said)
        return Retry(reason="server_error" if status >= 500 else "unexpected_status", detail=said)


def _is_of_the_api(response: httpx2.Response) -> bool:
    """Whether PagerDuty says so itself: a proxy, or a wrong address, answers 404 as well."""
    try:
        return isinstance(response.json()["error"]["code"], int)
    except (ValueError, RecursionError, KeyError, TypeError):
        return False


def _part(id_: str) -> str:
    """An id as a part of a path: it came from the other side."""
    return quote(id_, safe="")
