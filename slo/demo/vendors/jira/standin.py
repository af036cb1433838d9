"""A stand-in for Jira Cloud: the part of REST v3 that tickets need, as strict as the original, with its webhooks.

Beside what `slo.demo.vendors.standin` describes:

    GET    /_standin/issues                  every issue
    POST   /_standin/issues                  a person creates one: {"by": USER, "summary": "...", "priority": "High"}
    POST   /_standin/issues/KEY/comments     a person comments: {"by": USER, "text": "...", "public": true}
    POST   /_standin/issues/KEY/changes      a person sets `status` or `priority`: {"by": USER, "field": F, "to": NAME}

USER is `{"accountId": "...", "displayName": "...", "accountType": "atlassian" | "customer" | "app"}`.
`python -m slo.demo.vendors.jira --folder DIR --user EMAIL --token TOKEN` prints its address in a line of JSON.
"""

import asyncio
import hashlib
import hmac
import json
import re
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from slo.demo.vendors.jira.issues import TRANSITIONS, Issue, Issues
from slo.demo.vendors.jira.rules import (
    PROJECT,
    Refusal,
    checked_comment,
    checked_fields,
    checked_properties,
    key_of,
    parsed,
    priority_in,
)
from slo.demo.vendors.standin import Effect, StandIn, Webhook, now_text, serve

PROPERTIES_LIMIT = 5
"""How many properties a search may ask for."""

_JQL = re.compile(r'project = "([A-Z0-9_]+)" AND labels = "([^"\s]+)"( ORDER BY created (ASC|DESC))?')


class JiraStandIn(StandIn):
    """One site with one project. `user` and `token` are the account that may call, `account` is what it is known as.

    A search finds what was created `search_lag_seconds` ago.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str,
        token: str,
        account: str = "integration",
        search_lag_seconds: float = 0.0,
        **keys: Any,
    ) -> None:
        self._authorization = f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"
        self._account = {"accountId": account, "displayName": "Watchkeep", "accountType": "atlassian"}
        self._search_lag_seconds = search_lag_seconds
        self._issues = Issues(PROJECT)
        super().__init__(folder, **keys)

    @property
    def issues(self) -> list[Issue]:
        """Every issue, oldest first."""
        return list(self._issues.by_key.values())

    def create(self, by: Mapping[str, Any], summary: str, **fields: Any) -> Webhook:
        """A person creates an issue."""
        return self.act(self._creation(by, {"summary": summary, "labels": [], **fields}))[0]

    def comment(self, key: str, by: Mapping[str, Any], text: str, *, public: bool = True) -> Webhook:
        """A person comments."""
        paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
        document = {"type": "doc", "version": 1, "content": [paragraph]}
        return self.act(self._comment(key, by, {"body": document, "jsdPublic": public, "properties": []}))[0]

    def change(self, key: str, by: Mapping[str, Any], field: str, to: str) -> Webhook:
        """A person, or an automation, sets the status or the priority."""
        return self.act(self._change(key, by, field, to))[0]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_standin/issues", self._show),
            web.post("/_standin/issues", self._created_by),
            web.post("/_standin/issues/{key}/comments", self._commented_by),
            web.post("/_standin/issues/{key}/changes", self._changed_by),
        ]

    def apply(self, effect: Effect) -> None:
        self._issues.apply(effect, self.monotonic())

    def answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        if request.headers.get("Authorization") != self._authorization:
            return None, web.Response(status=401, text="Client must be authenticated to access this resource.")
        try:
            return self._answer(request, body)
        except Refusal as refusal:
            return None, refusal.response

    def webhooks_of(self, effect: Effect) -> list[Webhook]:
        issue = self._issues.by_key[effect["key"]].shown()
        told: dict[str, Any] = {"timestamp": time.time_ns() // 1_000_000, "issue": issue, "user": effect["by"]}
        if effect["do"] == "create":
            told |= {"webhookEvent": "jira:issue_created", "issue_event_type_name": "issue_created"}
        elif effect["do"] == "comment":
            comment = effect["comment"] | {"id": effect["id"], "author": effect["by"]}
            comment["body"] = _as_wiki(comment["body"])
            told |= {"webhookEvent": "comment_created", "comment": comment}
        else:
            item = {"field": effect["field"], "fromString": effect["from"], "toString": effect["to"]}
            told |= {"webhookEvent": "jira:issue_updated", "changelog": {"id": effect["id"], "items": [item]}}
        body = json.dumps(told).encode()
        digest = hmac.new(self.callback_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature": f"sha256={digest}"}
        return [Webhook(headers=headers | {"X-Atlassian-Webhook-Identifier": effect["id"]}, body=body)]

    def _answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        path = request.path.removeprefix("/rest/api/3")
        match request.method, path.strip("/").split("/"):
            case "POST", ["issue"]:
                asked = parsed(request, body)
                fields, properties = checked_fields(asked.get("fields")), checked_properties(asked)
                effect = self._creation(self._account, fields, properties)
                shown = {
                    "id": effect["id"],
                    "key": effect["key"],
                    "self": f"{self.url}/rest/api/3/issue/{effect['id']}",
                }
                return effect, web.json_response(shown, status=201)
            case "GET", ["myself"]:
                return None, web.json_response(self._account)
            case "GET", ["project", key] if key == PROJECT:
                return None, web.json_response({"key": PROJECT})
            case "POST", ["search", "jql"]:
                return None, web.json_response(self._found(parsed(request, body)))
            case "PUT", ["issue", key]:
                name = priority_in(parsed(request, body).get("fields"))
                return self._change(self._known(key).key, self._account, "priority", name), web.Response(status=204)
            case "GET", ["issue", key, "comment"]:
                return None, web.json_response(self._comments(self._known(key), request.query))
            case "POST", ["issue", key, "comment"]:
                comment = checked_comment(parsed(request, body))
                effect = self._comment(self._known(key).key, self._account, comment)
                return effect, web.json_response({"id": effect["id"]} | comment, status=201)
            case "GET", ["issue", key, "transitions"]:
                return None, web.json_response({"transitions": self._known(key).transitions()})
            case "POST", ["issue", key, "transitions"]:
                return self._transition(self._known(key), parsed(request, body)), web.Response(status=204)
        raise Refusal(404, "null for uri")

    def _known(self, key: str) -> Issue:
        if key not in self._issues.by_key:
            raise Refusal(404, "Issue does not exist or you do not have permission to see it.")
        return self._issues.by_key[key]

    def _found(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        query = _JQL.fullmatch(str(asked.get("jql", "")))
        if query is None:
            raise Refusal(400, "Error in the JQL Query, or it is unbounded.")
        before = self.monotonic() - self._search_lag_seconds
        found = [
            issue
            for issue in self.issues
            if query[1] == PROJECT and query[2] in issue.fields.get("labels", []) and issue.seen_at <= before
        ]
        wanted = asked.get("properties", [])
        if len(wanted) > PROPERTIES_LIMIT:
            raise Refusal(400, "Too many issue properties were asked for.")
        with_key = bool(asked.get("fields"))
        shown = [
            {"id": issue.id}
            | ({"key": issue.key, "fields": {}} if with_key else {})
            | ({"properties": issue.properties_among(wanted)} if wanted else {})
            for issue in found
        ]
        return {"issues": shown[: int(asked.get("maxResults", 50))], "isLast": True}

    def _comments(self, issue: Issue, query: Mapping[str, str]) -> dict[str, Any]:
        newest_first = query.get("orderBy", "") == "-created"
        comments = issue.comments[::-1] if newest_first else issue.comments
        kept = comments[: min(100, int(query.get("maxResults", "50")))]
        if "properties" not in query.get("expand", ""):
            kept = [{name: value for name, value in comment.items() if name != "properties"} for comment in kept]
        return {"startAt": 0, "total": len(comments), "comments": kept}

    def _transition(self, issue: Issue, asked: Mapping[str, Any]) -> Effect:
        number = key_of(asked.get("transition"), "id")
        if number not in [each["id"] for each in issue.transitions()]:
            raise Refusal(
                400, f"It seems that you have tried to perform a workflow operation ({number}) that is not valid."
            )
        return self._change(issue.key, self._account, "status", TRANSITIONS[number][1])

    def _creation(
        self, by: Mapping[str, Any], fields: Mapping[str, Any], properties: Sequence[Mapping[str, Any]] = ()
    ) -> Effect:
        made = {"do": "create", "id": self._issues.next_id(), "key": self._issues.next_key(), "by": by}
        return made | {"fields": fields, "properties": list(properties), "at": now_text()}

    def _comment(self, key: str, by: Mapping[str, Any], comment: Mapping[str, Any]) -> Effect:
        return {"do": "comment", "id": self._issues.next_id(), "key": key, "by": by, "comment": comment}

    def _change(self, key: str, by: Mapping[str, Any], field: str, to: str) -> Effect:
        issue = self._issues.by_key[key]
        before = issue.status if field == "status" else issue.fields.get("priority", {}).get("name", "")
        change = {"field": field, "from": before, "to": to}
        return {"do": "change", "id": self._issues.next_id(), "key": key, "by": by} | change

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response({"issues": [asdict(issue) for issue in self.issues]})

    async def _created_by(self, request: web.Request) -> web.Response:
        asked = await request.json()
        fields = {"priority": {"name": asked["priority"]}} if "priority" in asked else {}
        self.create(asked["by"], asked["summary"], **fields)
        return web.json_response({"key": self.issues[-1].key}, status=201)

    async def _commented_by(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.comment(request.match_info["key"], asked["by"], asked["text"], public=asked.get("public", True))
        return web.json_response({}, status=201)

    async def _changed_by(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.change(request.match_info["key"], asked["by"], asked["field"], asked["to"])
        return web.json_response({}, status=201)


def _as_wiki(document: Mapping[str, Any]) -> str:
    """Webhooks have bodies as text, not as documents."""
    return "\n".join(
        "".join(str(node.get("text", "")) for node in block.get("content", [])) for block in document["content"]
    )


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Record and authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--user", required=True, help="The email address of the account that may call.")
@click.option("--token", required=True, help="Its API token.")
def main(folder: Path, port: int, user: str, token: str) -> None:
    """Stand in for Jira until Ctrl-C."""
    asyncio.run(serve(JiraStandIn(folder, port=port, user=user, token=token)))
