"""The kind `service`: what a service says of its own health, part by part, in the three forms in which services do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pydantic import model_validator

from exporters.service.document import DocumentKeys, DocumentReading
from exporters.service.health import HealthKeys, HealthReading
from exporters.service.metrics import MetricsKeys, MetricsReading
from exporters.service.reading import Answer, Reading, Told
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.exposition.families import Family
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.inquiry import unhurried
from slo.net.reaching import ReachingProbe
from slo.net.request_config import RequestConfig

_FORMS = ("health", "document", "metrics")

_FAMILIES = {
    "watchkeep_service_up": "Whether the service answers, and all that it says of itself is as it should be.",
    "watchkeep_service_component_up": "Whether a component is up, by what it says and by what it says is beneath it.",
    "watchkeep_service_value": "A number of the document, by the name that it is given in the configuration.",
}


class Config(RequestConfig):
    """What one service says of itself: one of `health`, `document` and `metrics`; without any, `health`."""

    health: HealthKeys | None = None
    """It is the health document of Spring Boot's actuator, with details."""

    document: DocumentKeys | None = None
    """It is a document of JSON."""

    metrics: MetricsKeys | None = None
    """It is metrics, in Prometheus's format."""

    @model_validator(mode="after")
    def _one(self) -> "Config":
        written = [form for form in _FORMS if getattr(self, form) is not None]
        if len(written) > 1:
            raise wrong(f"has {' and '.join(written)}", "one answer has one form: write a collector for each")
        return self

    def reading(self) -> Reading:
        """How the answer is read."""
        if self.document is not None:
            return DocumentReading(self.document)
        if self.metrics is not None:
            return MetricsReading(self.metrics)
        return HealthReading(self.health or HealthKeys())


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What came of the request, without the body; `told` is what was read in it, or `unreadable` why nothing was."""

    fetched: Fetched
    told: Told | None = None
    unreadable: str = ""

    @property
    def reached(self) -> Reached:
        """How far the request got."""
        return self.fetched.reached


class ServiceCollector(ReachingProbe[Facts]):
    """Asks a service how it is."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.url
        self._context = context
        self._tokens = config.tokens(context)
        self._reading = config.reading()
        self._request = config.request(headers={"Accept": self._reading.accept}, keep_body=True)
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """What it says, or what came instead of that."""
        fetched = await fetch(self._request, self._context, deadline, tokens=self._tokens)
        response = fetched.response
        if response is None or fetched.reached.fault is not None:
            return Facts(fetched=fetched)
        bodiless = replace(fetched, response=replace(response, body=b""))
        if response.status not in self._reading.statuses:
            return Facts(fetched=bodiless)
        answer = Answer(
            body=response.body,
            content_type=b", ".join(response.lines("content-type")).decode("latin-1"),
            status=response.status,
            at=self._context.clock.now(),
        )
        try:
            told = await unhurried(lambda: self._reading.read(answer), response)
        except ValueError as error:
            return Facts(fetched=bodiless, unreadable=str(error))
        return Facts(fetched=bodiless, told=told)

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """What the service says of itself; bad where it says nothing that can be read."""
        if facts.told is not None:
            return facts.told.verdict()
        if facts.unreadable:
            return "health_unreadable", facts.unreadable
        response, statuses = facts.fetched.response, sorted(self._reading.statuses)
        return "status", f"{response.status if response else 'none'}, not {' or '.join(map(str, statuses))}"

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What the service says of itself."""
        if facts.told is not None:
            yield from facts.told.findings()

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """What the service says; that it is not up where it says nothing."""
        told = None if isinstance(facts, Fault) else facts.told
        yield Sample("watchkeep_service_up", float(told is not None and told.verdict()[0] == "ok"))
        if told is not None:
            yield from told.samples()

    async def aclose(self) -> None:
        """It keeps no connection."""


def family(name: str) -> Family | None:
    """What is said of a metric before its values; those that the service names itself have no type here."""
    if name in _FAMILIES:
        return Family(name=name, type="gauge", help=_FAMILIES[name])
    return Family(name=name, type="untyped", help="Said by the service.")


def build(config: Config, context: Context) -> ServiceCollector:
    """The collector of a configuration."""
    return ServiceCollector(config, context)
