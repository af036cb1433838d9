"""What people do at PagerDuty, as acts: from the events of webhooks, and from the log of an incident.

A person is an agent of the type `user_reference` that is not our own user. Integrations, rules and PagerDuty itself are
other agents, or none: what they do answers nobody, and is no act.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slo.core.acts import Acknowledge, Act, Prioritize, Resolve, Say, Target
from slo.core.priority import Priority
from slo.router.incident_notes import is_ours
from slo.router.summary import one_line

VIA = "pagerduty"

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """Who is a person at one account: everyone but `service_user`, the id of our own user; and what they call our
    priorities.
    """

    service_user: str
    priorities: Mapping[str, Priority]

    def name_of(self, agent: object) -> str:
        """What a person is called; empty for who is none."""
        if not isinstance(agent, Mapping) or agent.get("type") != "user_reference":
            return ""
        id_ = agent.get("id")
        if not isinstance(id_, str) or not id_ or id_ == self.service_user:
            return ""
        return one_line(str(agent.get("summary") or "")) or id_

    def acts_of(self, event: Json, data: Json, targets: Sequence[Target]) -> tuple[Act, ...]:
        """The act of an event of a webhook, for each page that is meant by it; none where it is nothing to us."""
        source = f"pagerduty:{event['id']}"
        sources = [source] if len(targets) == 1 else [f"{source}/{target.key}" for target in targets]
        acts = [self._act_of(event, data, target, source) for target, source in zip(targets, sources, strict=True)]
        return tuple(act for act in acts if act is not None)

    def _act_of(self, event: Json, data: Json, target: Target, source: str) -> Act | None:
        by = self.name_of(event.get("agent"))
        about: dict[str, Any] = {"target": target, "by": by, "via": VIA, "source": source}
        match event.get("event_type"):
            case _ if not by:
                return None
            case "incident.acknowledged":
                return Acknowledge(**about)
            case "incident.annotated":
                text = str(data.get("content") or "")
                return Say(**about, text=text) if text.strip() and not is_ours(text) else None
            case "incident.resolved":
                return _over(about, data)
            case "incident.priority_updated":
                named = data.get("priority")
                priority = self.priorities.get(str(named.get("summary"))) if isinstance(named, Mapping) else None
                return Prioritize(**about, priority=priority, why="changed at PagerDuty") if priority else None
        return None

    def acts_in(self, incident: Json, log: Sequence[Json], target: Target) -> Iterator[Act]:
        """What people did to an incident, the oldest first: who took it on, and who declared it over."""
        for entry in sorted(log, key=lambda entry: str(entry.get("created_at", ""))):
            by, id_ = self.name_of(entry.get("agent")), entry.get("id")
            if not by or not isinstance(id_, str):
                continue
            source = f"pagerduty:{id_}/{target.key}"  # one entry may be about several pages
            about: dict[str, Any] = {"target": target, "by": by, "via": VIA, "source": source}
            match entry.get("type"):
                case "acknowledge_log_entry":
                    yield Acknowledge(**about)
                case "resolve_log_entry":
                    yield _over(about, incident)


def _over(about: Mapping[str, Any], incident: Json) -> Act:
    """Who merges an incident into another one takes it on there: that one is not over."""
    if incident.get("resolve_reason"):
        return Acknowledge(**about)
    return Resolve(**about, why="resolved at PagerDuty")
