"""Exclusions over the API: listed, made and taken back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from aiohttp import web

from exporters.endpoints import read
from slo.config.exclusion_keys import ExclusionKeys
from slo.core.exclusion import Exclusion, matches
from slo.core.slo import SLO
from slo.web.answers import answer, only, read_body, refusals
from slo.web.documents import Document, time_text
from slo.web.timed import Ending, when_document
from slo.web.watch import Watch


class Withdrawal(Ending):
    """What takes an exclusion back."""

    action: Literal["withdraw"]


class ExclusionsAPI:
    """The handlers, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [
            web.get("/api/v1/exclusions", self.listed),
            web.post("/api/v1/exclusions", self.add),
            web.post("/api/v1/exclusions/{name}", self.withdraw),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        """Every exclusion in force."""
        only(request.query, ())
        now = datetime.now(UTC)
        return answer({"exclusions": [exclusion_document(each, now) for each in self._watch.exclusions()]})

    async def add(self, request: web.Request) -> web.Response:
        """Make one; its keys are those of the configuration."""
        body = await read_body(request, self._body_seconds)
        with refusals():
            exclusion = ExclusionKeys.model_validate_json(body).exclusion(created_at=None)
            made = await self._watch.exclude(exclusion)
        slos = [status.slo for status in await read(self._watch.statuses())]
        warnings = doubts_about(made, slos)
        return answer({**exclusion_document(made, datetime.now(UTC)), "warnings": warnings}, status=201)

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take one back."""
        body = await read_body(request, self._body_seconds)
        with refusals():
            act = Withdrawal.model_validate_json(body)
            taken = await self._watch.withdraw_exclusion(request.match_info["name"], by=act.by, why=act.why)
        return answer(exclusion_document(taken, datetime.now(UTC)))


def doubts_about(exclusion: Exclusion, slos: Iterable[SLO]) -> list[str]:
    """What whoever made it may not have meant: it is for none of these SLOs."""
    if any(matches(exclusion, slo.name, slo.labels) for slo in slos):
        return []
    return ["it is for none of the SLOs that there are: nothing is excluded"]


def exclusion_document(exclusion: Exclusion, now: datetime) -> Document:
    """One exclusion: what is excluded, why, by whom, and when it is in force next."""
    return {
        "name": exclusion.name,
        "reason": exclusion.reason,
        "author": exclusion.author,
        "created_at": time_text(exclusion.created_at) if exclusion.created_at else None,
        "slos": list(exclusion.slos),
        "labels": dict(exclusion.labels),
        "silence": exclusion.silence,
        **when_document(exclusion.when, now),
    }
