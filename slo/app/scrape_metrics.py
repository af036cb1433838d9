"""What is said of every target that is scraped, on the watch's own metrics."""

from slo.core.outcome import CheckKey, Outcome
from slo.core.reason import State
from slo.exposition.process_catalogue import SCRAPED, ProcessTelemetry

MOST_SHOWN = 1_000
"""Of how many targets something is said, for all scrapes together: those that came first."""


class ScrapeMetrics:
    """The metrics of targets. The one of a scrape that can have no other has no label for it, and is always there."""

    def __init__(self, telemetry: ProcessTelemetry) -> None:
        self._telemetry = telemetry
        self._shown: dict[CheckKey, tuple[str, str]] = {}

    def notice(self, outcome: Outcome, *, series: int, several: bool) -> None:
        """Say what came of a scrape. `several` says that it may have other targets too."""
        if several and outcome.key not in self._shown and len(self._shown) >= MOST_SHOWN:
            return
        labels = self._shown.setdefault(outcome.key, (outcome.check, outcome.target if several else ""))
        if outcome.state is not State.GOOD:
            self._telemetry.scrape_failures.labels(*labels, outcome.reason).inc()
        self._telemetry.scrape_duration.labels(*labels).set(outcome.duration_seconds)
        self._telemetry.scrape_series.labels(*labels).set(series)

    def forget(self, key: CheckKey) -> None:
        """A target that is not scraped any more has no metrics of its own."""
        labels = self._shown.pop(key, None)
        for metric in (
            self._telemetry.scrape_duration,
            self._telemetry.scrape_series,
            self._telemetry.scrape_failures,
        ):
            if labels:
                metric.remove_by_labels(dict(zip(SCRAPED, labels, strict=True)))
