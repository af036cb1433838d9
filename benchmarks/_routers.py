"""The routers that the benchmark of the router compares, as running servers: `watchkeep run` and Alertmanager.

Both tell PagerDuty's stand-in of pages, and Slack's of everything.
"""

import json
import ssl
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks._alertmanager import alertmanager
from benchmarks._paging import PagerDuty
from benchmarks._process import Server, started, watching

SLOT_SECONDS = 1
PROBES = 20
GROUP_BY = ("alertname", "customer", "service")
TOO_MANY_REQUESTS = {"times": 10**9, "status": 429, "retry_after": "30", "body": "rate_limited"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Slack:
    """The running stand-in."""

    url: str
    api_url: str
    ca_file: str
    channel: str
    token: str
    signing_secret: str

    def requests(self) -> int:
        """How many requests it had, whatever became of them."""
        return len(self._ask("requests")["requests"])

    def answer_429(self) -> None:
        """From now on, to whatever it is asked."""
        self._ask("faults", TOO_MANY_REQUESTS)

    def _ask(self, what: str, body: Mapping[str, object] | None = None) -> dict[str, list[object]]:
        trust = ssl.create_default_context(cafile=self.ca_file)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_standin/{what}", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            found: dict[str, list[object]] = json.load(answer)
        return found


@contextmanager
def slack(folder: Path) -> Iterator[Slack]:
    """The stand-in, with its record in `folder`."""
    with started(sys.executable, "-m", "slo.demo.vendors.slack", "--folder", str(folder)) as process:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"Slack's stand-in ended: {process.communicate()[1]}")
        yield Slack(**json.loads(line))


@contextmanager
def ours(folder: Path, pager: PagerDuty, chat: Slack, key: str, target: int) -> Iterator[Server]:
    """`watchkeep run`, which probes the port `target` meanwhile, every second."""
    probe = {"type": "http", "url": f"http://127.0.0.1:{target}/health", "interval": "1s", "timeout": "1s"}
    config = {
        "slot": f"{SLOT_SECONDS}s",
        "probes": [probe | {"name": f"target-{index}"} for index in range(PROBES)],
        "destinations": [
            pager.destination(key),
            {
                "name": "chat",
                "type": "slack",
                "api_url": chat.api_url,
                "channel": chat.channel,
                "token": chat.token,
                "ca_file": chat.ca_file,
            },
        ],
        "routes": {"destinations": ["oncall", "chat"]},
    }
    with watching(folder, json.dumps(config)) as watch:
        yield watch


@contextmanager
def theirs(folder: Path, pager: PagerDuty, chat: Slack, key: str, *, pages: Mapping[str, object]) -> Iterator[Server]:
    """Alertmanager with its usual grouping; `pages` is what the route of pages has of its own."""
    chats = [
        {
            "api_url": f"{chat.api_url}chat.postMessage",
            "channel": chat.channel,
            "http_config": {"tls_config": {"ca_file": chat.ca_file}},
        }
    ]
    oncall = {
        "routing_key": key,
        "url": pager.events_url,
        "http_config": {"tls_config": {"ca_file": pager.ca_file}},
    }
    config = {
        "route": {
            "receiver": "chat",
            "group_by": list(GROUP_BY),
            "routes": [{"receiver": "oncall", "matchers": ['severity="page"'], **pages}],
        },
        "receivers": [
            {"name": "chat", "slack_configs": chats},
            {"name": "oncall", "pagerduty_configs": [oncall], "slack_configs": chats},
        ],
    }
    with alertmanager(folder, config) as server:
        yield server
