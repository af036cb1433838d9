"""What processes say of the telemetry that they forward."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Forwarding:
    """What is said of records on their way to whom they are forwarded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.spool_bytes = Gauge(
            "watchkeep_forwarder_spool_bytes",
            "Size of what waits on disk to be sent.",
            ["forwarder"],
            registry=registry,
        )
        self.sent = Counter(
            "watchkeep_forwarder_records_sent_total",
            "Records that the other side took.",
            ["forwarder"],
            registry=registry,
        )
        self.dropped = Counter(
            "watchkeep_forwarder_records_dropped_total",
            "Records that were given up: full, expired, disk, flood, buried (refused long ago), discarded, deselected.",
            ["forwarder", "record", "reason"],
            registry=registry,
        )
        self.failures = Counter(
            "watchkeep_forwarder_failures_total",
            "Requests that the other side did not take, by reason: made again, or kept as dead letters.",
            ["forwarder", "reason"],
            registry=registry,
        )
        self.dead = Gauge(
            "watchkeep_forwarder_dead_letters",
            "Records that the other side refused for good, and that are kept to be looked at and retried.",
            ["forwarder"],
            registry=registry,
        )
        self.success_at = Gauge(
            "watchkeep_forwarder_last_success_timestamp_seconds",
            "When the other side last took something.",
            ["forwarder"],
            registry=registry,
        )

        self.log_containers = Gauge(
            "watchkeep_forwarder_log_containers",
            "Containers whose logs are followed.",
            ["forwarder"],
            registry=registry,
        )
        self.log_unread = Gauge(
            "watchkeep_forwarder_log_unread_bytes",
            "What these have written and was not read yet, since the spool has no room, or it is new.",
            ["forwarder"],
            registry=registry,
        )
        self.log_unreadable = Gauge(
            "watchkeep_forwarder_log_unreadable",
            "Folders and files with logs of containers that could not be read at the last look.",
            ["forwarder"],
            registry=registry,
        )
        self.log_lost = Counter(
            "watchkeep_forwarder_log_lost_bytes_total",
            "What containers wrote and was gone before it was read.",
            ["forwarder"],
            registry=registry,
        )

    def forget(self, forwarder: str) -> None:
        """Say nothing of a forwarder any more: it is not configured now."""
        of_records = (self.spool_bytes, self.sent, self.dropped, self.failures, self.dead, self.success_at)
        of_logs = (self.log_containers, self.log_unread, self.log_unreadable, self.log_lost)
        for metric in (*of_records, *of_logs):
            metric.remove_by_labels({"forwarder": forwarder})
