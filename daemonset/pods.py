"""The pods of one node, followed as they come and go."""

from daemonset.api_client import APIClient
from daemonset.permissions import Rule
from daemonset.pod_document import POD, POD_EVENT, PodDocument
from daemonset.reflector import Collection, Patience, Reflector
from slo.core.pod import Pod
from slo.core.protocols import Clock
from slo.errors import UsageError

PATH = "/api/v1/pods"

RULE = Rule(resource="pods", verbs=("list", "watch"))
"""What an agent has to be permitted."""


class Pods(Reflector[PodDocument, Pod]):
    """The pods of a node: `run` follows them, `view` holds them. Others are not kept, whoever sends them."""

    def __init__(self, client: APIClient, node: str, *, clock: Clock, patience: Patience | None = None) -> None:
        """`node` is its name, as the downward API gives `spec.nodeName`. Raises UsageError where there is none."""
        if not node:  # the API server would take it for the pods that have no node yet
            raise UsageError("the node has no name: set NODE_NAME from the downward API (fieldPath: spec.nodeName)")

        def keep(document: PodDocument) -> Pod | None:
            return document.pod() if document.spec.node == node else None

        collection = Collection(
            rule=RULE,
            path=PATH,
            selector={"fieldSelector": f"spec.nodeName={node}"},
            document=POD,
            event=POD_EVENT,
            keep=keep,
        )
        super().__init__(collection, client, clock=clock, patience=patience)
