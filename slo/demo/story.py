"""The story: a service breaks, its budget burns, a P0 is open at PagerDuty, a person answers, the service recovers.

Everything in it is real but for PagerDuty: services that are processes, probes over HTTP, the engine, the store, the
router and the vendor's own client package. What is said of PagerDuty is read back from what the stand-in received.
"""

import json
import ssl
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slo.demo.processes import Processes, free_port
from slo.demo.setting import (
    BROKEN,
    POLICY,
    RESOLVE_AFTER_SECONDS,
    ROUTING_KEY,
    SERVICES,
    WINDOW_SECONDS,
    configuration,
    write_history,
)
from slo.errors import WatchkeepError

WAIT_SECONDS = 100.0
"""How long any one turn of the story may take before it counts as not having happened."""

LOOK_EVERY_SECONDS = 0.25
SLO = f"{BROKEN}-availability"
PERSON = "demo on-call engineer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """What the stand-in recorded under one deduplication key: the end of the story."""

    priority: str
    dedup_key: str
    triggers: int
    acknowledged: bool
    resolves: int

    @property
    def whole(self) -> bool:
        """Whether it is the story that was to be told."""
        return self.priority == "P0" and self.triggers == 1 and self.acknowledged and self.resolves == 1

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps(
            {
                "priority": self.priority,
                "dedup_key": self.dedup_key,
                "triggers": self.triggers,
                "acknowledged": self.acknowledged,
                "resolves": self.resolves,
            }
        )


class Story:
    """Tells the story line by line with `say`, and finds out whether it happened."""

    def __init__(self, folder: Path, processes: Processes, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._processes = processes
        self._say = say
        self._began = time.monotonic()
        self._ports = {name: free_port() for name in SERVICES}
        self.api = ""
        self._token = ""
        self._vendor = ""
        self._trust = ssl.create_default_context()
        self._quiet_at = 0.0

    def set_up(self) -> None:
        """Start the services, the stand-in for PagerDuty and the watch."""
        for name in SERVICES:
            self._start_service(name)
        self._tell(f"{len(SERVICES)} services are up: {', '.join(f'{n} on port {p}' for n, p in self._ports.items())}")
        vendor = json.loads(
            self._processes.start(
                "pagerduty", "slo.demo.vendors.pagerduty", ["--folder", str(self._folder / "pagerduty")]
            )
        )
        self._vendor = vendor["url"]
        self._trust.load_verify_locations(vendor["ca_file"])
        self._tell(f"a stand-in for PagerDuty listens at {self._vendor}, over TLS with an authority of its own")
        config, data = self._folder / "watchkeep.yaml", self._folder / "data"
        events_url = f"{self._vendor}/v2/enqueue"
        config.write_text(
            configuration(ports=self._ports, events_url=events_url, authority=Path(vendor["ca_file"])), encoding="utf-8"
        )
        write_history(data, now=int(time.time()))
        arguments = ["run", "-c", str(config), "--data", str(data), "--listen", "127.0.0.1:0"]
        line = self._processes.start("watch", "slo.cli.main", arguments)
        self.api = next(word for word in line.split() if word.startswith("http://"))
        self._token = (data / "token").read_text(encoding="ascii").strip()
        self._tell(f"the watch is up: {line}")

    def play(self) -> Happened:
        """From healthy to broken, paged, acknowledged, recovered and resolved."""
        self._await("the first rounds", self._watched)
        self._tell(f"all is well: {self._figures()}")
        page = POLICY[0]
        self._tell(
            "the policy is this demo's own, so that you need not wait: slots of 1 s, 99 % over "
            f"{WINDOW_SECONDS // 60} minutes, a page when {page['budget']} of the budget went within {page['long']} "
            f"and it still burns in {page['short']}"
        )
        self._tell("a burn rate of 1x would spend the budget by the end of its window, and no sooner")
        self._processes.kill(BROKEN)
        broke = time.monotonic()
        self._tell(f"{BROKEN} is killed: nothing listens on port {self._ports[BROKEN]} any more")
        incident = self._await("an incident", self._burning)
        trigger = self._await("the page at PagerDuty", lambda: self._received("trigger"))[0]
        self._tell(f"{time.monotonic() - broke:.1f} s after the outage began, PagerDuty has the page:")
        self._show(trigger)
        self._post(f"/api/v1/incidents/{incident['id']}", {"action": "acknowledge", "by": PERSON})
        self._tell(f"{PERSON} acknowledges incident {incident['id']}")
        self._await("the acknowledgement at PagerDuty", lambda: self._received("acknowledge"))
        self._tell("PagerDuty has the acknowledgement: nobody else is called")
        self._start_service(BROKEN)
        self._tell(f"{BROKEN} is started again")
        self._await("the recovery", lambda: not self._slo()["firing"] and self._slo())
        self._tell(f"the alert is clear: {self._figures()}")
        self._tell(f"it has to stay clear for {RESOLVE_AFTER_SECONDS} s before the incident resolves")
        self._await("the resolve at PagerDuty", lambda: self._received("resolve"))
        self._tell("PagerDuty has the resolve, under the same key")
        return self._happened(trigger["dedup_key"])

    def _watched(self) -> bool:
        """Whether the rounds of this process alone fill the short window."""
        slo = self._slo()
        return bool(slo["state"] == "ok" and slo["windows"][POLICY[0]["short"]]["coverage"] == 1)

    def _burning(self) -> dict[str, Any] | None:
        """The open incident; until it is there, say how the budget burns."""
        found = [
            i for i in self._get("/api/v1/incidents")["incidents"] if i["slo"] == SLO and i["status"] != "resolved"
        ]
        if not found:
            if self._slo()["windows"][POLICY[0]["short"]]["burn_rate"]:
                self._tell(self._figures(), quiet=True)
            return None
        self._tell(f"P0 opened: {found[0]['summary']}")
        incident: dict[str, Any] = found[0]
        return incident

    def _figures(self) -> str:
        slo = self._slo()
        windows = [str(POLICY[0][side]) for side in ("short", "long")]
        shown = ", ".join(f"{slo['windows'][window]['burn_rate'] or 0:.1f}x in {window}" for window in windows)
        remaining = slo["budget"]["remaining"]
        return f"{SLO} burns {shown}; {100 * remaining:.1f} % of its budget left"

    def _show(self, trigger: dict[str, Any]) -> None:
        payload = trigger["payload"]
        for key, value in (
            ("summary", payload["summary"]),
            ("severity", payload["severity"]),
            ("priority", payload["custom_details"]["priority"]),
            ("dedup_key", trigger["dedup_key"]),
        ):
            self._say(f"            {key:<10} {value}")

    def _happened(self, key: str) -> Happened:
        mine = [event for event in self._events() if event.get("dedup_key") == key]
        count = {action: sum(event["event_action"] == action for event in mine) for action in ("trigger", "resolve")}
        triggers = [event for event in mine if event["event_action"] == "trigger"]
        return Happened(
            priority=triggers[0]["payload"]["custom_details"]["priority"],
            dedup_key=key,
            triggers=count["trigger"],
            acknowledged=any(event["event_action"] == "acknowledge" for event in mine),
            resolves=count["resolve"],
        )

    def _received(self, action: str) -> list[dict[str, Any]]:
        return [event for event in self._events() if event["event_action"] == action]

    def _events(self) -> list[dict[str, Any]]:
        """What the stand-in accepted, in the order it came."""
        with urllib.request.urlopen(f"{self._vendor}/_standin/requests", timeout=5, context=self._trust) as answer:
            requests = json.load(answer)["requests"]
        events = [json.loads(request["body"]) for request in requests if request["status"] == 202]
        return [event for event in events if event["routing_key"] == ROUTING_KEY]

    def _slo(self) -> Any:
        return self._get(f"/api/v1/slos/{SLO}")

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.api + path, timeout=5) as answer:
            return json.load(answer)

    def _post(self, path: str, body: dict[str, str]) -> None:
        request = urllib.request.Request(
            self.api + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()

    def _await(self, what: str, look: Callable[[], Any]) -> Any:
        """What `look` gives once it gives something. Raises WatchkeepError where it does not in time."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline:
                raise WatchkeepError(f"the story stopped: {what} did not come within {WAIT_SECONDS:.0f} s")
            time.sleep(LOOK_EVERY_SECONDS)
        return found

    def _start_service(self, name: str) -> None:
        self._processes.start(name, "slo.demo.service", [name, str(self._ports[name])])

    def _tell(self, line: str, *, quiet: bool = False) -> None:
        elapsed = time.monotonic() - self._began
        if not quiet or elapsed - self._quiet_at >= 1:
            self._quiet_at = elapsed
            self._say(f"{elapsed:7.1f} s   {line}")
