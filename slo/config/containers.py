"""Whose logs a forwarder gets of the containers on a node."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from slo.config.pods import EVERYWHERE, Namespace, PodSelectorText, refuse_more_than_all
from slo.config.section import Section
from slo.config.wrong import shown, wrong
from slo.core.label_selector import LabelSelector, is_label, parse_label_selector
from slo.core.pod import OWN_LABELS, Pod, label_name_of


def _label(value: str) -> str:
    if not is_label(value):
        raise wrong(f"{shown(value)} is no label of Kubernetes", "write it as app or app.kubernetes.io/name")
    if label_name_of(value) in OWN_LABELS:
        raise wrong(f"the label {value} is there in any case", "leave it out")
    return value


class ContainersConfig(Section):
    """The containers whose logs are followed, on each node by the agent there; see docs/forwarders/containers.md."""

    namespaces: tuple[Namespace, ...] = Field(min_length=1)
    """The namespaces of their pods; `["*"]` are all."""

    selector: PodSelectorText | None = None
    """Which labels their pods have, as Kubernetes writes selectors. Default: any."""

    labels: tuple[Annotated[str, AfterValidator(_label)], ...] = (
        "app",
        "app.kubernetes.io/name",
        "app.kubernetes.io/component",
    )
    """Labels of the pod that a line gets, `app.kubernetes.io/name` as `app_kubernetes_io_name`. It has `namespace`,
    `pod`, `container`, `node` and `workload` besides."""

    folder: str = Field(default="/var/log/pods", min_length=1)
    """Where the kubelet keeps the logs."""

    @model_validator(mode="after")
    def _agrees(self) -> "ContainersConfig":
        refuse_more_than_all(self.namespaces)
        return self

    def selected(self) -> Callable[[Pod], bool]:
        """What says of a pod whether its logs are followed."""
        selector = LabelSelector() if self.selector is None else parse_label_selector(self.selector)
        namespaces = None if EVERYWHERE in self.namespaces else frozenset(self.namespaces)
        return lambda pod: (namespaces is None or pod.namespace in namespaces) and selector.selects(pod.labels)
