"""SHOW GLOBAL STATUS as metrics: most of it by its own names, some of it folded into one metric with a label."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from exporters.mysql.values import Numbers, Series, labels, number
from slo.core.sample import NO_LABELS, Sample

PREFIX = "mysql_global_status_"

_POOL = "innodb_buffer_pool_pages_"
_POOL_STATES = frozenset({"data", "free", "misc", "old"})

_FOLDED = {
    "com": ("commands_total", "command"),
    "handler": ("handlers_total", "handler"),
    "connection_errors": ("connection_errors_total", "error"),
    "innodb_rows": ("innodb_row_ops_total", "operation"),
    "performance_schema": ("performance_schema_lost_total", "instrumentation"),
}
"""The beginning of a name, the metric that it is folded into, and the label that has the rest of the name."""

_FOLDS = re.compile(rf"({'|'.join(_FOLDED)})_(.+)")

TAKEN = frozenset(
    {metric for metric, _ in _FOLDED.values()}
    | {"buffer_pool_pages", "buffer_pool_dirty_pages", "buffer_pool_page_changes_total"}
)
"""Names that a status must not have by itself."""

_LATENCY = (
    "mysql_galera_evs_repl_latency_min_seconds",
    "mysql_galera_evs_repl_latency_avg_seconds",
    "mysql_galera_evs_repl_latency_max_seconds",
    "mysql_galera_evs_repl_latency_stdev",
    "mysql_galera_evs_repl_latency_sample_size",
)
"""The parts of `wsrep_evs_repl_latency`, in their order."""


@lru_cache(maxsize=8192)
def series_of(name: str) -> Series | None:
    """The metric and the labels of a status; None for one that is not told."""
    if name.startswith(_POOL):
        return _pages(name.removeprefix(_POOL))
    if folded := _FOLDS.fullmatch(name):
        metric, label = _FOLDED[folded[1]]
        return PREFIX + metric, labels(**{label: folded[2]})
    return None if name in TAKEN else (PREFIX + name, NO_LABELS)


def _pages(kind: str) -> Series | None:
    """Pages are in one state, or dirty besides; what else is counted is what was done to them, and their total."""
    if kind == "total":
        return None
    if kind == "dirty":
        return f"{PREFIX}buffer_pool_dirty_pages", NO_LABELS
    if kind in _POOL_STATES:
        return f"{PREFIX}buffer_pool_pages", labels(state=kind)
    return f"{PREFIX}buffer_pool_page_changes_total", labels(operation=kind)


def samples(status: Mapping[str, str], numbers: Numbers) -> Iterator[Sample]:
    """The status as metrics: its numbers, which are of `series_of`, and what Galera says of itself."""
    yield from numbers.samples(status)
    if status.get("wsrep_local_state_uuid"):
        told = ("wsrep_local_state_uuid", "wsrep_cluster_state_uuid", "wsrep_provider_version")
        yield Sample("mysql_galera_status_info", 1.0, labels(**{name: status.get(name) for name in told}))
    parts = [number(part) for part in status.get("wsrep_evs_repl_latency", "").split("/")]
    if len(parts) == len(_LATENCY):
        for metric, value in zip(_LATENCY, parts, strict=True):
            if value is not None:
                yield Sample(metric, value)
