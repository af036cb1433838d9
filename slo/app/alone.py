"""What an agent does of a configuration that reports to nobody: it judges what it sees, on its own node."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from slo.app.reporting_agent import FORWARDER
from slo.app.scrapes import certain_of
from slo.config.settings import CheckEntry, ScrapeEntry, Settings
from slo.core.routing import Route
from slo.core.sli import SLI, AllOf, CheckSLI, CountersSLI, Weighted
from slo.core.slo import SLO
from slo.errors import UsageError

logger = logging.getLogger(__name__)


def alone(settings: Settings) -> Settings:
    """The checks and scrapes that agents run, and the SLOs that these can feed.

    Nobody is told: the same incident would be told by every node. Who alerts is whoever scrapes the agents. Raises
    UsageError for a configuration that says whom to report to.
    """
    if any(entry.type == FORWARDER for entry in settings.forwarders):
        raise UsageError("there is a forwarder of type central now: restart the agent to have it report")
    own = settings.run_by("agents")
    attached = [labels for entry in own.scrapes for labels in certain_of(entry)]
    fed = _fed(settings.slos, {check.name for check in own.checks}, attached)
    for name in sorted({slo.name for slo in settings.slos} - fed):
        logger.info("an SLO is not judged here: nothing that agents run feeds it", extra={"slo": name})
    return replace(
        own,
        probes=tuple(map(_here, own.probes)),
        collectors=tuple(map(_here, own.collectors)),
        scrapes=tuple(map(_scraped_here, own.scrapes)),
        servers=(),
        slos=tuple(slo for slo in settings.slos if slo.name in fed),
        destinations=(),
        routes=Route(destinations=()),
    )


def _fed(slos: Sequence[SLO], checks: set[str], attached: Sequence[Mapping[str, str]]) -> set[str]:
    """The names of the SLOs whose every definition is fed by these checks, or by scrapes with these labels."""
    fed = {slo.name for slo in slos}
    while lost := {slo.name for slo in slos if slo.name in fed and not _is_fed(slo.definition, checks, attached, fed)}:
        fed -= lost  # and then what is made of these
    return fed


def _is_fed(definition: SLI | None, checks: set[str], attached: Sequence[Mapping[str, str]], fed: set[str]) -> bool:
    match definition:
        case CheckSLI(check=check):
            return check in checks
        case CountersSLI(total=total):
            return any(map(total.may_match, attached))
        case AllOf(slos=parts):
            return fed.issuperset(parts)
        case Weighted(weights=weights):
            return fed.issuperset(name for name, _ in weights)
    return False  # agents ask no servers


def _here(check: CheckEntry) -> CheckEntry:
    return replace(check, run_by="watch")


def _scraped_here(scrape: ScrapeEntry) -> ScrapeEntry:
    return replace(scrape, run_by="watch")
