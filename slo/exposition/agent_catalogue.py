"""The own metrics of an agent, beside those that every process has."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from slo.exposition.forwarding import Forwarding
from slo.exposition.process_catalogue import ProcessTelemetry


class AgentTelemetry(ProcessTelemetry):
    """The own metrics of an agent. One object per process."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.forwarding = Forwarding(registry)
        self.cluster = ClusterTelemetry(registry)


class ClusterTelemetry:
    """What is said of how the API server of a cluster is followed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pods = Gauge("watchkeep_agent_pods", "Pods of the node.", registry=registry)
        self.agents = Gauge(
            "watchkeep_agent_ready_agents",
            "Agents that share the targets outside of the cluster, as far as this one knows.",
            registry=registry,
        )
        self.faults = Counter(
            "watchkeep_kubernetes_faults_total",
            "Times that the API server did not do what it was asked, by reason.",
            ["resource", "reason"],
            registry=registry,
        )
        self.lists = Gauge(
            "watchkeep_kubernetes_lists", "LISTs that were begun since the start.", ["resource"], registry=registry
        )
        self.watches = Gauge(
            "watchkeep_kubernetes_watches", "WATCHes that were begun since the start.", ["resource"], registry=registry
        )
        self.silence = Gauge(
            "watchkeep_kubernetes_silent_seconds",
            "How long ago the API server said something; where it never did, how long it has been asked.",
            ["resource"],
            registry=registry,
        )
