"""From a pod to the targets in it: whether it is meant at all, where in it to look, and what the targets are called."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from daemonset.annotations import Asked
from daemonset.ports import PodPort, port_of
from slo.config.hosts import HostPort
from slo.core.label_selector import LabelSelector
from slo.core.pod import Pod, workload_of
from slo.core.target import Target, target_of
from slo.errors import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class PodTargets:
    """Which pods are targets, and where in them.

    `namespaces` is None for all. `asked` says what a pod asks for; a port that this leaves open is `port`, by number or
    name, and the only one of the pod where that is None too. `labels` are those of targets with the labels of pods that
    they come from. `plain` targets are `host:port`, whatever a pod says of a scheme and a path.
    """

    namespaces: frozenset[str] | None
    selector: LabelSelector
    asked: Callable[[Pod], Iterable[Asked | Fault]]
    port: int | str | None
    labels: Mapping[str, str]
    only_ready: bool
    plain: bool

    def within(self, pod: Pod) -> Iterator[Target | Fault]:
        """The targets in a pod, and why there are none where it looks as if there should be."""
        if self._is_meant(pod):
            for asked in self.asked(pod):
                yield asked if isinstance(asked, Fault) else self._target(pod, asked)

    def _is_meant(self, pod: Pod) -> bool:
        """Whether a pod is there to be looked at; one that is not ready is, so that it can be seen to fail."""
        return (
            (self.namespaces is None or pod.namespace in self.namespaces)
            and self.selector.selects(pod.labels)
            and pod.phase == "Running"
            and not pod.leaving
            and bool(pod.ip)
            and (pod.ready or not self.only_ready)
        )

    def _target(self, pod: Pod, asked: Asked) -> Target | Fault:
        try:
            address = ipaddress.ip_address(pod.ip)
            port = port_of(pod, self.port if asked.port is None else asked.port, asked.container)
        except ValueError:
            return Fault("no_address", detail=f"its address is {pod.ip[:60]!r}")
        except Fault as fault:
            return fault
        where = str(HostPort(str(address), port.number))
        if (asked.scheme or asked.resource) and not self.plain:
            where = f"{asked.scheme or 'http'}://{where}{asked.resource or '/'}"
        return target_of(where, self._labels_of(pod, port))

    def _labels_of(self, pod: Pod, port: PodPort) -> dict[str, str]:
        return {
            **{name: pod.labels.get(label, "") for name, label in self.labels.items()},
            "namespace": pod.namespace,
            "pod": pod.name,
            "node": pod.node,
            "container": port.container,
            "workload": workload_of(pod),
        }
