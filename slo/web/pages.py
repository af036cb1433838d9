"""The page: how every SLO stands and which incidents are open, made on the server and read without scripts."""

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import jinja2
from aiohttp import web
from markupsafe import Markup

from exporters.endpoints import read
from slo.core.duration import duration_name
from slo.core.incident import Incident
from slo.core.status import SLOStatus
from slo.web.documents import in_order, time_text
from slo.web.watch import Watch
from slo.web.words import STATES, age, burn, maturity, minute, percent, spent_in

TEMPLATES = Path(__file__).parent / "templates"
REFRESH_SECONDS = 15
"""How often an open page asks again: one that stands still would show yesterday's green."""

COLOURS: Mapping[str, str] = {"burning": "#E69F00", "overspent": "#D55E00", "no_data": "#8A8F98", "ok": "#009E73"}
SHAPES: Mapping[str, str] = {
    "burning": '<path d="M8 1 15.5 15h-15z"/>',
    "overspent": '<path d="M1.5 1.5h13v13h-13z"/>',
    "no_data": '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="3"/>',
    "ok": '<circle cx="8" cy="8" r="7"/>',
}
"""Triangle, square, ring and circle, in a field of 16 by 16."""

MOST_INCIDENTS = 200
"""How many open incidents a page shows, the most urgent first: a storm opens thousands."""


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
        self._environment.globals |= {"shape": _shape, "states": STATES}
        style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
        self._environment.globals["style"] = Markup(style)  # noqa: S704  # our own file
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def routes(self) -> list[web.RouteDef]:
        """Every page."""
        return [web.get("/", self.status)]

    async def status(self, _request: web.Request) -> web.Response:
        """How everything stands."""
        statuses = await read(self._watch.statuses())
        incidents, unready = self._watch.incidents(), self._watch.unready()
        text = await asyncio.to_thread(self._render, statuses, incidents, unready)
        return web.Response(
            body=text.encode(errors="replace"),
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": self._policy},
        )

    def _render(self, statuses: Sequence[SLOStatus], incidents: Sequence[Incident], unready: Sequence[str]) -> str:
        at = max((status.at for status in statuses), default=None)
        order = {state: rank for rank, state in enumerate(STATES)}
        worst_first = sorted(statuses, key=lambda status: order[status.state])
        state = worst_first[0].state if worst_first else "no_data"
        open_incidents = in_order(incident for incident in incidents if incident.open)
        return self._environment.get_template("status.html").render(
            state=state,
            headline=headline(statuses),
            icon=_icon(state),
            refresh_seconds=REFRESH_SECONDS,
            at=at,
            unready=unready,
            incidents=[
                {
                    "incident": incident,
                    "url": f"/api/v1/incidents/{quote(incident.id, safe='')}",
                    "age": age(incident.opened_at, at) if at else "",
                }
                for incident in open_incidents[:MOST_INCIDENTS]
            ],
            further_incidents=len(open_incidents[MOST_INCIDENTS:]),
            slos=[_row(status) for status in worst_first],
        )


def headline(statuses: Sequence[SLOStatus]) -> str:
    """The state of everything in a few words, what needs people most first: `1 burning, 2 no data, 7 up`."""
    counts = Counter(status.state for status in statuses)
    if not counts:
        return "No SLOs"
    if set(counts) == {"ok"}:
        return "All up"
    return ", ".join(
        f"{counts[state]}\N{NO-BREAK SPACE}{word.lower()}" for state, word in STATES.items() if counts[state]
    )


def _burn_rates(status: SLOStatus) -> list[tuple[str, float]]:
    """The burn rates that alerts look at: those of the windows before the SLO's own, where there is data."""
    return [
        (figures.window, figures.burn_rate)
        for figures in status.windows
        if figures.burn_rate is not None and figures.seconds < status.budget.seconds
    ]


def _row(status: SLOStatus) -> dict[str, object]:
    slo, budget = status.slo, status.budget
    troubled = status.state in {"burning", "no_data"}
    return {
        "state": status.state,
        "name": slo.key,
        "url": f"/api/v1/slos/{quote(slo.key, safe='')}",
        "labels": ", ".join(f"{name}={value}" for name, value in slo.labels.items()),
        "objective": float(slo.objective),
        "sli": budget.sli,
        "remaining": budget.remaining,
        "raw": budget.raw,
        "excluded": duration_name(budget.excluded_seconds),
        "soon": spent_in(budget.exhaustion, status.at),
        "overspent": budget.remaining is not None and budget.remaining < 0,
        "other_budgets": [(other.period or other.window, other.remaining) for other in status.budgets[1:]],
        "burn_rates": _burn_rates(status),
        "maturity": maturity(status.maturity_seconds, budget.seconds),
        "reason": status.last_reason if troubled else "",
        "target": status.last_target,
    }


def _shape(state: str) -> Markup:
    """The shape of a state; the word beside it says the same."""
    return Markup('<svg viewBox="0 0 16 16" aria-hidden="true">{}</svg>').format(Markup(SHAPES[state]))  # noqa: S704


def _icon(state: str) -> str:
    """The shape as the icon of the tab, in its colour."""
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="{COLOURS[state]}" '
        f'color="{COLOURS[state]}">{SHAPES[state]}</svg>'
    )
    return "data:image/svg+xml," + quote(drawn)
