"""The discovery `pods`: the pods of an agent's node that are to be looked at, as they come, change and go."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from daemonset.annotations import Asked, asked_of_prometheus, asked_of_watchkeep
from daemonset.datadog_annotations import asked_of_datadog
from daemonset.pod_targets import PodTargets
from daemonset.ports import HIGHEST
from slo.config.agent_discovery import AgentDiscovery
from slo.config.identity import RESERVED_LABELS
from slo.config.pods import EVERYWHERE, Namespace, PodSelectorText, refuse_more_than_all
from slo.config.target_keys import OWN_LABELS as LABELS_OF_ALL
from slo.config.types import wrong
from slo.config.wrong import shown
from slo.core.label_selector import LabelSelector, is_label, parse_label_selector
from slo.core.pod import OWN_LABELS, Pod, label_name_of
from slo.core.protocols import Changing
from slo.core.target import Target
from slo.errors import Fault, PassedOver, UsageError
from slo.net.context import Context

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")


def _port(value: object) -> object:
    named = isinstance(value, str) and _PORT_NAME.fullmatch(value)
    numbered = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= HIGHEST
    if not named and not numbered:
        raise wrong(f"{shown(value)} is no port", "write a number as 6379, or the name of a container's port as http")
    return value


def _label(value: str) -> str:
    if not is_label(value):
        raise wrong(f"{shown(value)} is no label of Kubernetes", "write it as app or app.kubernetes.io/name")
    if label_name_of(value) in {*OWN_LABELS, *LABELS_OF_ALL, *RESERVED_LABELS}:
        raise wrong(f"the label {value} is set by the watch itself", "leave it out")
    return value


_PortKey = Annotated[
    int | str,
    BeforeValidator(_port),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "maximum": HIGHEST, "examples": [6379, "http"]}),
]

Annotations: TypeAlias = Literal["prometheus.io", "ad.datadoghq.com", "watchkeep"]


class Config(AgentDiscovery):
    """The pods of the node that `watchkeep agent` runs on, for checks that are `run_by: agents`.

    docs/agent/pods.md has the annotations, and what a pod's author can and cannot choose.
    """

    namespaces: tuple[Namespace, ...] = Field(min_length=1)
    """The namespaces whose pods are targets; `["*"]` are all, which a check with credentials cannot have."""

    selector: PodSelectorText | None = None
    """Which labels they have, as Kubernetes writes selectors. Default: any."""

    annotations: Annotations | None = None
    """The annotations by which pods ask for this check; pods without them are no targets then. Default: namespaces and
    labels alone decide."""

    check_name: str | None = Field(default=None, min_length=1)
    """What annotations call this check: `redisdb` at Datadog, where it has to be given. Default: its `name`."""

    port: _PortKey | None = None
    """The port where no annotation says one: a number, or the name of a container's port. Default: the only port over
    TCP that the pod declares."""

    labels: tuple[Annotated[str, AfterValidator(_label)], ...] = ()
    """Labels of the pod that the target gets, as `app.kubernetes.io/name`, then called `app_kubernetes_io_name`. It has
    `namespace`, `pod`, `node`, `container` and `workload` besides."""

    only_ready: bool = False
    """Leave pods out that are not ready. By default they are targets, so that they are seen to fail."""

    _formatted: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        refuse_more_than_all(self.namespaces)
        if self.annotations == "ad.datadoghq.com" and self.check_name is None:
            raise wrong("does not say which check of Datadog's it is", "add `check_name`, as redisdb")
        if self.check_name is not None and self.annotations in {None, "prometheus.io"}:
            raise wrong("has a `check_name` that no annotation could have", "leave it out")
        names = [label_name_of(label) for label in self.labels]
        if twin := next((label for label, name in zip(self.labels, names, strict=True) if names.count(name) > 1), None):
            raise wrong(f"has the label {twin} twice, once it is written as Prometheus does", "leave one of them out")
        return self

    @property
    def everywhere(self) -> bool:
        """Whether pods of any namespace are targets."""
        return EVERYWHERE in self.namespaces

    def of_check(self, name: str, *, formatted: bool) -> Self:
        """The same, with the name that the check has in annotations."""
        named = {"check_name": name} if self.annotations == "watchkeep" and self.check_name is None else {}
        config = self.model_copy(update=named)
        config._formatted = formatted  # noqa: SLF001 - its own, of another object
        return config

    def examples(self) -> tuple[str, ...]:
        """An address, or a URL where annotations say one."""
        address, url = "10.0.0.7:8080", "http://10.0.0.7:8080/metrics"
        if self._formatted or self.annotations is None:
            return (address,)
        return (url,) if self.annotations == "prometheus.io" else (address, url)

    def targets(self) -> PodTargets:
        """What it is in a pod that is looked at."""
        return PodTargets(
            namespaces=None if self.everywhere else frozenset(self.namespaces),
            selector=LabelSelector() if self.selector is None else parse_label_selector(self.selector),
            asked=self._asked(),
            port=self.port,
            labels={label_name_of(label): label for label in self.labels},
            only_ready=self.only_ready,
            plain=self._formatted,
        )

    def _asked(self) -> Callable[[Pod], Iterable[Asked | Fault]]:
        match self.annotations:
            case "prometheus.io":
                return asked_of_prometheus
            case "ad.datadoghq.com":
                return partial(asked_of_datadog, check=self.check_name or "")
            case "watchkeep":
                return partial(asked_of_watchkeep, check=self.check_name or "")
        return lambda _: (Asked(),)


class PodDiscovery:
    """Finds targets among the pods that all discoveries of an agent follow together."""

    def __init__(self, targets: PodTargets, pods: Changing[Mapping[str, Pod]]) -> None:
        self._targets = targets
        self._pods = pods

    async def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        """The targets of all pods, each time that some pod is another than before.

        Of a pod that cannot be one `failed` is told, once for each reason.
        """
        known: dict[str, _Known] = {}
        async for pods in self._pods.changes():
            known = {key: self._known(pod, known.get(key), failed) for key, pod in pods.items()}
            yield frozenset(target for each in known.values() for target in each.targets)

    def _known(self, pod: Pod, before: "_Known | None", failed: Callable[[Fault], None]) -> "_Known":
        """What is known of a pod, read anew only where it has changed."""
        if before is not None and before.pod is pod:
            return before
        found = list(self._targets.within(pod))
        faults = {(fault.reason, fault.detail) for fault in found if isinstance(fault, Fault)}
        for reason, detail in sorted(faults - (before.faults if before else frozenset())):
            failed(PassedOver(reason, detail=f"the pod {pod.namespace}/{pod.name}: {detail}"))
        return _Known(pod, frozenset(target for target in found if isinstance(target, Target)), frozenset(faults))


class _Known:
    """What came of one pod."""

    __slots__ = ("faults", "pod", "targets")

    def __init__(self, pod: Pod, targets: frozenset[Target], faults: frozenset[tuple[str, str]]) -> None:
        self.pod = pod
        self.targets = targets
        self.faults = faults


def build(config: Config, context: Context) -> PodDiscovery:
    """The discovery of pods. Raises UsageError where this process is no agent."""
    if context.pods is None:
        raise UsageError("pods are found by the agent of their node alone: run this check with `watchkeep agent`")
    return PodDiscovery(config.targets(), context.pods)
