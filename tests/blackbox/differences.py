"""Where we say something else than the blackbox exporter, and why: the table of docs/blackbox.md is made of these."""

from collections.abc import Callable, Mapping
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


OURS_ALONE = frozenset(
    {"watchkeep_probe_reason", "probe_timeout_seconds", "probe_tls_cipher_info", "probe_failed_due_to_bytes"}
)

NEWER_LABELS = {"probe_ssl_last_chain_info": "serialnumber"}

OF_ADDRESSES = frozenset({"probe_ip_protocol", "probe_ip_addr_hash"})

YEAR_1 = -62135596800.0


def without_newer_labels(values: Mapping[tuple[str, Labels], float]) -> dict[tuple[str, Labels], float]:
    """The values as Debian's 0.23 labels them."""
    return {
        (name, frozenset(label for label in labels if label[0] != NEWER_LABELS.get(name))): value
        for (name, labels), value in values.items()
    }


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
        what=(
            "`probe_timeout_seconds`, `probe_tls_cipher_info`, `probe_failed_due_to_bytes` and the label `serialnumber`"
            " of `probe_ssl_last_chain_info` are there, which Debian's 0.23 does not have."
        ),
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
        what="The body of a redirect that is not followed is read: `probe_http_uncompressed_body_length`, expressions.",
        why="They give up the response with the redirect: their length is 0, and an expression never matches.",
        covers=lambda name, labels, theirs, ours: (
            name == "probe_http_uncompressed_body_length" and theirs == 0 and bool(ours)
        ),
    ),
    Difference(
        what=(
            "`probe_http_uncompressed_body_length` is 0 where a body is refused before it is read, by its announced"
            " length or because it is not compressed as the module says."
        ),
        why="They read on and count up to the limit, or what is left after they looked for the compression.",
        covers=lambda name, labels, theirs, ours: (
            name == "probe_http_uncompressed_body_length" and bool(theirs) and ours == 0
        ),
    ),
    Difference(
        what="The metrics of a certificate and of TLS are there whenever a certificate was seen, also a refused one.",
        why="When it expired is asked while it is refused (blackbox_exporter#1119); 0.23 forgets half with starttls.",
        covers=lambda name, labels, theirs, ours: name.startswith(("probe_ssl_", "probe_tls_")) and theirs is None,
    ),
    Difference(
        what="`probe_ssl_last_chain_expiry_timestamp_seconds` is missing where nothing was verified.",
        why="There is no chain then; theirs says the year 1, -62135596800 (blackbox_exporter#653).",
        covers=lambda name, labels, theirs, ours: theirs == YEAR_1 and ours is None,
    ),
    Difference(
        what="`probe_ssl_earliest_cert_expiry` of the prober grpc is never 0.",
        why="Theirs says so where no TLS was spoken and where a call failed, which looks like 1970.",
        covers=lambda name, labels, theirs, ours: name == "probe_ssl_earliest_cert_expiry" and theirs == 0,
    ),
    Difference(
        what="Through a proxy `probe_ip_protocol` and `probe_ip_addr_hash` are those of the proxy.",
        why="It is what the probe connects to; theirs are missing with `skip_resolve_phase_with_proxy`.",
        covers=lambda name, labels, theirs, ours: name in OF_ADDRESSES and theirs is None,
    ),
)
