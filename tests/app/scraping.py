"""A played watch that scrapes: what its targets say comes from the test."""

from collections.abc import Mapping
from typing import Any

from slo.app.scrapes import looked_for
from slo.core.outcome import Outcome
from slo.core.reason import State, state_of
from slo.net.attempt import Reached
from slo.net.fetch import Fetched
from slo.net.url import URL
from slo.sources.scrape import MODULE, Scraped
from slo.sources.selection import Wanted
from tests.app.played import PAIR, SLOT, PlayedWatch
from tests.sources.lives import samples

TOTAL, BAD = "http_requests_total", 'http_requests_total{code="500"}'
SLO = "api-availability"


def an_slo(name: str = SLO, *, total: str = TOTAL, bad: str = BAD, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "objective": "99%",
        "window": "1h",
        "sli": {"counters": {"total": total, "bad": bad}},
        "burn_policy": [PAIR],
        "labels": {"customer": "acme", "environment": "production"},
        **more,
    }


def configuration(*slos: dict[str, Any], targets: tuple[str, ...] = ("api",)) -> dict[str, Any]:
    """Targets by these names, scraped as often as slots end, and SLOs from their counters."""
    return {
        "slot": f"{SLOT}s",
        "scrapes": [{"name": name, "url": f"http://127.0.0.1:1/{name}", "interval": f"{SLOT}s"} for name in targets],
        "slos": list(slos or [an_slo()]),
        "destinations": [{"name": "oncall", "type": "pagerduty", "routing_key": "0" * 32}],
        "routes": {"destinations": ["oncall"], "resolve_after": "30s"},
    }


class ScrapingWatch(PlayedWatch):
    """A watch over targets whose counters grow as the test has them grow. Leaving it is a kill."""

    def scrape(self, values: Mapping[str, float], *, target: str = "api", url: str = "") -> None:
        """A scrape that is complete now; without a `url`, of the only target. Series are written as selectors are."""
        wanted = Wanted(looked_for(self.watch.settings).values())
        found = [sample for sample in samples(values) if wanted(sample[1])]
        url = url or self._url(target)
        fetched = Fetched(reached=Reached(phases={}), url=URL.parse(url))
        self._ended(target, url, "ok", Scraped(fetched=fetched, samples=found))

    def fail(self, reason: str = "connect_refused", *, target: str = "api", url: str = "") -> None:
        """A scrape that failed now."""
        self._ended(target, url or self._url(target), reason, None)

    async def slot(self, values: Mapping[str, float] | None = None, *, reason: str = "", target: str = "api") -> None:
        """A slot with one scrape in its middle, or a failure, or nothing."""
        self.time.passes(SLOT / 2)
        if values is not None:
            self.scrape(values, target=target)
        if reason:
            self.fail(reason, target=target)
        self.time.passes(SLOT / 2)
        await self.watch.parts.slots.close()

    def totals(self, slo: str = SLO) -> tuple[int, int]:
        """The good and the bad events of an SLO."""
        totals = self.watch.parts.books.engine.status(slo).totals
        return totals["good"], totals["bad"]

    def _url(self, scrape: str) -> str:
        (url,) = [url for name, url, _ in self.watch.parts.scrapes._runner._targets if name == scrape]
        return url

    def _ended(self, target: str, url: str, reason: str, facts: Scraped | None) -> None:
        outcome = Outcome(
            check=target,
            target=url,
            module=MODULE,
            at=self._clock.now(),
            state=state_of(reason),
            reason=reason,
            duration_seconds=0.25,
        )
        assert (facts is not None) == (outcome.state is State.GOOD)
        self.watch.parts.scrapes._runner.last_facts[outcome.point] = facts
        self.watch.parts.scrapes.observe(outcome)
