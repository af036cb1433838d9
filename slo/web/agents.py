"""The agents that report to the watch, over the API and as a page shows them."""

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from slo.core.reporter import Reporter, silent_first
from slo.web.answers import answer_large, only
from slo.web.documents import Document, time_text
from slo.web.watch import Watch
from slo.web.words import NOTHING, lasting


class AgentsAPI:
    """The handler, over one watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [web.get("/api/v1/agents", self.listed)]

    async def listed(self, request: web.Request) -> web.Response:
        """Every agent that is known, those first that are behind."""
        only(request.query, ())
        now, known = self._watch.now(), self._watch.agents.reporters()
        return await answer_large(
            request, lambda: {"agents": [agent_document(each, now) for each in silent_first(known, now)]}
        )


def agent_document(reporter: Reporter, now: datetime) -> Document:
    """What is known of one agent."""
    return {
        "name": reporter.name,
        "last_report_at": time_text(reporter.reported_at),
        "behind": reporter.behind(now),
        "clock_offset_seconds": reporter.clock_offset_seconds,
        "targets": reporter.targets,
        "records": reporter.records,
        "records_lost": reporter.records_lost,
    }


def agent_row(reporter: Reporter, now: datetime) -> dict[str, object]:
    """What is known of one agent, in words."""
    silent, offset = lasting(reporter.silent_for(now)), reporter.clock_offset_seconds
    behind = reporter.behind(now)
    return {
        "state": "overspent" if behind else "ok",
        "word": f"No report for {silent}" if behind else "Reports",
        "name": reporter.name,
        "reported_at": reporter.reported_at,
        "age": "" if behind else f"{silent} ago",
        "targets": reporter.targets,
        "clock": NOTHING if offset is None else f"{offset:+.1f} s",
        "records": reporter.records,
        "lost": reporter.records_lost,
    }


def behind_notice(reporters: Sequence[Reporter], now: datetime) -> str:
    """`1 of 3 agents is behind`; empty where none is."""
    behind = sum(each.behind(now) for each in reporters)
    verb = "is" if behind == 1 else "are"
    return f"{behind} of {len(reporters)} agents {verb} behind" if behind else ""
