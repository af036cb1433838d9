"""Discoveries of what runs on the node of an agent: what their configurations have in common, and where they may be.

Who runs something on a node is not trusted. What is found there gets no credential unless the configuration names whose
it may be, and is reached at its own address alone.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from slo.config.aimed import OneTarget
from slo.config.report import Location, Report
from slo.config.secret import Secret
from slo.config.section import KindConfig
from slo.config.settings import DiscoveryEntry


class AgentDiscovery(KindConfig):
    """What the configuration of such a discovery inherits from."""

    @property
    @abstractmethod
    def everywhere(self) -> bool:
        """Whether anybody who may run something there may make a target of it."""

    @abstractmethod
    def of_check(self, name: str, *, formatted: bool) -> Self:
        """The same for the check of that name. Where a target is `formatted`, it has to be `host:port`."""

    @abstractmethod
    def examples(self) -> Sequence[str]:
        """Targets as it finds them, one of each form."""


def host_of(target: str) -> str:
    """The host of a target that is a URL, or `host:port`. Raises ValueError."""
    return urlsplit(target if "://" in target else f"//{target}").hostname or ""


def refuse_unfit(
    entry: DiscoveryEntry, at: Location, config: KindConfig | None, *, run_by: str, report: Report
) -> None:
    """Tell where such a discovery is of a check that agents do not run, or finds nothing that the check can have.

    `config` is that of the check; None where it has faults.
    """
    found = entry.config
    if not isinstance(found, AgentDiscovery):
        return
    if run_by != "agents":
        mend = "write `run_by: agents` beside `targets_from`, and run `watchkeep agent` on every node"
        report.tell((*at, "type"), f"{entry.type} are found by agents alone", mend)
    if getattr(config, "proxy", None) is not None:
        problem = f"{entry.type} are asked at their own addresses, and this check goes through a proxy"
        report.tell((*at, "type"), problem, "leave `proxy` out, or write another check for them")
    if not isinstance(config, OneTarget):
        return
    examples = [entry.written(example) for example in found.examples()]
    if not any(_takes(config, example) for example in examples):
        mend = "write it for a check of another type"
        if not entry.format and "://" in examples[0]:
            mend = 'write `format: "{target}"`'
        elif not entry.format and config.target_key == "url":
            mend = "write `format`, as http://{target}/health"
        report.tell(at, f"finds targets like {examples[0]}, which this check cannot have", mend)
    elif any(host_of(example) != host_of(bare) for example, bare in zip(examples, found.examples(), strict=True)):
        problem = f"makes targets like {examples[0]}, which is not where it was found"
        report.tell((*at, "format"), problem, "write it with {target} as the host, as http://{target}/health")


GETS_SECRETS = "anybody who may start a pod would get what this check logs in with"
COUNTS_FOR_OTHERS = "anybody who may start a pod would count for every service: `honor_labels` lets it say for whom"


def refuse_everywhere(discoveries: Iterable[tuple[DiscoveryEntry, Location]], problem: str, report: Report) -> None:
    """Tell where targets are found anywhere that are trusted with something: a secret, or the labels of others."""
    for entry, at in discoveries:
        if isinstance(entry.config, AgentDiscovery) and entry.config.everywhere:
            report.tell((*at, "namespaces"), problem, "name the namespaces whose pods are trusted with it")


def holds_secret(value: object) -> bool:
    """Whether a secret is anywhere in a section, also in one that was read from a file."""
    match value:
        case Secret():
            return True
        case BaseModel():
            return any(holds_secret(getattr(value, field)) for field in type(value).model_fields)
        case Mapping():
            return any(map(holds_secret, value.values()))
        case list() | tuple() | set() | frozenset():
            return any(map(holds_secret, value))
    return False


def _takes(config: OneTarget, target: str) -> bool:
    try:
        config.aimed_at(target)
    except ValidationError:
        return False
    return True
