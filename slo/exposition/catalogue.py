"""The own metrics of a watch, beside those that every process has: names, types, help texts and labels.

They are held in a `prometheus_client` registry of their own. What is rendered from records is in
`slo.exposition.families`.
"""

from prometheus_client import Counter, Gauge, Histogram

from slo.exposition.forwarding import Forwarding
from slo.exposition.process_catalogue import ProcessTelemetry

QUERY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
EVALUATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)


class Telemetry(ProcessTelemetry):
    """The own metrics of a watch. One object per process."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self.forwarding = Forwarding(registry)
        self.groups = Gauge(
            "watchkeep_slo_groups", "Groups that are watched of an SLO with group_by.", ["slo"], registry=registry
        )
        self.groups_refused = Gauge(
            "watchkeep_slo_groups_refused",
            "Whether an SLO with group_by has more groups than are watched.",
            ["slo"],
            registry=registry,
        )
        self.excess_slots = Counter(
            "watchkeep_excess_slots_total",
            "Slots that are unknown because a part counted more than its total.",
            registry=registry,
        )
        self.evaluation = Histogram(
            "watchkeep_evaluation_duration_seconds",
            "Time to evaluate every SLO at one slot end.",
            buckets=EVALUATION_BUCKETS,
            registry=registry,
        )
        self.evaluated_at = Gauge(
            "watchkeep_evaluation_timestamp_seconds", "The slot end that was evaluated last.", registry=registry
        )
        self.ledger_pending = Gauge(
            "watchkeep_ledger_pending_slots", "Closed slots that are not on disk yet.", registry=registry
        )
        self.ledger_dropped = Counter(
            "watchkeep_ledger_dropped_slots_total",
            "Slots that were given up because the disk could not take them for hours.",
            registry=registry,
        )
        self.ledger_bytes = Gauge("watchkeep_ledger_size_bytes", "Size of the ledger on disk.", registry=registry)
        self.ledger_failures = Counter(
            "watchkeep_ledger_write_failures_total",
            "Writes of the ledger that failed and are tried again.",
            ["reason"],
            registry=registry,
        )
        self.journal_failures = Counter(
            "watchkeep_journal_write_failures_total",
            "Transactions of the journal that failed and are tried again.",
            ["reason"],
            registry=registry,
        )
        self.journal_events = Counter(
            "watchkeep_journal_events_total", "Events written to the journal, by kind.", ["kind"], registry=registry
        )
        self.journal_head = Gauge(
            "watchkeep_journal_head_number",
            "The number of the journal's last event; one that falls is a journal that was put back.",
            registry=registry,
        )
        self.outbox_depth = Gauge(
            "watchkeep_outbox_depth", "Messages that wait to be delivered.", ["destination"], registry=registry
        )
        self.outbox_age = Gauge(
            "watchkeep_outbox_oldest_age_seconds",
            "Age of the oldest message that waits to be delivered; 0 without one.",
            ["destination"],
            registry=registry,
        )
        self.delivery_attempts = Counter(
            "watchkeep_delivery_attempts_total",
            "Attempts to deliver a message, by verdict.",
            ["destination", "verdict"],
            registry=registry,
        )
        self.delivery_failures = Counter(
            "watchkeep_delivery_failures_total",
            "Attempts to deliver a message that failed, by reason.",
            ["destination", "reason"],
            registry=registry,
        )
        self.diverted = Counter(
            "watchkeep_deliveries_diverted_total",
            "Messages that went to the fallback of their destination.",
            ["destination", "fallback"],
            registry=registry,
        )
        self.path_broken = Gauge(
            "watchkeep_path_broken",
            "Whether what is to be told to the destination does not get through.",
            ["destination"],
            registry=registry,
        )
        self.heartbeat_at = Gauge(
            "watchkeep_heartbeat_last_success_timestamp_seconds",
            "When the dead man's switch last took a heartbeat.",
            ["destination"],
            registry=registry,
        )
        self.incidents_open = Gauge(
            "watchkeep_incidents_open", "Incidents that are open, by priority.", ["priority"], registry=registry
        )
        self.foreign_alerts = Gauge("watchkeep_foreign_alerts", "Alerts of others that are kept.", registry=registry)
        self.foreign_alerts_received = Counter(
            "watchkeep_foreign_alerts_received_total",
            "Alerts of others that came in, by way and by result: taken, own, or why they are lost.",
            ["way", "result"],
            registry=registry,
        )
        self.server_queries = Counter(
            "watchkeep_server_queries_total",
            "Queries to Prometheus-compatible servers, by result: ok, or the reason why nothing can be counted.",
            ["server", "result"],
            registry=registry,
        )
        self.server_query_duration = Histogram(
            "watchkeep_server_query_duration_seconds",
            "How long a query took, with its answer understood.",
            ["server"],
            buckets=QUERY_BUCKETS,
            registry=registry,
        )
        self.server_success_at = Gauge(
            "watchkeep_server_last_success_timestamp_seconds",
            "When the server last gave an answer that was counted.",
            ["server"],
            registry=registry,
        )
        self.server_slis_unknown = Gauge(
            "watchkeep_server_slis_unknown",
            "SLIs of the server for which nothing could be counted in the last round.",
            ["server"],
            registry=registry,
        )
        self.server_history = Gauge(
            "watchkeep_server_history_ratio",
            "Share of the SLO's windows that was read from its server, of its groups the least; 1 when all is read.",
            ["server", "slo"],
            registry=registry,
        )
        self.inbound = Counter(
            "watchkeep_webhooks_total",
            "Requests of destinations under /webhooks/, by what became of them.",
            ["way", "result"],
            registry=registry,
        )
        self.heartbeat_calls = Counter(
            "watchkeep_heartbeat_calls_total",
            "Calls under /heartbeats/, by what became of them.",
            ["result"],
            registry=registry,
        )
