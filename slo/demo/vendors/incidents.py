"""The incidents of the stand-in for PagerDuty: what its answers and its people make of them.

They are a fold over what was accepted and done, so that a stand-in that restarts reads them out of its record.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class VendorIncident:
    """One incident at PagerDuty, with everything that happened to it."""

    routing_key: str
    dedup_key: str
    opened_at: str
    status: str = "triggered"
    triggers: int = 1
    acknowledged_by: str = ""
    severity: str = ""
    summary: str = ""
    history: list[dict[str, str]] = field(default_factory=list)


class VendorIncidents:
    """At most one incident is open for a routing key and a deduplication key."""

    def __init__(self) -> None:
        self._all: list[VendorIncident] = []
        self._open: dict[tuple[str, str], VendorIncident] = {}

    def shown(self) -> list[dict[str, Any]]:
        """Every incident as plain values, oldest first."""
        return [asdict(incident) for incident in self._all]

    def take(self, event: Mapping[str, Any], at: str) -> None:
        """An event that was accepted: what acknowledges or resolves nothing is dropped."""
        key = (event["routing_key"], event["dedup_key"])
        incident, action = self._open.get(key), event["event_action"]
        if action == "trigger":
            if incident is None:
                incident = VendorIncident(routing_key=key[0], dedup_key=key[1], opened_at=at, triggers=0)
                self._all.append(incident)
                self._open[key] = incident
            incident.triggers += 1
            incident.severity, incident.summary = event["payload"]["severity"], event["payload"]["summary"]
        if incident is None:
            return
        incident.history.append({"at": at, "action": action, "by": "api"})
        if action == "acknowledge":
            self._acknowledge(incident, "api")
        elif action == "resolve":
            incident.status = "resolved"
            del self._open[key]

    def acknowledge(self, dedup_key: str, by: str, at: str) -> int:
        """A person takes on every open incident of that key, whatever its routing key; how many there were."""
        found = [incident for (_, key), incident in self._open.items() if key == dedup_key]
        for incident in found:
            incident.history.append({"at": at, "action": "acknowledge", "by": by})
            self._acknowledge(incident, by)
        return len(found)

    def _acknowledge(self, incident: VendorIncident, by: str) -> None:
        if incident.status == "triggered":
            incident.status, incident.acknowledged_by = "acknowledged", by
