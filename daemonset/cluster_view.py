"""The kind of collector `kubernetes`: what the API server of a cluster says of it as a whole."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from daemonset.api_client import APIClient
from daemonset.parts.access import Access, AccessKeys
from daemonset.parts.autoscalers import AutoscalerKeys, Autoscalers
from daemonset.parts.daemon_sets import DaemonSetKeys, DaemonSets
from daemonset.parts.families import family
from daemonset.parts.followed import Followed, Following
from daemonset.parts.keys import TokenFile
from daemonset.parts.nodes import NodeKeys, Nodes
from daemonset.parts.part import Part, Seen, Untold
from daemonset.parts.pending_pods import PendingPods, PodKeys
from daemonset.parts.readiness import Readiness, ReadinessSeen
from daemonset.parts.spinnaker import SpinnakerKeys, Spinnakers
from daemonset.service_account import FOLDER, ServiceAccount, api_server_of
from slo.config.section import KindConfig
from slo.config.tls import PEMFile
from slo.config.types import HTTPURL, PositiveDuration, wrong
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault, UsageError
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.reaching import ReachingProbe

__all__ = ["Config", "build", "family"]

PartName: TypeAlias = Literal["readyz", "daemonsets", "pods", "autoscalers", "nodes", "spinnaker"]

PARTS: tuple[PartName, ...] = ("readyz", "daemonsets", "pods", "autoscalers", "nodes", "spinnaker")

SETTLING_SHARE = 0.5
"""The share of the time of a round that is waited for what is not known yet, as in the first one."""


class Config(KindConfig):
    """A cluster of Kubernetes, as its API server tells of it."""

    api_server: HTTPURL | None = None
    """Where the API server is, as https://10.0.0.1:6443. Default: that of the cluster that the watch runs in, as the
    environment of its pod says, with the pod's own service account."""

    token_file: TokenFile | None = None
    """The file with the token of a service account, which is read for every request."""

    ca_file: PEMFile | None = None
    """The certificate authorities of the API server, in PEM format. Default: the pod's, or with `api_server` the
    system's."""

    parts: Annotated[tuple[PartName, ...], Field(min_length=1)] = PARTS
    """What is looked at. Default: all of it."""

    silent_after: PositiveDuration = timedelta(minutes=3)
    """For how long what was told last is believed while nothing is heard; the API server says something once a minute.
    After that a part is unknown."""

    daemonsets: DaemonSetKeys = DaemonSetKeys()
    """DaemonSets that have no pod that is ready on one of their nodes."""

    pods: PodKeys = PodKeys()
    """Pods that wait."""

    autoscalers: AutoscalerKeys = AutoscalerKeys()
    """HorizontalPodAutoscalers without headroom."""

    nodes: NodeKeys = NodeKeys()
    """Nodes that take no work."""

    spinnaker: SpinnakerKeys = SpinnakerKeys()
    """SpinnakerServices, where Spinnaker's operator is."""

    access: AccessKeys | None = None
    """The rights of an account, as {token_file: spinnaker-token}. Default: nobody's are looked at."""

    @model_validator(mode="after")
    def _usable(self) -> "Config":
        if self.api_server is not None and self.token_file is None:
            raise wrong(
                "names an `api_server` and no token for it", "write `token_file`: the pod's own is for its cluster"
            )
        unused = [part for part in PARTS if part in self.model_fields_set and part not in self.parts]
        if unused:
            raise wrong(
                f"has {unused[0]}, which is not among its parts", f"add {unused[0]} to `parts`, or leave it out"
            )
        return self

    def account(self, environ: Mapping[str, str], folder: Path = FOLDER) -> ServiceAccount:
        """The API server, and who we are there. Raises UsageError where nothing says it."""
        if self.api_server is not None and self.token_file is not None:
            ca_file = Path(self.ca_file) if self.ca_file else None
            return ServiceAccount(url=self.api_server.rstrip("/"), token_file=Path(self.token_file), ca_file=ca_file)
        url = api_server_of(environ)
        if url is None:
            raise UsageError("this is no pod of Kubernetes: write `api_server`, `token_file` and `ca_file`")
        return ServiceAccount(
            url=url,
            token_file=Path(self.token_file) if self.token_file else folder / "token",
            ca_file=Path(self.ca_file) if self.ca_file else folder / "ca.crt",
        )


_LESSER = frozenset({"pods_pending", "autoscaler_at_limit", "right_missing", "right_excessive"})
"""What is told after everything else that is wrong: what runs goes on running."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a round saw of each part, by its name, and how far the request for /readyz got, if there was one.

    `ages` are the seconds since the API server last said how a part is, of those that it has told of.
    """

    reached: Reached
    seen: Mapping[str, Seen]
    ages: Mapping[str, float]


class KubernetesCollector(ReachingProbe[Facts]):
    """Follows the parts between rounds. A round asks /readyz, and for the rest looks at what is known."""

    def __init__(self, config: Config, context: Context, account: ServiceAccount) -> None:
        self.target = account.url
        self._context = context
        self._clients = [APIClient(account, context)]
        self._parts: tuple[Part, ...] = tuple(self._made(config, account))
        self._readiness: Readiness | None = None
        if "readyz" in config.parts:
            self._readiness = Readiness(account, context)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def observe(self, deadline: float) -> Facts:
        """What is known now."""
        self._follow()
        patience = (deadline - self._context.clock.monotonic()) * SETTLING_SHARE
        asked, _ = await asyncio.gather(self._ask(deadline), self._settle(patience))
        seen: dict[str, Seen] = {} if asked is None else {"readyz": asked}
        seen |= {part.name: part.look() for part in self._parts}
        heard = {part.name: part.age_seconds for part in self._parts if isinstance(part, Followed)}
        return Facts(
            reached=Reached(phases={}) if asked is None else asked.reached,
            seen=seen,
            ages={name: age for name, age in heard.items() if age is not None},
        )

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """Everything that is not as it should be, what happened on the way to the API server before everything else."""
        if isinstance(facts, Fault):
            return super().judge(facts)
        wrong = [problem for seen in facts.seen.values() for problem in seen.problems()]
        wrong.sort(key=lambda problem: problem[0] in _LESSER)
        fault = facts.reached.fault
        if fault is not None:
            wrong.insert(0, (fault.reason, fault.detail))
        return [facts.reached.judgement(*each) for each in wrong] or super().judge(facts)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What there is in the cluster, and all that is wrong in it."""
        for seen in facts.seen.values():
            yield from seen.findings()
        for seen in facts.seen.values():
            yield from (Finding(name=reason, text=detail) for reason, detail in seen.problems())

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """What is known of each part."""
        if isinstance(facts, Fault):
            return
        for name, seen in facts.seen.items():
            known = not isinstance(seen, Untold)
            yield Sample("watchkeep_kubernetes_part_known", float(known), {"part": name})
        for name, age in facts.ages.items():
            yield Sample("watchkeep_kubernetes_view_age_seconds", age, {"part": name})
        for seen in facts.seen.values():
            yield from seen.samples()

    async def aclose(self) -> None:
        """Stop following, and let go of the API server."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._clients:
            await client.aclose()

    def _follow(self) -> None:
        """Begin what is not under way. What has ended did so by a mistake of ours, which is raised once."""
        ended = [task for task in self._tasks.values() if task.done()]
        for part in self._parts:
            task = self._tasks.get(part.name)
            if task is None or task.done():
                self._tasks[part.name] = asyncio.create_task(part.run(), name=f"cluster view: {part.name}")
        for task in ended:
            task.result()

    async def _ask(self, deadline: float) -> ReadinessSeen | None:
        return await self._readiness.ask(deadline) if self._readiness is not None else None

    async def _settle(self, patience_seconds: float) -> None:
        """Wait until every part knows something, or why it does not; no longer than that."""
        unsettled = [part.settled for part in self._parts if not part.settled.is_set()]
        try:
            async with asyncio.timeout(patience_seconds if unsettled else None):
                for settled in unsettled:
                    await settled.wait()
        except TimeoutError:
            pass

    def _made(self, config: Config, account: ServiceAccount) -> Iterator[Part]:
        clock, (client,) = self._context.clock, self._clients
        following = Following.usual(client, clock, config.silent_after.total_seconds())
        if "daemonsets" in config.parts:
            yield DaemonSets(config.daemonsets, following)
        if "pods" in config.parts:
            yield PendingPods(config.pods, following)
        if "autoscalers" in config.parts:
            yield Autoscalers(config.autoscalers, following)
        if "nodes" in config.parts:
            yield Nodes(config.nodes, following)
        if "spinnaker" in config.parts:
            yield Spinnakers(config.spinnaker, following)
        if config.access is not None:
            if config.access.token_file is not None:
                file = Path(config.access.token_file)
                client = APIClient(
                    ServiceAccount(url=account.url, token_file=file, ca_file=account.ca_file), self._context
                )
                self._clients.append(client)
            yield Access(config.access, client, clock)


def build(config: Config, context: Context) -> KubernetesCollector:
    """The collector of a configuration. Raises UsageError where nothing says where the API server is."""
    return KubernetesCollector(config, context, config.account(os.environ))
