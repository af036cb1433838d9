"""The incidents of the stand-in for PagerDuty: what its answers, its people and its automations make of them.

They are a fold over what was accepted and done, so that a stand-in that restarts reads them out of its record. Each
thing that happened to an incident is a step of its history; log entries and webhooks are views of these steps.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
"""The names of an account's priorities, as PagerDuty sets them up."""

ACTS = ("acknowledge", "annotate", "assign", "prioritize", "resolve", "retitle", "status_update")
"""What can be done to an incident by others than its integration."""

Agent = dict[str, str] | None


def reference(kind: str, id_: str, summary: str) -> dict[str, str]:
    """How PagerDuty points at something: its id, its type, and what to call it."""
    folder = {"user": "users", "incident": "incidents", "priority": "priorities", "service": "services"}.get(kind, kind)
    address = f"{folder}/{id_}"
    return {
        "id": id_,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{address}",
        "html_url": f"https://standin.pagerduty.com/{address}",
    }


def user_id(name: str) -> str:
    """The id that the user of that name has, whoever it is."""
    return "P" + hashlib.sha256(name.encode()).hexdigest()[:6].upper()


def user(name: str) -> dict[str, str]:
    """The user of that name, as an agent."""
    return reference("user", user_id(name), name)


def service(id_: str) -> dict[str, str]:
    """The service of that id."""
    return reference("service", id_, f"Watched service {id_}")


def priority(name: str) -> dict[str, str]:
    """The priority of that name."""
    return reference("priority", f"PRIO{PRIORITIES.index(name) + 1:03}", name)


INTEGRATION = reference("inbound_integration", "PEVENTS", "Events API V2")
SERVICE = "PSERVIC"
"""The id of the service of every routing key that nobody gave another one."""


def agent_of(kind: str, name: str) -> Agent:
    """Who does something: a `user` of that name, an `integration`, or `none` that is named. Raises ValueError."""
    agents: dict[str, Agent] = {"user": user(name), "integration": INTEGRATION, "none": None}
    if kind not in agents:
        raise ValueError(f"{kind!r} is no agent: there are {', '.join(agents)}")
    return agents[kind]


@dataclass(slots=True)
class VendorIncident:
    """One incident at PagerDuty, with everything that happened to it."""

    id: str
    number: int
    routing_key: str
    dedup_key: str
    opened_at: str
    service: str
    alerts: dict[str, str] = field(default_factory=dict)
    status: str = "triggered"
    triggers: int = 1
    acknowledged_by: str = ""
    severity: str = ""
    summary: str = ""
    priority: str = ""
    assignee: str = "On call"
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def incident_key(self) -> str | None:
        """Its deduplication key; None where it is made of several alerts."""
        return self.dedup_key if len(self.alerts) == 1 else None

    @property
    def next_step_id(self) -> str:
        """The id of what will happen to it next."""
        return f"R{self.number:012}{len(self.history):05}"

    def steps(self, action: str) -> list[dict[str, Any]]:
        """What was done to it in that way."""
        return [step for step in self.history if step["action"] == action]


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """A step of an incident, the moment that it was made."""

    incident: VendorIncident
    step: Mapping[str, Any]


class VendorIncidents:
    """At most one incident is open for a routing key and a deduplication key.

    `services` has the ids of the services that routing keys are of; all others are of one. With `grouped` there is one
    incident for a routing key, made of all its alerts, as services do that group them by time.
    """

    def __init__(self, services: Mapping[str, str], *, grouped: bool = False) -> None:
        self._services = services
        self._grouped = grouped
        self.all: list[VendorIncident] = []
        self._open: dict[tuple[str, str], VendorIncident] = {}

    def shown(self) -> list[dict[str, Any]]:
        """Every incident as plain values, oldest first."""
        return [asdict(incident) for incident in self.all]

    def find(self, id_: str) -> VendorIncident | None:
        """The incident of that id."""
        return next((incident for incident in self.all if incident.id == id_), None)

    def open_under(self, dedup_key: str, service: str = "") -> Sequence[VendorIncident]:
        """What is open under a key, whatever the routing key; where a service is named, of that one."""
        return [
            incident
            for (_, key), incident in self._open.items()
            if key == dedup_key and service in ("", incident.service)
        ]

    def take(self, event: Mapping[str, Any], at: str) -> Happening | None:
        """An event that was accepted. What acknowledges or resolves nothing is dropped; None where nothing changed."""
        key = (event["routing_key"], event["dedup_key"])
        incident, action = self._open.get(key), event["event_action"]
        if incident is None and action == "trigger" and self._grouped:
            incident = next((each for (routing_key, _), each in self._open.items() if routing_key == key[0]), None)
        opens = incident is None and action == "trigger"
        if opens:
            incident = self._begin(key, at)
        if incident is None:
            return None
        if not self._take(incident, key, action):
            return None
        changes = opens or action == "resolve" or (action == "acknowledge" and incident.status == "triggered")
        step = self._step(incident, action, INTEGRATION, at, by="api")
        if action == "trigger":
            incident.triggers += 1
            incident.severity, incident.summary = event["payload"]["severity"], event["payload"]["summary"]
        else:
            self._change(incident, step)
        return Happening(incident=incident, step=step) if changes else None

    def _take(self, incident: VendorIncident, key: tuple[str, str], action: str) -> bool:
        """Note what becomes of the alert; whether the incident follows it."""
        if action == "trigger":
            incident.alerts[key[1]] = "triggered"
            self._open[key] = incident
        if action == "resolve":
            incident.alerts[key[1]] = "resolved"
            del self._open[key]
            return set(incident.alerts.values()) == {"resolved"}
        return True

    def act(self, incident: VendorIncident, action: str, agent: Agent, at: str, **about: str) -> Happening:
        """Somebody or something else does one of `ACTS`; `about` says with what."""
        by = agent["summary"] if agent else ""
        step = self._step(incident, action, agent, at, by=by, **about)
        self._change(incident, step)
        return Happening(incident=incident, step=step)

    def _begin(self, key: tuple[str, str], at: str) -> VendorIncident:
        number = len(self.all) + 1
        incident = VendorIncident(
            id=f"Q{number:013}",
            number=number,
            routing_key=key[0],
            dedup_key=key[1],
            opened_at=at,
            service=self._services.get(key[0], SERVICE),
            triggers=0,
        )
        self.all.append(incident)
        return incident

    def _step(self, incident: VendorIncident, action: str, agent: Agent, at: str, **about: str) -> dict[str, Any]:
        step = {"id": incident.next_step_id, "at": at, "action": action, "agent": agent, **about}
        incident.history.append(step)
        return step

    def _change(self, incident: VendorIncident, step: Mapping[str, Any]) -> None:
        match step["action"]:
            case "acknowledge" if incident.status == "triggered":
                incident.status, incident.acknowledged_by = "acknowledged", step["by"]
            case "resolve":
                incident.status = "resolved"
                incident.alerts = dict.fromkeys(incident.alerts, "resolved")
                self._open = {key: each for key, each in self._open.items() if each is not incident}
            case "assign":
                incident.assignee = step["to"]
            case "prioritize":
                incident.priority = step["priority"]
            case "retitle":
                incident.summary = step["title"]
