"""A stand-in for Zendesk Support: the part of REST v2 that tickets need, as strict as the original, with its webhooks.

Beside what `slo.demo.vendors.standin` describes:

    GET    /_standin/tickets                 every ticket
    POST   /_standin/tickets                 a person opens one: {"by": USER, "subject": "...", "text": "..."}
    POST   /_standin/tickets/ID/changes      a person comments, or sets the status or the priority:
                                             {"by": USER, "text": "...", "public": true, "status": S, "priority": P}

USER is `{"id": 7, "name": "...", "is_staff": true}`; the user -1 is Zendesk's own triggers.
`python -m slo.demo.vendors.zendesk --folder DIR --user EMAIL --token TOKEN` prints its address in a line
of JSON.
"""

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from slo.demo.vendors.standin import Effect, StandIn, Webhook, now_text, serve
from slo.demo.vendors.zendesk.tickets import Refusal, Ticket, checked, parsed

KEY_LIMIT = 255
KEY_LIFETIME_SECONDS = 7200
UPDATES_IN_TEN_MINUTES = 30
"""How often one user may update one ticket."""


class ZendeskStandIn(StandIn):
    """One account. `user` and `token` are the agent that may call, `account_id` is what it is known as."""

    def __init__(self, folder: Path, *, user: str, token: str, account_id: int = 900, **keys: Any) -> None:
        self._authorization = f"Basic {b64encode(f'{user}/token:{token}'.encode()).decode()}"
        self._account = {"id": account_id, "name": "Watchkeep", "is_staff": True}
        self._tickets: dict[int, Ticket] = {}
        self._last = 0
        self._keys: dict[str, tuple[float, str, int]] = {}
        self._updates: dict[int, deque[float]] = defaultdict(deque)
        super().__init__(folder, **keys)

    @property
    def tickets(self) -> list[Ticket]:
        """Every ticket, oldest first."""
        return list(self._tickets.values())

    def create(self, by: Mapping[str, Any], subject: str, text: str, **fields: Any) -> list[Webhook]:
        """A person opens a ticket."""
        return self.act(self._creation(by, {"subject": subject, "comment": {"body": text, "public": True}, **fields}))

    def update(self, number: int, by: Mapping[str, Any], **changes: Any) -> list[Webhook]:
        """A person, or a trigger, comments or changes the status or the priority."""
        return self.act(self._change(number, by, changes))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_standin/tickets", self._show),
            web.post("/_standin/tickets", self._created_by),
            web.post("/_standin/tickets/{id:\\d+}/changes", self._changed_by),
        ]

    def apply(self, effect: Effect) -> None:
        self._last = max(self._last, effect["id"])
        changes, by = effect["changes"], effect["by"]
        if effect["do"] == "create":
            self._tickets[effect["ticket"]] = Ticket(
                id=effect["ticket"],
                subject=changes["subject"],
                created_at=effect["at"],
                submitter_id=by["id"],
                description=changes["comment"]["body"],
                external_id=changes.get("external_id"),
                tags=changes.get("tags", []),
            )
            if key := effect.get("key"):
                self._keys[key] = (self.monotonic(), json.dumps(changes, sort_keys=True), effect["ticket"])
        self._tickets[effect["ticket"]].apply(effect)

    def answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        if request.headers.get("Authorization") != self._authorization:
            return None, web.json_response({"error": "Couldn't authenticate you"}, status=401)
        try:
            return self._answer(request, body)
        except Refusal as refusal:
            return None, refusal.response

    def webhooks_of(self, effect: Effect) -> list[Webhook]:
        ticket, by, changes = self._tickets[effect["ticket"]], effect["by"], effect["changes"]
        told: list[tuple[str, dict[str, Any]]] = []
        if effect["do"] == "create":
            told.append(("created", {}))
        if comment := changes.get("comment"):
            said = {"id": effect["id"], "body": comment["body"], "is_public": comment.get("public", True), "author": by}
            told.append(("comment_added", {"comment": said}))
        if effect["do"] == "change":
            told += [
                (f"{name}_changed", {"current": changes[name].upper(), "previous": str(effect["before"][name]).upper()})
                for name in ("status", "priority")
                if name in changes and changes[name] != effect["before"][name]
            ]
        return [self._webhook(f"{effect['id']}-{name}", name, ticket, by, event) for name, event in told]

    def _webhook(
        self, number: str, name: str, ticket: Ticket, by: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Webhook:
        detail = {
            "id": str(ticket.id),
            "actor_id": str(by["id"]),
            "submitter_id": str(ticket.submitter_id),
            "subject": ticket.subject,
            "description": ticket.description,
            "status": ticket.status.upper(),
            "priority": (ticket.priority or "").upper() or None,
            "external_id": ticket.external_id,
            "tags": ticket.tags,
            "created_at": ticket.created_at,
        }
        told = {
            "type": f"zen:event-type:ticket.{name}",
            "account_id": 1,
            "id": f"event-{number}",
            "time": now_text(),
            "zendesk_event_version": "2022-11-06",
            "subject": f"zen:ticket:{ticket.id}",
            "detail": detail,
            "event": event,
        }
        body, timestamp = json.dumps(told).encode(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        digest = hmac.new(self.callback_secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "X-Zendesk-Webhook-Signature": b64encode(digest).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
        }
        return Webhook(headers=headers, body=body)

    def _answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        path = request.path.removeprefix("/api/v2").removesuffix(".json")
        match request.method, path.strip("/").split("/"):
            case "POST", ["tickets"]:
                return self._created(request, parsed(request, body))
            case "GET", ["tickets"]:
                wanted = request.query.get("external_id")
                found = [ticket for ticket in self.tickets if wanted is None or ticket.external_id == wanted]
                shown = [{"id": ticket.id, "external_id": ticket.external_id} for ticket in found]
                return None, web.json_response({"tickets": shown, "count": len(shown)})
            case "GET", ["users", "me"]:
                return None, web.json_response({"user": self._account | {"role": "agent"}})
            case "PUT", ["tickets", number]:
                ticket, changes = self._known(number), checked(parsed(request, body))
                if ticket.status == "closed":
                    raise Refusal(422, "RecordInvalid", "Status: closed prevents ticket update")
                self._count_update(ticket)
                return self._change(ticket.id, self._account, changes), web.json_response({"ticket": {"id": ticket.id}})
            case "GET", ["tickets", number, "audits"]:
                audits = self._known(number).audits
                newest_first = request.query.get("sort_order") == "desc"
                shown = (audits[::-1] if newest_first else audits)[: int(request.query.get("per_page", "100"))]
                return None, web.json_response({"audits": shown, "count": len(audits)})
        raise Refusal(404, "InvalidEndpoint", "Not found")

    def _created(self, request: web.Request, asked: Mapping[str, Any]) -> tuple[Effect | None, web.Response]:
        fields, key = checked(asked), request.headers.get("Idempotency-Key", "")
        if len(key) > KEY_LIMIT:
            raise Refusal(400, "IdempotentRequestError", "The idempotency key is too long")
        if not str(fields.get("comment", {}).get("body", "")).strip():
            raise Refusal(422, "RecordInvalid", "Description: cannot be blank")
        since, before, number = self._keys.get(key, (0.0, "", 0))
        if number and self.monotonic() - since < KEY_LIFETIME_SECONDS:
            if before != json.dumps(fields, sort_keys=True):
                raise Refusal(400, "IdempotentRequestError", "Request parameters don't match the given idempotency key")
            return None, web.json_response(
                {"ticket": {"id": number}}, status=201, headers={"x-idempotency-lookup": "hit"}
            )
        effect = self._creation(self._account, fields, key)
        shown = {"ticket": {"id": effect["ticket"]}, "audit": {"id": effect["id"]}}
        return effect, web.json_response(shown, status=201, headers={"x-idempotency-lookup": "miss"} if key else {})

    def _count_update(self, ticket: Ticket) -> None:
        now, recent = self.monotonic(), self._updates[ticket.id]
        while recent and now - recent[0] >= 600:
            recent.popleft()
        if len(recent) >= UPDATES_IN_TEN_MINUTES:
            refusal = Refusal(429, "TooManyRequests", "You have exceeded the limit of updates to this ticket")
            refusal.response.headers["Retry-After"] = str(max(1, round(600 - (now - recent[0]))))
            raise refusal
        recent.append(now)

    def _known(self, number: str) -> Ticket:
        if not number.isdigit() or int(number) not in self._tickets:
            raise Refusal(404, "RecordNotFound", "Not found")
        return self._tickets[int(number)]

    def _creation(self, by: Mapping[str, Any], fields: Mapping[str, Any], key: str = "") -> Effect:
        made = {"do": "create", "id": self._last + 1, "ticket": len(self._tickets) + 1, "by": by, "changes": fields}
        return made | {"at": now_text(), "key": key}

    def _change(self, number: int, by: Mapping[str, Any], changes: Mapping[str, Any]) -> Effect:
        ticket = self._tickets[number]
        before = {"status": ticket.status, "priority": ticket.priority}
        return {"do": "change", "id": self._last + 1, "ticket": number, "by": by, "changes": changes, "before": before}

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response({"tickets": [asdict(ticket) for ticket in self.tickets]})

    async def _created_by(self, request: web.Request) -> web.Response:
        asked = await request.json()
        fields = {name: asked[name] for name in ("priority", "tags") if name in asked}
        self.create(asked["by"], asked["subject"], asked["text"], **fields)
        return web.json_response({"id": self.tickets[-1].id}, status=201)

    async def _changed_by(self, request: web.Request) -> web.Response:
        asked = await request.json()
        changes = {name: asked[name] for name in ("status", "priority") if name in asked}
        if "text" in asked:
            changes["comment"] = {"body": asked["text"], "public": asked.get("public", True)}
        self.update(int(request.match_info["id"]), asked["by"], **changes)
        return web.json_response({}, status=201)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Record and authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--user", required=True, help="The email address of the agent that may call.")
@click.option("--token", required=True, help="The API token.")
def main(folder: Path, port: int, user: str, token: str) -> None:
    """Stand in for Zendesk until Ctrl-C."""
    asyncio.run(serve(ZendeskStandIn(folder, port=port, user=user, token=token)))
