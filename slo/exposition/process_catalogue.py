"""The own metrics that every process has, a watch or an agent: names, types, help texts and labels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

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
    """The metrics of one process, handed to the parts that count."""

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
