"""What is said of forwarders that harm one another, or may not do what was meant: a customer's numbers are at stake."""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from slo.config.entries import Entry
from slo.config.forwarding import PostingConfig, TelemetryConfig
from slo.config.hosts import is_loopback
from slo.config.report import Report
from slo.config.schema import ForwarderKeys
from slo.config.secret import Secret
from slo.core.matching import is_for
from slo.core.slo import SLO


def refuse_rivals(forwarders: Sequence[Entry[ForwarderKeys]], report: Report) -> None:
    """Of what only one forwarder may have there is one."""
    known: dict[tuple[object, ...], Entry[ForwarderKeys]] = {}
    for entry in forwarders:
        sole = entry.config.sole if isinstance(entry.config, TelemetryConfig) else ()
        other = known.setdefault(sole, entry) if sole else entry
        if other is not entry:
            problem = (
                f"{sole[0]} is what {other.name}, {report.beside(entry.at, other.at)}, is called in that account too"
            )
            report.tell(
                (*entry.at, "owner"), problem, "give each an owner of its own: they would delete each other's SLOs"
            )


def warn_of_forwarders(
    forwarders: Sequence[Entry[ForwarderKeys]], slos: Sequence[SLO], customers: Collection[str], report: Report
) -> None:
    """Of credentials in the clear, of a selection that selects no SLO, and of one that nobody made.

    Customers are those under `customers`, and those whom SLOs name in their labels.
    """
    named = {*customers, *(slo.labels["customer"] for slo in slos if "customer" in slo.labels)}
    for entry in forwarders:
        if isinstance(entry.config, PostingConfig):
            _warn_of_plain(entry, entry.config, report)
        if isinstance(entry.config, TelemetryConfig):
            _warn_of_selection(entry, entry.config, slos, named, report)


def _warn_of_plain(entry: Entry[ForwarderKeys], config: PostingConfig, report: Report) -> None:
    url = urlsplit(config.url)
    secrets = [name for name in type(config).model_fields if isinstance(getattr(config, name), Secret)]
    named = config.headers or config.basic_auth or secrets
    if named and url.scheme == "http" and not is_loopback(url.hostname or ""):
        problem = "is plain HTTP to another machine: whoever is on the way reads the credentials"
        report.warn((*entry.at, "url"), problem, "write https")


def _warn_of_selection(
    entry: Entry[ForwarderKeys],
    config: TelemetryConfig,
    slos: Sequence[SLO],
    customers: Collection[str],
    report: Report,
) -> None:
    if not config.match and len(customers) > 1 and "match" not in config.model_fields_set:
        problem = f"gets the telemetry of all {len(customers)} customers"
        mend = "add `match: [customer=NAME]`, or `match: []` where that is what it is for"
        report.warn(entry.at, problem, mend)
    elif config.match and slos and not any(slo.group_by or is_for(slo.labels, config.match) for slo in slos):
        matchers = ", ".join(map(str, config.match))
        report.warn((*entry.at, "match"), f"no SLO has labels that fulfil {matchers}", "no count will be sent there")
