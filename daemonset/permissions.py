"""What RBAC has to permit, and how to say so where it does not.

Reference: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

import json
from dataclasses import dataclass

from slo.errors import Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """That everything of `resource` in the API group `group` may be dealt with so.

    `namespace` is where; empty for the whole cluster.
    """

    resource: str
    group: str = ""
    verbs: tuple[str, ...]
    namespace: str = ""

    def __str__(self) -> str:
        """As it stands in a Role."""
        return f'{{apiGroups: ["{self.group}"], resources: ["{self.resource}"], verbs: {json.dumps(self.verbs)}}}'


def with_mend(fault: Fault, rule: Rule, verb: str) -> Fault:
    """The fault of who wanted to do this, as people read it: where a rule is missing, with that rule."""
    if fault.reason != "permission":
        return fault
    role = f"a Role in the namespace {rule.namespace}" if rule.namespace else "a ClusterRole"
    mend = f"bind its service account to {role} with the rule {rule}"
    return Fault("permission", detail=f"it may not {verb} {rule.resource}: {mend} ({fault.detail})")
