"""What kind of event something is, in the words that the Elastic Common Schema allows.

There is no category for the availability of a service: what is about incidents has none. Each category has types of
its own, and `error` is none of `network`: that a round failed is its outcome.
Source of the words: https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category
"""

from collections.abc import Mapping, Sequence

from slo.core.telemetry import Json

_CATEGORIES: Mapping[str, Sequence[str]] = {
    "watchkeep.audit": ("configuration",),
    "watchkeep.outcome": ("network",),
}
"""By dataset: that of those who act upon exclusions, silences and contracts, and that of rounds of probes."""

_TYPES: Mapping[str, Sequence[str]] = {
    "opened": ("start",),
    "resolved": ("end",),
    "response_missed": ("error",),
    "promise_missed": ("error",),
    "exclusion_added": ("creation",),
    "exclusion_withdrawn": ("deletion",),
    "silence_added": ("creation",),
    "silence_expired": ("deletion",),
    "contract_recorded": ("creation",),
    "contract_ended": ("deletion",),
}
"""By action; any other tells something of what has begun."""

_ALERTS = frozenset({"opened", "raised", "paged"})
"""The actions that are alerts: rules of ours found that somebody is needed."""


def categories_of(dataset: str, action: str) -> dict[str, Json]:
    """`event.kind`, `event.category` where there is one, and `event.type` of what happened."""
    event: dict[str, Json] = {"kind": "alert" if action in _ALERTS else "event"}
    if category := _CATEGORIES.get(dataset):
        event["category"] = category
    event["type"] = _TYPES.get(action, ("info",))
    return event
