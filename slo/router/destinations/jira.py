"""Jira Service Management (Cloud): a ticket for each incident, over REST v3, and what people do there comes back.

Source: https://developer.atlassian.com/cloud/jira/platform/rest/v3/. Jira has no idempotency keys: before an issue is
created a second time it is searched for by its label, and a comment by a property. Whoever clones an issue copies its
label, and can give it to any other, so that a property of the issue, which nobody sees, says which one is meant.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Literal
from urllib.parse import quote

from pydantic import Field

from slo.config.types import HTTPURL
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.priority import Priority
from slo.core.protocols import Receiver
from slo.net.context import Context
from slo.router.calls import DeliveryTimeout
from slo.router.http_client import Manner, Unanswered
from slo.router.inbox import items_at, line_at, value_at
from slo.router.notice import is_public, notice_of
from slo.router.tickets.account import AccountConfig
from slo.router.tickets.adf import document_of_notice
from slo.router.tickets.calls import created
from slo.router.tickets.desk import Desk
from slo.router.tickets.jira import JiraInbox
from slo.router.tickets.ticket import MENDED_HERE, NOT_FOUND, Doubts, external_id, gone, marker, opens

PAGES_ONLY = False

API = "/rest/api/3"

SUMMARY_LIMIT = 255
COMMENTS_LOOKED_AT = 100
SETTLE_SECONDS = 120.0
"""How long Jira's search may not find what was written: "from a few seconds to minutes", says its documentation."""

PROPERTY = "watchkeep"
"""The property that holds the external id of an issue, and the marker of a comment."""

ISSUES_LOOKED_AT = 50

_LOOK = Manner(harmless=True, mended_here=MENDED_HERE)
_WRITE = Manner(mended_here=MENDED_HERE)
_WRITE_UNREAD = Manner(reads=False, mended_here=MENDED_HERE)


class Config(AccountConfig):
    """Which project of which site gets the tickets, and who counts as an engineer there."""

    own_fields = frozenset({"project", "issuetype", "summary", "description", "labels", "priority"})

    url: HTTPURL
    """The site, as in `https://acme.atlassian.net`."""

    engineers: tuple[str, ...] = ()
    """Whose public comments are a response: account ids, or domains of email addresses as `@provider.example`."""

    waiting_statuses: tuple[str, ...] = ("Waiting for customer",)
    """The statuses in which the clock of a P1 or P2 is paused."""

    project: str = Field(pattern=r"^[A-Z][A-Z0-9_]+$")
    """The key of the project."""

    issue_type: str = Field(default="Incident", min_length=1)
    """The type of the issues that are created."""

    priorities: dict[Literal["P0", "P1", "P2"], str] = Field(default={})
    """What priorities are called there, as in `{P0: Highest, P1: High, P2: Medium}`; those not named are not set."""

    acknowledge_transition: str = ""
    """The transition that an acknowledgement makes, by its name; without it the status stays."""

    resolve_transition: str = ""
    """The transition that the end of the incident makes, by its name; without it the status stays."""

    timeout: DeliveryTimeout = timedelta(seconds=20)
    """How long telling Jira one thing may take, as a whole: up to five requests."""


class Jira:
    """One project."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._desk = desk_of(config)
        self._api = config.api(context, API, user=config.user)
        self._doubts = Doubts(settle_seconds=SETTLE_SECONDS, now=context.clock.now)

    @property
    def credential(self) -> str:
        """None: a ticket belongs to its project, and a new token is used at once."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Create the issue, or comment on it, within the timeout."""
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                if opens(message, lane):
                    return await self._create(message, lane)
                issue = lane.reference or await self._find(external_id(message))
                if not issue:
                    return Refused(reason="no_ticket", detail="there is no issue to comment on")
                try:
                    await self._go_on(issue, message, lane)
                except Unanswered as error:
                    return await self._why(error)
                return Sent(reference=issue)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        except Unanswered as error:
            return error.verdict

    async def aclose(self) -> None:
        """Close the session."""
        await self._api.aclose()

    async def _create(self, message: Message, lane: Lane) -> Verdict:
        name = external_id(message)
        if lane.attempts:
            if found := await self._find(name):
                return Sent(reference=found)
            if left := self._doubts.seconds_left(name, lane.attempts):
                return Retry(reason="unsettled", detail=f"an issue may be there that is found within {left:.0f} s")
        notice = notice_of(message)
        fields: dict[str, object] = {
            **self._config.fields,
            "project": {"key": self._config.project},
            "issuetype": {"name": self._config.issue_type},
            "summary": notice.subject[:SUMMARY_LIMIT],
            "description": document_of_notice(notice),
            "labels": [name],
            **self._priority(message),
        }
        body = {"fields": fields, "properties": [{"key": PROPERTY, "value": {"ticket": name}}]}
        issue = await created(self._doubts, name, self._api.call("POST", "/issue", body, manner=_WRITE))
        key = line_at(issue, "key")
        if not key:
            return Ambiguous(reason="response_malformed", detail="the answer names no issue")
        return Sent(reference=key)

    async def _find(self, name: str) -> str:
        """The key of the issue that was created under that name; empty where none is found."""
        query = {
            "jql": f'project = "{self._config.project}" AND labels = "{name}" ORDER BY created ASC',
            "fields": ["key"],
            "properties": [PROPERTY],
            "maxResults": ISSUES_LOOKED_AT,
        }
        found = items_at(await self._api.call("POST", "/search/jql", query, manner=_LOOK), "issues")
        ours = [issue for issue in found if value_at(issue, "properties", PROPERTY) == {"ticket": name}]
        return next((key for issue in ours if (key := line_at(issue, "key"))), "")

    async def _go_on(self, issue: str, message: Message, lane: Lane) -> None:
        """Comment, and set what follows from it. Each step may have been made before."""
        path = f"/issue/{quote(issue, safe='')}"
        if not (lane.attempts and await self._has_comment(path, marker(message))):
            await self._api.call("POST", f"{path}/comment", comment_of(message), manner=_WRITE_UNREAD)
        if message.action is Action.UPDATE and (priority := self._priority(message)):
            await self._api.call("PUT", path, {"fields": priority}, manner=_WRITE_UNREAD)
        if name := self._transition(message.action):
            await self._move(path, name)

    async def _why(self, error: Unanswered) -> Verdict:
        """Why nothing could be said. Jira says alike that an issue is gone, and that we may not see it.

        Where we see its project, it is gone.
        """
        if error.verdict.reason == NOT_FOUND and await self._sees_project():
            return gone(error.verdict)
        return error.verdict

    async def _sees_project(self) -> bool:
        try:
            await self._api.call("GET", f"/project/{self._config.project}", manner=_LOOK)
        except Unanswered:
            return False
        return True

    async def _has_comment(self, path: str, name: str) -> bool:
        """Whether one of the newest comments has that marker. Comments are not searched for: they are there at once."""
        newest = f"{path}/comment?orderBy=-created&maxResults={COMMENTS_LOOKED_AT}&expand=properties"
        comments = items_at(await self._api.call("GET", newest, manner=_LOOK), "comments")
        marked = {"key": PROPERTY, "value": {"message": name}}
        return any(marked in items_at(comment, "properties") for comment in comments)

    async def _move(self, path: str, name: str) -> None:
        """Make the transition of that name where the issue's status has it; elsewhere it stands where people put it."""
        known = items_at(await self._api.call("GET", f"{path}/transitions", manner=_LOOK), "transitions")
        for transition in known:
            if line_at(transition, "name").casefold() == name.casefold():
                chosen = {"transition": {"id": line_at(transition, "id")}}
                await self._api.call("POST", f"{path}/transitions", chosen, manner=_WRITE_UNREAD)
                return

    def _transition(self, action: Action) -> str:
        if action is Action.ACKNOWLEDGE:
            return self._config.acknowledge_transition
        return self._config.resolve_transition if action is Action.RESOLVE else ""

    def _priority(self, message: Message) -> Mapping[str, object]:
        name = self._desk.priorities.get(message.priority)
        return {"priority": {"name": name}} if name else {}


def desk_of(config: Config) -> Desk:
    """Who is who in the project, and what things are called there."""
    return config.desk({Priority(name): called for name, called in config.priorities.items()})


def comment_of(message: Message) -> dict[str, object]:
    """A message as a comment, with its marker."""
    properties: list[object] = [{"key": PROPERTY, "value": {"message": marker(message)}}]
    if not is_public(message):
        properties.append({"key": "sd.public.comment", "value": {"internal": True}})
    return {"body": document_of_notice(notice_of(message)), "properties": properties}


def build(config: Config, context: Context) -> Jira:
    """The destination of a configuration."""
    return Jira(config, context)


def receiver(name: str, config: Config, context: Context) -> Receiver | None:
    """What takes Jira's webhooks; None where nothing proves that they are Jira's."""
    if config.webhook_secret is None:
        return None
    secret = config.webhook_secret.reveal()
    ask_own = partial(config.own_id, context, f"{API}/myself", "accountId", user=config.user)
    return JiraInbox(name, secret=secret, project=config.project, desk=desk_of(config), ask_own=ask_own)
