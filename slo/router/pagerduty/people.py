"""What people do at PagerDuty, as acts: from the events of webhooks, and from the log of an incident.

A person is an agent of the type `user_reference` that is not our own user. Integrations, rules and PagerDuty itself are
other agents, or none: what they do answers nobody, and is no act.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slo.core.acts import Acknowledge, Act, Prioritize, Resolve, Say, Target
from slo.core.priority import Priority
from slo.router.pagerduty.notes import is_ours
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

    def act_of(self, event: Json, data: Json, target: Target) -> Act | None:
        """The act of an event of a webhook; None where it is nothing to us."""
        by = self.name_of(event.get("agent"))
        about: dict[str, Any] = {
            "target": target,
            "by": by,
            "via": VIA,
            "source": f"pagerduty:{event['id']}",
            "acted_at": _time(event.get("occurred_at")),
        }
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
        entries = list(reversed(log))  # PagerDuty shows the newest first, and its times are whole seconds
        entries.sort(key=lambda entry: str(entry.get("created_at", "")))
        for entry in entries:
            by, id_ = self.name_of(entry.get("agent")), entry.get("id")
            if not by or not isinstance(id_, str):
                continue
            about: dict[str, Any] = {
                "target": target,
                "by": by,
                "via": VIA,
                "source": f"pagerduty:{id_}",
                "acted_at": _time(entry.get("created_at")),
            }
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


def _time(text: object) -> datetime | None:
    """When it was done; None where that cannot be understood."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
