"""Reads what alerts for an SLO of OpenSLO: policies, each with one condition on a burn rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.config.wrong import shown
from slo.core.duration import duration_name
from slo.core.policy import Pair, Severity
from slo.interop.fitting import SHORTEST, SLOT, rounded
from slo.interop.openslo.objects import Objects, read_description, read_metadata, read_name
from slo.interop.openslo.windows import read_shorthand
from slo.interop.passage import NO_COUNTERPART, Passage, Spot

_DESTINATIONS = "write destinations and routes for those who are told"
_OPERATORS = ("lte", "gte", "lt", "gt")
_TWELFTH = 12
"""How much shorter the short window is than the long one, as in the SRE workbook of Google."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A burn rate that alerts when it is exceeded over `lookback`, `hold` long."""

    threshold: Fraction
    lookback: timedelta
    hold: timedelta
    severity: Severity
    spot: Spot

    def pair(self, window: timedelta) -> Pair:
        """The pair that it is for an SLO over `window`: a short window is added, so that it clears when all is well."""
        tick = timedelta.resolution
        short = max(-(-self.lookback // _TWELFTH // SLOT) * SLOT, SHORTEST)
        name = duration_name(short.total_seconds())
        self.spot.note(f"gets a short window of {name}, with which it clears", "mend `short` in burn_policy")
        return Pair(
            long=self.lookback,
            short=short,
            budget=rounded(self.threshold * Fraction(self.lookback // tick, window // tick)),
            severity=self.severity,
            hold=self.hold,
        )


class Policies:
    """Reads alert policies, inline or referred to."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def read(self, spec: Passage) -> Sequence[Condition] | None:
        """The conditions that alert for an SLO; None where it says nothing about alerts."""
        policies = spec.entries("alertPolicies")
        listed = Passage(spec.document, (*spec.at, "alertPolicies"))
        conditions: list[Condition | None] = []
        for index, policy in enumerate(policies):
            if isinstance(policy, str):
                top = self._objects.named("AlertPolicy", policy, listed, index)
            else:
                top = self._resolved(policy, "AlertPolicy", "alertPolicyRef")
            conditions += self.read_policy(top) if top else []
        return [condition for condition in conditions if condition] if policies else None

    def read_policy(self, top: Passage) -> list[Condition | None]:
        """The conditions of a policy; None for one that alerts nobody here."""
        read_metadata(top)
        spec = top.below("spec", required=True)
        spec.knows(
            *("description", "alertWhenNoData", "alertWhenBreaching", "alertWhenResolved"),
            *("conditions", "notificationTargets"),
        )
        read_description(spec)
        self._read_targets(spec)
        if spec.has("alertWhenNoData") and not spec.truth("alertWhenNoData"):
            spec.note("alertWhenNoData", "cannot be false: data that is lost is an alert of its own", "leave it out")
        if spec.has("alertWhenResolved") and not spec.truth("alertWhenResolved"):
            spec.note(
                "alertWhenResolved", "cannot be false: who is told of an incident is told of its end", "leave it out"
            )
        items = spec.items("conditions", required=True)
        if len(items) > 1:
            spec.tell("conditions", f"has {len(items)} items", "write one; a policy has one condition")
        tops = [self._resolved(item, "AlertCondition", "conditionRef") for item in items]
        conditions = [self.read_condition(found) for found in tops if found]
        if not spec.truth("alertWhenBreaching"):
            key = "alertWhenBreaching" if spec.has("alertWhenBreaching") else ""
            spec.note(key, "alerts nobody when its condition is met", "write `alertWhenBreaching: true` if it should")
            return [None for _ in conditions]
        return conditions

    def read_condition(self, top: Passage) -> Condition | None:
        """A condition with its metadata; None where it has no counterpart, or is refused."""
        read_metadata(top)
        spec = top.below("spec", required=True)
        spec.knows("description", "severity", "condition")
        read_description(spec)
        severity = spec.text("severity", required=True)
        condition = spec.below("condition", required=True)
        condition.knows("kind", "op", "threshold", "lookbackWindow", "alertAfter")
        condition.choice("kind", ("burnrate",))
        operator = condition.choice("op", _OPERATORS, required=True)
        threshold = condition.number("threshold", required=True)
        lookback = read_shorthand(condition, "lookbackWindow", required=True)
        after = read_shorthand(condition, "alertAfter") if condition.text("alertAfter") != "0m" else None
        if not severity or not operator or threshold is None or not lookback:
            return None
        if operator in {"lt", "lte"}:
            problem = f"{NO_COUNTERPART}: it alerts while the budget burns slower than that"
            condition.note("op", problem, "write gt if it should alert while it burns faster")
            return None
        if operator == "gte":
            condition.note(
                "op", "becomes gt: an alert here is for more than its threshold", "lower the threshold a bit"
            )
        return Condition(
            threshold=threshold,
            lookback=lookback.length,
            hold=after.length if after else timedelta(0),
            severity=_severity(spec, severity),
            spot=Spot(condition, "lookbackWindow"),
        )

    def read_target(self, top: Passage) -> None:
        """A notification target with its metadata, which has no counterpart."""
        read_metadata(top)
        spec = top.below("spec", required=True)
        spec.knows("description", "target")
        read_description(spec)
        spec.text("target", required=True)

    def _read_targets(self, spec: Passage) -> None:
        for target in spec.items("notificationTargets", required=True):
            if target.has("targetRef"):
                target.knows("targetRef")
                read_name(target, "targetRef")
                target.lose("targetRef", _DESTINATIONS)
            else:
                inline = self._inline(target, "AlertNotificationTarget", "targetRef")
                if inline:
                    self.read_target(inline)
                    target.note("", NO_COUNTERPART, _DESTINATIONS)

    def _resolved(self, item: Passage, kind: str, key: str) -> Passage | None:
        """The object that an item refers to, or that it is itself."""
        if not item.has(key):
            return self._inline(item, kind, key)
        for other in item.keys:
            if other != key:
                item.tell(other, f"stands beside {key}", "leave one of the two out")
        return self._objects.referred(kind, item, key)

    def _inline(self, item: Passage, kind: str, key: str) -> Passage | None:
        item.knows("kind", "metadata", "spec", key)
        item.choice("kind", (kind,), required=True)
        return item if item.is_there else None


def _severity(spec: Passage, severity: str) -> Severity:
    """Pages and tickets are called so; what else there is calls people rather than not."""
    if severity.lower() in set(Severity):
        return Severity(severity.lower())
    spec.note("severity", f"{shown(severity)} is taken as page", "write ticket if nobody is to be called for it")
    return Severity.PAGE
