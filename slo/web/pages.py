"""The pages: how every SLO stands, which incidents are open, and each of them; made here, read without scripts."""

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jinja2
from aiohttp import web
from markupsafe import Markup

from exporters.endpoints import read
from slo.core.delivery import Delivery
from slo.core.events import Event
from slo.core.incident import Incident
from slo.core.outcome import Outcome
from slo.core.reporter import Reporter, silent_first
from slo.core.status import SLOStatus
from slo.errors import StoreError
from slo.web.agents import agent_row, behind_notice
from slo.web.answers import incident_in
from slo.web.documents import in_order, time_text
from slo.web.forwarders import ForwarderState, forwarder_row
from slo.web.incident_page import (
    MOST_EVENTS,
    STATUSES,
    clock_of,
    deliveries_of,
    notices_of,
    open_row,
    promises_of,
    sections_of,
    timeline_of,
)
from slo.web.probe_page import MOST_CHECKS, check_section, probe_path
from slo.web.probe_page import headline as probe_headline
from slo.web.probes import checks_of
from slo.web.shapes import icon, shape
from slo.web.status_page import headline, overall, slo_row
from slo.web.watch import Watch
from slo.web.words import STATES, burn, minute, percent

TEMPLATES = Path(__file__).parent / "templates"
REFRESH_SECONDS = 15
"""How often an open page asks again: one that stands still would show yesterday's green."""

MOST_INCIDENTS = 200
"""How many open incidents a page shows, the most urgent first: a storm opens thousands."""

MOST_AGENTS = 100
"""How many agents a page shows, those first that are behind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What a page shows beside the SLOs and incidents."""

    agents: Sequence[Reporter]
    forwarders: Sequence[ForwarderState]


class Pages:
    """The handlers of the pages, over one watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._environment = jinja2.Environment(
            autoescape=True,
            loader=jinja2.FileSystemLoader(TEMPLATES),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"percent": percent, "burn": burn, "minute": minute, "rfc3339": time_text}
        self._environment.globals |= {"shape": shape, "states": STATES, "probe_path": probe_path}
        style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
        self._environment.globals["style"] = Markup(style)  # noqa: S704  # our own file
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def routes(self) -> list[web.RouteDef]:
        """Every page."""
        return [
            web.get("/", self.status),
            web.get("/incidents/{id}", self.incident),
            web.get("/probes/{name}", self.probe),
        ]

    async def status(self, _request: web.Request) -> web.Response:
        """How everything stands."""
        statuses = await read(self._watch.statuses())
        incidents, unready = self._watch.desk.incidents(), self._watch.unready()
        shown = Beside(
            agents=self._watch.agents.reporters(),
            forwarders=await self._watch.forwarders.states(),
        )
        return self._page(await asyncio.to_thread(self._status, statuses, incidents, unready, shown))

    async def incident(self, request: web.Request) -> web.Response:
        """Everything about one incident. What the journal has is left out, and said to be, while it cannot be read."""
        incident = incident_in(self._watch.desk.incidents(), request.match_info["id"])
        unread = ""
        events: Sequence[tuple[int, Event]] = ()
        deliveries: Sequence[Delivery] = ()
        try:
            events = await self._watch.desk.history(incident.id)
            deliveries = await self._watch.desk.deliveries(incident.id)
        except StoreError as error:
            unread = f"The journal cannot be read now: {error}"
        return self._page(await asyncio.to_thread(self._incident, incident, events, deliveries, unread))

    async def probe(self, request: web.Request) -> web.Response:
        """What the checks of one probe saw last."""
        name = request.match_info["name"]
        checks = checks_of(self._watch, name)
        return self._page(await asyncio.to_thread(self._probe, name, checks))

    def _page(self, text: str) -> web.Response:
        return web.Response(
            body=text.encode(errors="replace"),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": self._policy},
        )

    def _status(
        self,
        statuses: Sequence[SLOStatus],
        incidents: Sequence[Incident],
        unready: Sequence[str],
        beside: Beside,
    ) -> str:
        now, agents = self._watch.now(), beside.agents
        order = {state: rank for rank, state in enumerate(STATES)}
        worst_first = sorted(statuses, key=lambda status: order[status.state])
        open_incidents = in_order(incident for incident in incidents if incident.open)
        state = overall(statuses, open_incidents)
        return self._environment.get_template("status.html").render(
            state=state,
            headline=headline(statuses, open_incidents),
            icon=icon(state),
            refresh_seconds=REFRESH_SECONDS,
            at=max((status.at for status in statuses), default=None),
            unready=unready,
            incidents=[
                open_row(incident, self._watch.desk.response(incident), now)
                | {"url": f"/incidents/{quote(incident.id, safe='')}"}
                for incident in open_incidents[:MOST_INCIDENTS]
            ],
            further_incidents=len(open_incidents[MOST_INCIDENTS:]),
            slos=[slo_row(status) for status in worst_first],
            agents=[agent_row(each, now) for each in silent_first(agents, now)[:MOST_AGENTS]],
            agents_behind=behind_notice(agents, now),
            further_agents=len(agents[MOST_AGENTS:]),
            forwarders=[forwarder_row(each, now) for each in beside.forwarders],
        )

    def _incident(
        self, incident: Incident, events: Sequence[tuple[int, Event]], deliveries: Sequence[Delivery], unread: str
    ) -> str:
        now, response = self._watch.now(), self._watch.desk.response(incident)
        state, word = STATUSES[incident.status]
        return self._environment.get_template("incident.html").render(
            id=incident.id,
            state=state,
            word=word,
            priority=incident.priority.value,
            summary=incident.summary,
            icon=icon(state),
            refresh_seconds=REFRESH_SECONDS if incident.open else 0,
            at=now,
            api_url=f"/api/v1/incidents/{quote(incident.id, safe='')}",
            clock=clock_of(incident, response, now),
            notices=notices_of(incident, deliveries),
            sections=sections_of(incident, response, now),
            promises=promises_of(incident),
            timeline=timeline_of(events),
            earlier_events=len(events[:-MOST_EVENTS]),
            deliveries=deliveries_of(deliveries),
            unread=unread,
        )

    def _probe(self, name: str, checks: Sequence[Sequence[Outcome]]) -> str:
        state, word = probe_headline(checks)
        return self._environment.get_template("probe.html").render(
            name=name,
            state=state,
            word=word,
            icon=icon(state),
            refresh_seconds=REFRESH_SECONDS,
            at=self._watch.now(),
            api_url=f"/api/v1/probes/{quote(name, safe='')}",
            checks=[
                check_section(outcomes, self._watch.agents.agent_of(outcomes[0].point))
                for outcomes in checks[:MOST_CHECKS]
            ],
            further_checks=len(checks[MOST_CHECKS:]),
        )
