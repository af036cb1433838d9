"""The stage of the story: the services, the stand-ins for vendors and the watch, each a process of its own."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from slo.demo.processes import Processes, free_port
from slo.demo.setting import (
    BROKEN,
    CUSTOMER_CHANNEL,
    DESK_SECRET,
    DESK_TOKEN,
    PAGERDUTY_SECRET,
    SERVICES,
    TEAM_CHANNEL,
    WATCH_EMAIL,
    Vendors,
    configuration,
    write_history,
)
from slo.demo.standins import Desk, Mailbox, PagerDuty, Slack
from slo.errors import WatchkeepError

COMMAND_SECONDS = 60.0


class Stage:
    """Everything that the story happens on; `begin` starts it, `processes` ends it."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.ports = {name: free_port() for name in SERVICES}
        self.url = f"http://127.0.0.1:{free_port()}"
        self._processes = processes

    def start_services(self) -> None:
        """Start what is watched."""
        for name in SERVICES:
            self._start_service(name)

    def start_vendors(self) -> None:
        """Start the stand-ins, and have them tell the watch of what people do there."""
        slack = ["--channel", TEAM_CHANNEL, "--channel", CUSTOMER_CHANNEL]
        self._vendors = Vendors(
            pagerduty=self._start_vendor("pagerduty"),
            slack=self._start_vendor("slack", *slack),
            jira=self._start_vendor("jira", "--user", WATCH_EMAIL, "--token", DESK_TOKEN),
            smtp=self._start_vendor("smtp"),
        )
        self.pagerduty, self.slack = PagerDuty(self._vendors.pagerduty), Slack(self._vendors.slack)
        self.desk, self.mailbox = Desk(self._vendors.jira), Mailbox(self._vendors.smtp)
        self.pagerduty.call_back(f"{self.url}/webhooks/pagerduty", PAGERDUTY_SECRET)
        self.desk.call_back(f"{self.url}/webhooks/ticket", DESK_SECRET)

    def start_watch(self) -> str:
        """Start the watch on a history without a fault; what it says of itself."""
        config = self.folder / "watchkeep.yaml"
        config.write_text(
            configuration(ports=self.ports, vendors=self._vendors, external_url=self.url), encoding="utf-8"
        )
        write_history(self.data, now=int(time.time()))
        listen = self.url.removeprefix("http://")
        arguments = ["run", "-c", str(config), "--data", str(self.data), "--listen", listen]
        return self._processes.start("watch", "slo.cli.main", arguments)

    def break_service(self) -> None:
        """Kill the one that the story is about."""
        self._processes.kill(BROKEN)

    def mend_service(self) -> None:
        """Start it again."""
        self._start_service(BROKEN)

    def get(self, path: str) -> Any:
        """A document of the watch's API."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def watchkeep(self, *arguments: str) -> str:
        """What the command says. Raises WatchkeepError where it fails."""
        command = [sys.executable, "-m", "slo.cli.main", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        if done.returncode:
            raise WatchkeepError(f"watchkeep {' '.join(arguments)} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _start_vendor(self, name: str, *arguments: str) -> dict[str, Any]:
        given = ["--folder", str(self.folder / name), *arguments]
        place: dict[str, Any] = json.loads(self._processes.start(name, f"slo.demo.vendors.{name}", given))
        return place

    def _start_service(self, name: str) -> None:
        self._processes.start(name, "slo.demo.service", [name, str(self.ports[name])])
