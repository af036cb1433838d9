"""PagerDuty's webhooks v3: what they say, how they are signed, and how stubbornly they are delivered.

Sources: https://developer.pagerduty.com/docs/webhooks-overview, /docs/webhooks-behavior and /docs/verifying-signatures.
A webhook is tried five times on 5xx, 429, a timeout of 5 s or no connection, and dropped at once on another 4xx or on a
TLS error; after three in a row that were dropped the subscription is off, and so is what waits.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import ClientError, ClientSession, ClientSSLError, ClientTimeout

from slo.demo.vendors.pagerduty.incidents import Happening, VendorIncident, priority, reference, service, user

TIMEOUT_SECONDS = 5.0
RETRIES_AFTER_SECONDS = (20.0, 60.0, 240.0, 880.0)
"""Four more attempts over about 20 minutes."""

DROPPED_IN_A_ROW = 3

EVENT_TYPES: Mapping[str, str] = {
    "trigger": "incident.triggered",
    "acknowledge": "incident.acknowledged",
    "annotate": "incident.annotated",
    "assign": "incident.reassigned",
    "prioritize": "incident.priority_updated",
    "resolve": "incident.resolved",
    "status_update": "incident.status_update_published",
}


def event_of(happening: Happening) -> dict[str, Any] | None:
    """The event of a step; None for a step that no webhook tells of."""
    step, incident = happening.step, happening.incident
    if step["action"] not in EVENT_TYPES:
        return None
    return {
        "id": "01" + hashlib.sha256(step["id"].encode()).hexdigest()[:24].upper(),
        "event_type": EVENT_TYPES[step["action"]],
        "resource_type": "incident",
        "occurred_at": step["at"],
        "agent": step["agent"],
        "client": None,
        "data": _data(incident, step),
    }


def ping(at: str) -> dict[str, Any]:
    """The event of the button that tries a subscription."""
    return {
        "id": "01" + uuid.uuid4().hex[:24].upper(),
        "event_type": "pagey.ping",
        "resource_type": "pagey",
        "occurred_at": at,
        "agent": user("Somebody who tries it"),
        "client": None,
        "data": {"message": "Hello from your friend Pagey!", "type": "ping"},
    }


def _data(incident: VendorIncident, step: Mapping[str, Any]) -> dict[str, Any]:
    """A note or a status update does not hold its incident's key, only a reference to the incident."""
    if step["action"] in ("annotate", "status_update"):
        kind, text = (
            ("incident_note", "content") if step["action"] == "annotate" else ("incident_status_update", "message")
        )
        at = reference("incident", incident.id, incident.summary)
        return {"incident": at, "id": step["id"], text: step["text"], "trimmed": False, "type": kind}
    where = reference("incident", incident.id, incident.summary)
    return {
        "id": incident.id,
        "type": "incident",
        "self": where["self"],
        "html_url": where["html_url"],
        "number": incident.number,
        "status": incident.status,
        "incident_key": incident.incident_key,
        "created_at": incident.opened_at,
        "title": incident.summary,
        "service": service(incident.service),
        "assignees": [] if incident.status == "resolved" else [user(incident.assignee)],
        "teams": [],
        "priority": priority(incident.priority) if incident.priority else None,
        "urgency": "high",
        "conference_bridge": None,
        "resolve_reason": None,
    }


def signature(body: bytes, secrets: Sequence[str]) -> str:
    """The header X-PagerDuty-Signature: one signature for each secret."""
    return ",".join("v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets)


class Webhooks:
    """One subscription, or none, and the delivery of its webhooks, one after the other."""

    def __init__(self, retries_after_seconds: Sequence[float] = RETRIES_AFTER_SECONDS) -> None:
        self._retries_after_seconds = retries_after_seconds
        self._url = ""
        self._secrets: tuple[str, ...] = ()
        self._enabled = False
        self._dropped_in_a_row = 0
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.attempts: list[dict[str, Any]] = []

    def subscribe(self, url: str, secrets: Sequence[str]) -> None:
        """Have them go there from now on, signed with all of these; an empty address is nowhere."""
        self._url, self._secrets, self._enabled, self._dropped_in_a_row = url, tuple(secrets), bool(url), 0

    def shown(self) -> dict[str, Any]:
        """The subscription and what was tried for it, without its secrets."""
        return {"url": self._url, "enabled": self._enabled, "waiting": self._waiting.qsize(), "attempts": self.attempts}

    def put(self, event: dict[str, Any] | None) -> None:
        """Deliver an event, if anybody wants it."""
        if event is not None and self._enabled:
            self._waiting.put_nowait(event)

    async def settled(self) -> None:
        """Return when nothing waits to be delivered."""
        await self._waiting.join()

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. What waits is lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS)) as session:
            while True:
                event = await self._waiting.get()
                if self._enabled:
                    delivered = await self._deliver(session, event)
                    self._dropped_in_a_row = 0 if delivered else self._dropped_in_a_row + 1
                    self._enabled = self._dropped_in_a_row < DROPPED_IN_A_ROW
                self._waiting.task_done()

    async def _deliver(self, session: ClientSession, event: dict[str, Any]) -> bool:
        body = json.dumps({"event": event}).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-PagerDuty-Signature": signature(body, self._secrets),
            "X-Webhook-Id": str(uuid.uuid4()),
        }
        for wait_seconds in (*self._retries_after_seconds, None):
            status = await self._attempt(session, body, headers)
            self.attempts.append({"event_type": event["event_type"], "id": event["id"], "status": status})
            if 200 <= status < 300:
                return True
            if wait_seconds is None or (status < 500 and status not in (0, 429)):
                return False
            await asyncio.sleep(wait_seconds)
        return False

    async def _attempt(self, session: ClientSession, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer; 0 where there was none, and 495, as nginx calls it, where TLS failed."""
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status
        except ClientSSLError:
            return 495
        except (ClientError, OSError):
            return 0
