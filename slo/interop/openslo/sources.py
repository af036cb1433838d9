"""Where OpenSLO's metrics come from: data sources, as far as they are servers of Prometheus."""

from dataclasses import dataclass, replace

from slo.config.wrong import shown
from slo.interop.indicator import Expression
from slo.interop.openslo.objects import Objects, read_description, read_metadata, read_name
from slo.interop.passage import NO_COUNTERPART, Passage, Spot
from slo.interop.server import Server
from slo.interop.values import ADDRESS, refusal

_COMPATIBLE = frozenset({"prometheus", "thanos", "mimir", "cortex", "victoriametrics"})
_ADDRESS = "url"
"""What an address is called; the specification leaves it to the sources."""

_QUERIES = ("query", "promql")
"""What a query is called; that is left to them too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """An expression, and the name of the server that evaluates it."""

    expression: Expression
    server: str


class Sources:
    """The servers that metrics are asked of. `default` is the one of those that name none."""

    def __init__(self, objects: Objects, default: Server) -> None:
        self._objects = objects
        self._default = default
        self._sorts: dict[str, str] = {}
        self.servers: dict[str, Server] = {default.name: default}

    def add(self, top: Passage) -> None:
        """Read a DataSource, which metrics may refer to from then on."""
        name = read_metadata(top).name
        spec = top.below("spec", required=True)
        spec.knows("description", "type", "connectionDetails")
        read_description(spec)
        self._sorts[name] = spec.text("type", required=True)
        spec.require("connectionDetails")
        details = Passage(top.document, (*spec.at, "connectionDetails"))
        url = top.document.text(*spec.at, "connectionDetails", _ADDRESS)
        refused = refusal(url, ADDRESS) if url else None
        if refused:
            details.note(_ADDRESS, f"is left out: {refused[0]}", refused[1])
        for key in details.keys:
            if key != _ADDRESS:
                details.lose(key, "see the keys of servers in docs/config.md")
        known = bool(url) and not refused
        self.servers[name] = Server(name=name, url=url, assumed=False) if known else self._like_default(name)

    def read_metric(self, metric: Passage) -> Metric | None:
        """One of `good`, `bad`, `total`, `raw` or `thresholdMetric`; None where it has no counterpart."""
        metric.knows("metricSource")
        source = metric.below("metricSource", required=True)
        source.knows("metricSourceRef", "type", "spec")
        server = self._server(source)
        spec = source.below("spec", required=True)
        if spec.is_there and not spec.keys:
            source.tell("spec", "is empty", "write what to ask the source for, as `query: ...`")
        key = next((key for key in _QUERIES if spec.has(key)), "")
        for other in spec.keys:
            if other != key:
                spec.lose(other, "an expression is all that a server is asked for")
        if not server or not spec.keys:
            return None
        if not key:
            source.note("spec", f"{NO_COUNTERPART}: it has no query", "write the expression as `query: ...`")
            return None
        text = spec.text(key, required=True)
        expression = Expression(spot=Spot(spec, key), text=text, must_be=False)
        return Metric(expression=expression, server=server) if text else None

    def _server(self, source: Passage) -> str:
        """The name of the server of a metric; empty where it has none, which was told or noted."""
        sort, name, key = source.text("type"), self._default.name, "type"
        if source.has("metricSourceRef"):
            name, key = read_name(source, "metricSourceRef"), "metricSourceRef"
            if sort and name and not self._objects.find("DataSource", name):
                source.note(key, "is in none of these files", "give the file with it, too")
                self.servers[name] = self._like_default(name)
            elif name and self._objects.referred("DataSource", source, key):
                sort = self._sorts[name]
        elif not sort and source.is_there:
            source.tell("", "has neither type nor metricSourceRef", "add `type: Prometheus`, or name a DataSource")
        if sort and sort.lower() not in _COMPATIBLE:
            what = f"{shown(sort)} is no server that is compatible with Prometheus"
            source.note(key, f"{NO_COUNTERPART}: {what}", "export its metrics to one")
        return name if sort.lower() in _COMPATIBLE else ""

    def _like_default(self, name: str) -> Server:
        return replace(self._default, name=name)
