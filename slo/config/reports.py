"""What agents report to a watch: forwarders of agents, and what they and the watch need to agree."""

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from slo.config.entries import Entry
from slo.config.forwarding import LogsConfig
from slo.config.hosts import is_loopback
from slo.config.reading import Reading
from slo.config.report import Report
from slo.config.schema import AgentsKeys, ForwarderKeys
from slo.config.section import KindConfig
from slo.config.urls import HTTPURL
from slo.config.wrong import wrong

_API = re.compile(r"/api/v1(/outcomes)?/*\Z")


def _without_api(url: str) -> str:
    if _API.search(url):
        raise wrong("ends in /api/v1, which is added to it", f"write {_API.sub('', url)}")
    return url


class ReportingConfig(KindConfig):
    """What the `Config` of a forwarder inherits through which agents report to a watch."""

    url: Annotated[HTTPURL, AfterValidator(_without_api)]
    """Its address, without `/api/v1`."""


def warn_of_unsafe_reports(forwarders: Sequence[Entry[ForwarderKeys]], report: Report) -> None:
    """Of reports that cross a network in the clear, and the token with them."""
    for entry in forwarders:
        if isinstance(entry.config, ReportingConfig):
            url = urlsplit(entry.config.url)
            if url.scheme == "http" and not is_loopback(url.hostname or ""):
                problem = "is plain HTTP to another machine: whoever is on the way reads the token of the agents"
                report.warn((*entry.at, "url"), problem, "write https, with something before the watch that speaks TLS")


def warn_of_logs_without_agents(forwarders: Sequence[Entry[ForwarderKeys]], report: Report) -> None:
    """Of logs of containers, where nothing says that there are agents to follow them."""
    if any(isinstance(entry.config, ReportingConfig) for entry in forwarders):
        return
    for entry in forwarders:
        if isinstance(entry.config, LogsConfig) and entry.config.containers is not None:
            problem = (
                "gets logs of containers, which `watchkeep agent` follows on each node, and `watchkeep run` does not"
            )
            report.warn((*entry.at, "containers"), problem, "start agents with this configuration, or leave it out")


def warn_of_refused_reports(
    forwarders: Sequence[Entry[ForwarderKeys]], agents: Reading[AgentsKeys], report: Report
) -> None:
    """Of reports that the watch which reads this configuration would refuse, since it knows no agents."""
    if agents.has("token") and agents.values.token is None:
        for entry in forwarders:
            if isinstance(entry.config, ReportingConfig):
                problem = "takes what agents report to a watch that refuses it: `agents` is missing"
                report.warn(entry.at, problem, "add `agents: {token_file: FILE}`, with the token of the forwarder")
                return
