"""Access reviews as the API server answers them, by rules of RBAC."""

from dataclasses import dataclass

from tests.daemonset import statuses
from tests.daemonset.selectors import Document

GROUP = "authorization.k8s.io"

_FIELDS = frozenset({"namespace", "verb", "group", "version", "resource", "subresource", "name"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Permitted:
    """A rule, as one of a Role in `namespace` or, where that is empty, of a ClusterRole."""

    groups: frozenset[str]
    resources: frozenset[str]
    verbs: frozenset[str]
    namespace: str = ""

    def covers(self, attributes: Document) -> bool:
        """Whether what is asked for is permitted by it: a star is covered by a star alone."""
        part = attributes.get("subresource", "")
        resource = attributes.get("resource", "") + (f"/{part}" if part else "")
        return (
            self.namespace in ("", attributes.get("namespace", ""))
            and bool({"*", attributes.get("group", "")} & self.groups)
            and bool({"*", resource} & self.resources)
            and bool({"*", attributes.get("verb", "")} & self.verbs)
        )


class AccessReviews:
    """What is permitted to whom, by token: nothing where no rule says it."""

    def __init__(self) -> None:
        self.rules: dict[str, list[Permitted]] = {}
        self.doubt = ""
        """What could not be evaluated, of what is not permitted."""

    def permit(self, token: str, *, groups: str = "", resources: str, verbs: str, namespace: str = "") -> None:
        """Add a rule, of words with blanks between them; no group is the first one."""
        rule = Permitted(
            groups=frozenset(groups.split() or [""]),
            resources=frozenset(resources.split()),
            verbs=frozenset(verbs.split()),
            namespace=namespace,
        )
        self.rules.setdefault(token, []).append(rule)

    def answer(self, token: str, document: Document) -> Document:
        """Raises Refused."""
        about = document.get("apiVersion"), document.get("kind")
        if about != (f"{GROUP}/v1", "SelfSubjectAccessReview"):
            raise statuses.bad_request(f"no kind {about[1]!r} is registered for {about[0]!r}")
        if set(document) - {"apiVersion", "kind", "spec"} or set(document.get("spec", {})) != {"resourceAttributes"}:
            raise statuses.bad_request("unknown or missing fields")
        attributes = document["spec"]["resourceAttributes"]
        if set(attributes) - _FIELDS or not all(isinstance(value, str) for value in attributes.values()):
            raise statuses.bad_request("strict decoding error: unknown field")
        allowed = any(rule.covers(attributes) for rule in self.rules.get(token, ()))
        doubt = {"evaluationError": self.doubt} if self.doubt and not allowed else {}
        return {**document, "metadata": {"creationTimestamp": None}, "status": {"allowed": allowed, **doubt}}
