"""Where we say something else than the blackbox exporter, and why: the table of docs/blackbox.md is made of these."""

from collections.abc import Callable
from dataclasses import dataclass

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference that stays. `covers(name, labels, theirs, ours)` is whether it explains a pair of values.

    `theirs` or `ours` is None where that side has no such value.
    """

    what: str
    why: str
    covers: Callable[[str, Labels, float | None, float | None], bool]


OURS_ALONE = frozenset({"watchkeep_probe_reason", "probe_timeout_seconds", "probe_tls_cipher_info"})

DIFFERENCES = (
    Difference(
        what='Phases that a round did not reach are left out (`phase="tls"` of plain HTTP, `resolve` of an address).',
        why="Their zeros would pull averages and percentiles down (blackbox_exporter#579).",
        covers=lambda name, labels, theirs, ours: name.endswith("_duration_seconds") and not theirs and ours is None,
    ),
    Difference(
        what="`watchkeep_probe_reason{state,reason}` says why a round was not good.",
        why="One of a bounded list of reasons, so that it can be graphed and alerted on (blackbox_exporter#459).",
        covers=lambda name, labels, theirs, ours: name == "watchkeep_probe_reason" and theirs is None,
    ),
    Difference(
        what="`probe_timeout_seconds` and `probe_tls_cipher_info` are there, which Debian's 0.23 does not have.",
        why="Newer versions of the exporter have them.",
        covers=lambda name, labels, theirs, ours: name in OURS_ALONE and theirs is None,
    ),
    Difference(
        what='`probe_dns_lookup_time_seconds` and `phase="resolve"` are missing where the target is an address.',
        why="No name was looked up; a time of 0.00002 s says nothing.",
        covers=lambda name, labels, theirs, ours: (
            (name == "probe_dns_lookup_time_seconds" or ("phase", "resolve") in labels) and ours is None
        ),
    ),
    Difference(
        what="`probe_ssl_earliest_cert_expiry` of the prober grpc is never 0.",
        why="Theirs says so where no TLS was spoken and where a call failed, which looks like 1970.",
        covers=lambda name, labels, theirs, ours: name == "probe_ssl_earliest_cert_expiry" and theirs == 0,
    ),
)
