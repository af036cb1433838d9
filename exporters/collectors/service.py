"""The kind `service`: what a service says of its own health, part by part, as Spring Boot's actuator tells it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pydantic import model_validator

from exporters.service.health import UP, Health, read_health
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.exposition.catalogue import Family
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.inquiry import unhurried
from slo.net.reaching import ReachingProbe
from slo.net.request_config import RequestConfig

FAMILIES = {
    family.name: family
    for family in (
        Family(name="watchkeep_service_up", type="gauge", help="Whether the service says that it is up."),
        Family(
            name="watchkeep_service_component_up",
            type="gauge",
            help="Whether a component of the service is up, by what it says and by what it says is beneath it.",
        ),
    )
}

ANSWERED = frozenset({200, 503})
"""The statuses that Spring Boot sends a health document with."""


class Config(RequestConfig):
    """The health document of one service."""

    components: tuple[str, ...] = ()
    """The components that it must tell of, as `redis` or `db/reader`."""

    ignored: tuple[str, ...] = ()
    """Components that may be down. The status of the whole, which they may have made, is not looked at then."""

    bare: bool = False
    """Take a document without components for healthy. Without this nothing is known then: a service that hides its
    parts says UP whatever they do."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if self.bare and (self.components or self.ignored):
            raise wrong("is bare and names components", "leave `bare` or the components out")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What came of the request, without the body; `health` is what it told, or `unreadable` why it told nothing."""

    fetched: Fetched
    health: Health | None = None
    unreadable: str = ""

    @property
    def reached(self) -> Reached:
        """How far the request got."""
        return self.fetched.reached


class ServiceCollector(ReachingProbe[Facts]):
    """Asks a service for its health."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.url
        self._config = config
        self._context = context
        self._tokens = config.tokens(context)
        self._request = config.request(headers={"Accept": "application/json"}, keep_body=True)
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """The document, or what came instead of it."""
        fetched = await fetch(self._request, self._context, deadline, tokens=self._tokens)
        response = fetched.response
        if response is None or fetched.reached.fault is not None:
            return Facts(fetched=fetched)
        bodiless = replace(fetched, response=replace(response, body=b""))
        if response.status not in ANSWERED:
            return Facts(fetched=bodiless)
        try:
            health = await unhurried(lambda: read_health(response.body), response)
        except ValueError as error:
            return Facts(fetched=bodiless, unreadable=str(error))
        return Facts(fetched=bodiless, health=health)

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """Reason and detail: bad where the service, or a part of it that counts, is not up."""
        health, response = facts.health, facts.fetched.response
        if health is None:
            if facts.unreadable:
                return "health_unreadable", facts.unreadable
            return "status", f"{response.status if response else 'none'}, not 200 or 503"
        ignored = self._config.ignored
        if ailing := {name: status for name, status in health.ailing.items() if name not in ignored}:
            return "component_down", ", ".join(f"{name} is {status}" for name, status in ailing.items())
        if health.status != UP and not ignored:
            return "health_down", f"the status is {health.status}"
        if missing := [name for name in self._config.components if name not in health.components]:
            return "health_untold", f"it does not tell of {', '.join(missing)}"
        if not health.components and not self._config.bare:
            return "health_untold", "it tells of no components: show them, or write `bare: true`"
        return "ok", ""

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """The status of the whole, and of each component."""
        if facts.health is not None:
            yield Finding(name="health", text=facts.health.status)
            for name, status in facts.health.components.items():
                yield Finding(name=name, text=status)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """What the service says; that it is not up where it says nothing."""
        health = None if isinstance(facts, Fault) else facts.health
        yield Sample("watchkeep_service_up", float(health is not None and health.status == UP))
        for name, status in health.components.items() if health else ():
            yield Sample("watchkeep_service_component_up", float(status == UP), {"component": name})

    async def aclose(self) -> None:
        """It keeps no connection."""


def family(name: str) -> Family | None:
    """What is said of a metric before its values."""
    return FAMILIES.get(name)


def build(config: Config, context: Context) -> ServiceCollector:
    """The collector of a configuration."""
    return ServiceCollector(config, context)
