"""`GET /scrape`: what a collector found at one target, as that server's own exporter would say it.

Nobody is asked because of a scrape: collecting has a rhythm of its own, and its last round is what is served. So a
target must be one of the configuration, a frozen server delays no scrape, and ten Prometheus cost it no more than one.
"""

from typing import Protocol

from aiohttp import web

from exporters.endpoints import SampleFaults, respond
from slo.core.outcome import Point
from slo.errors import UsageError
from slo.exposition.collected import Collected, CollectedRenderer
from slo.exposition.render import CONTENT_TYPE

MOST_KEPT = 10_000
"""Of so many targets the text is kept between scrapes: as many as a collector may have."""


class Inside(Protocol):
    """Who knows what collectors found."""

    def scraped(self, collector: str, target: str) -> Collected | None:
        """The last round of one target; None where there is none that is news. Raises UsageError for no target."""


class ScrapeEndpoint:
    """Answers `/scrape?module=COLLECTOR&target=TARGET`."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._renderers: dict[Point, CollectedRenderer] = {}
        self._faults = SampleFaults()

    async def handle(self, request: web.Request) -> web.Response:
        """Say what is known of the target that is asked for.

        400 is a question that is none, 404 a target that nobody configured, and 503 one of which nothing is known yet.
        """
        collector, target = request.query.get("module", ""), request.query.get("target", "")
        for name, value in (("module", collector), ("target", target)):
            if not value:
                return _refused(f"the parameter {name} is missing: write module=COLLECTOR&target=TARGET", status=400)
        try:
            collected = self._inside.scraped(collector, target)
        except UsageError as error:
            return _refused(str(error), status=404)
        if collected is None:
            return _refused(f"nothing is known of {target} now: its last round is missing or too old", status=503)
        text = "".join(self._renderer(collected).render([collected], on_fault=self._faults.tell))
        return await respond(request, text.encode(errors="replace"), CONTENT_TYPE)

    def _renderer(self, collected: Collected) -> CollectedRenderer:
        point = collected.outcome.point
        if point not in self._renderers:
            if len(self._renderers) >= MOST_KEPT:
                self._renderers.clear()
            self._renderers[point] = CollectedRenderer(identified=False)
        return self._renderers[point]


def _refused(sentence: str, *, status: int) -> web.Response:
    return web.Response(status=status, text=sentence + "\n")
