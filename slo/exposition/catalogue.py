"""Every metric of ours, once: its name, type, help text and labels.

The figures of SLOs and the facts of probes are rendered from their own records (see `slo.exposition.render`) as the
families listed here; what is counted while the process works is held in a `prometheus_client` registry of its own.
"""

from dataclasses import dataclass
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from slo.exposition.forwarding import Forwarding


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What the exposition says of a metric before its values. `type` is `counter`, `gauge` or `untyped`."""

    name: str
    type: str
    help: str


def _table(**helps: str) -> dict[str, Family]:
    return {
        name: Family(name=name, type="counter" if name.endswith("_total") else "gauge", help=text)
        for name, text in helps.items()
    }


FAMILIES: MappingProxyType[str, Family] = MappingProxyType(
    _table(
        slo_sli_good_total="Good events of the SLI since the ledger began.",
        slo_sli_bad_total="Bad events of the SLI since the ledger began.",
        slo_sli_unknown_total="Events of the SLI that are neither good nor bad, since the ledger began.",
        slo_objective_ratio="The share of events that the SLO wants to be good.",
        slo_error_budget_remaining_ratio="Share of the error budget left; below 0 it is overspent.",
        slo_error_budget_exhaustion_timestamp_seconds="When the budget will be spent at the rate of the last hour.",
        slo_error_budget_remaining_window_ratio="The same over each of several windows that the budget is shown over.",
        slo_error_budget_remaining_raw_ratio="What would be left of the budget if nothing were excluded.",
        slo_excluded_seconds="How much of the window is excluded.",
        slo_burn_rate="Error ratio / (1 - objective) over the window, weighted by its coverage.",
        slo_window_coverage_ratio="Share of the window for which there is knowledge.",
        slo_alert_firing="Whether an alert of this severity fires.",
        probe_success="Whether the last round saw what was expected; absent while nothing is known.",
        probe_duration_seconds="How long the last round took; absent while nothing is known.",
        watchkeep_probe_last_round_timestamp_seconds="When the last round ended.",
        watchkeep_probe_reason="Why the last round was not good; always 1, and absent when it was.",
        watchkeep_collector_success="Whether the last round found all as expected; absent while nothing is known.",
        watchkeep_collector_duration_seconds="How long the last round took; absent while nothing is known.",
        watchkeep_collector_reason="Why the last round was not good; always 1, and absent when it was.",
        watchkeep_collector_last_round_timestamp_seconds="When the last round ended.",
        watchkeep_dropped_samples_total="Samples that were not served: above max_samples, twice there, or misnamed.",
        probe_timeout_seconds="The time that a round may take.",
        probe_dns_lookup_time_seconds="Time to resolve the name.",
        probe_ip_protocol="The IP version that was used: 4 or 6.",
        probe_ip_addr_hash="FNV-32a hash of the address that was used.",
        probe_redis_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_sql_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_http_duration_seconds="Time of one phase, summed over redirects; phases not reached are left out.",
        probe_http_content_length="Length of the body as the response said it, in bytes; -1 where it did not.",
        probe_http_uncompressed_body_length="Length of the body after decoding, in bytes.",
        probe_http_redirects="Redirects that were answered, a last one that was not followed included.",
        probe_http_ssl="Whether the last response came over TLS.",
        probe_http_status_code="Status code of the last response.",
        probe_http_version="HTTP version of the last response.",
        probe_http_last_modified_timestamp_seconds="The Last-Modified header of the last response.",
        probe_failed_due_to_regex="Whether the round was bad because an expression did or did not match.",
        probe_failed_due_to_cel="Whether the round was bad because of an expression in CEL.",
        probe_failed_due_to_bytes="Whether the round was bad because the bytes were not as expected.",
        probe_expect_info="What the expected bytes held; always 1.",
        probe_http_flow_duration_seconds="Time of one phase of a step; steps and phases not reached are left out.",
        probe_http_flow_status_code="Status code of the last response of a step.",
        probe_http_flow_success="Whether a step saw what was expected; absent for steps that were not reached.",
        probe_heartbeat_last_call_timestamp_seconds="When the job called last.",
        probe_heartbeat_last_end_timestamp_seconds="When the job said last that it had ended.",
        probe_heartbeat_last_run_seconds="How long the last run took whose start was told.",
        probe_canary_lag_seconds="Age of the oldest canary that the round looked for, found or not; no finer than the "
        "interval.",
        probe_canary_pending="Canaries that were put and have not been found.",
        probe_smtp_duration_seconds="Time of one phase of a session of mail; phases not reached are left out.",
        probe_smtp_ssl="Whether the session went over to TLS, or was over it from the start.",
        probe_smtp_status_code="Code of the mail server's last reply that was waited for.",
        probe_dns_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_dns_answer_rrs="Records in the answer.",
        probe_dns_authority_rrs="Records about the authority.",
        probe_dns_additional_rrs="Additional records.",
        probe_dns_query_succeeded="Whether there was a response to the question.",
        probe_dns_serial="Serial number of the zone.",
        probe_icmp_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_icmp_reply_hop_limit="Hop limit (IPv6) or TTL (IPv4) of the reply.",
        probe_grpc_duration_seconds="Time of one phase; check is all that comes after the name is resolved.",
        probe_grpc_ssl="Whether TLS was spoken.",
        probe_grpc_status_code="Status of gRPC that the call ended with.",
        probe_grpc_healthcheck_response="What the service says of itself: 1 for the one that it is.",
        probe_websocket_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_websocket_status_code="Status code of the response to the upgrade.",
        probe_websocket_connection_upgraded="Whether the server went over to WebSocket.",
        probe_websocket_failed_due_to_regex="Whether a step failed: its message did not come, or did not match.",
        probe_ssl_earliest_cert_expiry="Expiry of the certificate that expires first, Unix seconds.",
        probe_ssl_last_chain_expiry_timestamp_seconds="Expiry of the verified chain that lasts longest, Unix seconds.",
        probe_ssl_last_chain_info="The leaf certificate; always 1.",
        probe_tls_version_info="The TLS version that was agreed on; always 1.",
        probe_tls_cipher_info="The TLS cipher that was agreed on; always 1.",
        probe_tls_alpn_info="The protocol that was agreed on in the handshake; always 1.",
        probe_tls_certificate_expiry_timestamp_seconds="Expiry of each certificate of a chain, Unix seconds.",
        probe_tls_older_version_accepted="Whether the other side takes a version of TLS that is older than allowed.",
        probe_tls_client_certificate_requested="Whether the other side asks for a certificate of ours.",
        probe_tls_ocsp_info="What the stapled OCSP response says, or why there is none to believe; always 1.",
        probe_tls_ocsp_expiry_timestamp_seconds="Until when the stapled OCSP response is to be believed, Unix seconds.",
    )
)
"""The families that are rendered from records: figures of SLOs, and probe metrics by their names in the ecosystem."""

LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
QUERY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
EVALUATION_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)


DISCOVERY = ("probe", "discovery", "type")
"""The labels of a discovery: its probe, its place under `targets_from`, and its type."""


SCRAPED = ("scrape", "target")
"""The labels of a scrape. The target is empty, which is no label, where a scrape can have no other."""


class Rounds:
    """What a runner says of its rounds. `family` is what its checks are: probes, or scrapes."""

    def __init__(self, family: str, registry: CollectorRegistry) -> None:
        self.lateness = Histogram(
            f"watchkeep_{family}_lateness_seconds",
            f"How long after its due time a {family} started.",
            buckets=LATENESS_BUCKETS,
            registry=registry,
        )
        self.ended = Counter(
            f"watchkeep_{family}_rounds_total",
            f"Rounds of {family}s that ended, by state.",
            ["state"],
            registry=registry,
        )
        self.missed = Counter(
            f"watchkeep_{family}_missed_total",
            f"Rounds of {family}s that could not start within their interval.",
            registry=registry,
        )
        self.in_flight = Gauge(f"watchkeep_{family}_in_flight", f"Rounds of {family}s under way.", registry=registry)


class ProcessTelemetry:
    """A process's own metrics, as every process has them, a watch or an agent: handed to the parts that count."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.build_info = Gauge(
            "watchkeep_build_info", "Version of the running process; always 1.", ["version"], registry=registry
        )
        self.probes = Rounds("probe", registry)
        self.scrapes = Rounds("scrape", registry)
        self.scrape_failures = Counter(
            "watchkeep_scrape_failures_total",
            "Scrapes that gave no metrics, by reason.",
            [*SCRAPED, "reason"],
            registry=registry,
        )
        self.scrape_duration = Gauge(
            "watchkeep_scrape_duration_seconds", "How long the last scrape took.", SCRAPED, registry=registry
        )
        self.scrape_series = Gauge(
            "watchkeep_scrape_series",
            "Series of the last scrape that SLIs look out for; 0 where it gave no metrics.",
            SCRAPED,
            registry=registry,
        )
        self.scrape_targets = Gauge(
            "watchkeep_scrape_targets", "Targets of a scrape that are watched.", ["scrape"], registry=registry
        )
        self.scrape_targets_refused = Gauge(
            "watchkeep_scrape_targets_refused",
            "Targets of a scrape that were found and are not watched: invalid, duplicate, too_many.",
            ["scrape", "reason"],
            registry=registry,
        )
        self.probe_targets = Gauge(
            "watchkeep_probe_targets", "Targets of a probe that are watched.", ["probe"], registry=registry
        )
        self.targets_refused = Gauge(
            "watchkeep_probe_targets_refused",
            "Targets of a probe that were found and are not watched: invalid, duplicate.",
            ["probe", "reason"],
            registry=registry,
        )
        self.discovery_targets = Gauge(
            "watchkeep_discovery_targets", "Targets that a discovery found last.", DISCOVERY, registry=registry
        )
        self.discovery_success_at = Gauge(
            "watchkeep_discovery_last_success_timestamp_seconds",
            "When a discovery last found all that there is.",
            DISCOVERY,
            registry=registry,
        )
        self.discovery_failures = Counter(
            "watchkeep_discovery_failures_total",
            "Times that a discovery could not have its targets, by reason; the last ones stand then.",
            [*DISCOVERY, "reason"],
            registry=registry,
        )
        self.network_up = Gauge(
            "watchkeep_network_up",
            "Whether this machine's own network looks usable; 0 turns connection failures into unknown.",
            registry=registry,
        )
        self.clock_offset = Gauge(
            "watchkeep_clock_offset_seconds",
            "How far the time of the watch is ahead of the system clock, after the clock went back.",
            registry=registry,
        )
        self.agent_reported_at = Gauge(
            "watchkeep_agent_last_report_timestamp_seconds",
            "When a report of the agent was last put on disk here.",
            ["agent"],
            registry=registry,
        )
        self.agent_records = Counter(
            "watchkeep_agent_records_total",
            "Records that the agent reported, each once.",
            ["agent"],
            registry=registry,
        )
        self.agent_records_lost = Counter(
            "watchkeep_agent_records_lost_total",
            "Records that are missing among the numbers of the agent's: its spool could not hold them.",
            ["agent"],
            registry=registry,
        )
        self.agent_clock_offset = Gauge(
            "watchkeep_agent_clock_offset_seconds",
            "How far the newest time in the agent's last report was ahead of its arrival; below 0 it came late.",
            ["agent"],
            registry=registry,
        )
        self.agent_records_dropped = Counter(
            "watchkeep_agent_records_dropped_total",
            "Records of agents that were not counted: unreadable, unknown_check, other_interval, too_many, gone.",
            ["reason"],
            registry=registry,
        )
        self.inbox_bytes = Gauge(
            "watchkeep_inbox_size_bytes", "What agents reported and is kept on disk, as it came.", registry=registry
        )
        self.inbox_age = Gauge(
            "watchkeep_inbox_oldest_age_seconds",
            "How long ago the oldest report came that is not counted; 0 without one.",
            registry=registry,
        )
        self.reload_successful = Gauge(
            "watchkeep_config_last_reload_successful",
            "Whether the configuration that was read last is the one in force.",
            registry=registry,
        )
        self.reload_at = Gauge(
            "watchkeep_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read.",
            registry=registry,
        )
        self.http_connections = Gauge("watchkeep_http_connections", "Connections that are open.", registry=registry)
        self.http_connections_cut = Counter(
            "watchkeep_http_connections_cut_total",
            "Connections that were cut: slow to send a request, displaced by others, or refused as all were at work.",
            ["reason"],
            registry=registry,
        )
        self.http_requests = Counter(
            "watchkeep_http_requests_total",
            "Requests that this process answered, by route and status code.",
            ["route", "code"],
            registry=registry,
        )


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
