"""An agent scrapes real services, and the watch that it reports to is killed and cut off: it counts what they count."""

import json
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.counted import Counted
from tests.e2e.stage import PAIR, Watch, until
from tests.services import free_port

TOKEN = "fedcba9876543210"
SLO = "api-availability"


class ScrapingAgent(Watch):
    """`watchkeep agent` on a configuration, outside of any cluster."""

    @property
    def command(self) -> list[str]:
        run = ["agent", "-c", str(self.config), "--data", str(self.data), "--listen", f"127.0.0.1:{self._port}"]
        return [sys.executable, "-m", "slo.cli.main", *run]

    def start(self) -> None:
        """Start it, and return when it says that it is at work."""
        self.begin()
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("agent"), f"it did not start: {line}{self.said}"


@pytest.fixture
def config(tmp_path: Path, watch: Watch) -> dict[str, object]:
    """The services that a file names, scraped by agents, and an SLO of their requests at the centre."""
    found = {"type": "file", "files": [str(tmp_path / "targets.json")], "refresh_interval": "200ms"}
    scrape = {"name": "api", "run_by": "agents", "interval": "500ms", "labels": {"zone": "a"}}
    counters = {
        "total": 'http_requests_total{job="api",zone="a"}',
        "bad": 'http_requests_total{job="api",zone="a",code=~"5.."}',
    }
    return {
        "slot": "1s",
        "agents": {"token": TOKEN},
        "forwarders": [{"name": "centre", "type": "central", "url": watch.url, "token": TOKEN}],
        "scrapes": [{**scrape, "targets_from": [found | {"format": "http://{target}/metrics"}]}],
        "slos": [
            {
                "name": SLO,
                "objective": "99%",
                "window": "10m",
                "sli": {"counters": counters},
                "burn_policy": [PAIR],
            }
        ],
    }


def test_what_an_agent_scrapes_is_counted_to_the_event_through_kills_and_an_outage(
    tmp_path: Path, watch: Watch, config: dict[str, object]
) -> None:
    def totals() -> tuple[int, int]:
        found = watch.slo(SLO)["totals"]
        return found["good"], found["bad"]

    (tmp_path / "agent").mkdir()
    agent = ScrapingAgent(tmp_path / "agent", free_port())
    with Counted(tmp_path / "one") as one, Counted(tmp_path / "two") as two:
        services = (one, two)
        for each in services:
            each.serve("200", 0)
        (tmp_path / "targets.json").write_text(json.dumps([{"targets": [each.address for each in services]}]))
        for process in (watch, agent):
            process.configure(config)
            process.start()
        try:
            until("both targets", lambda: watch.sample('watchkeep_scrape_targets{scrape="api"}') == 2)
            began = watch.slo(SLO)["maturity_seconds"], time.monotonic()
            for turn in range(3):
                one.serve("200", 7 + turn)
                two.serve("500", 3)
                watch.kill()
                time.sleep(3)
                if turn == 1:
                    agent.kill()
                    agent.start()
                watch.start()
            expected = one.total()["good"], two.total()["bad"]
            until("everything to be counted", lambda: totals() == expected)
            known, elapsed = watch.slo(SLO)["maturity_seconds"] - began[0], time.monotonic() - began[1]
            assert known >= elapsed - 5, "what came late is known too"
            (tmp_path / "targets.json").write_text(json.dumps([{"targets": [one.address]}]))
            until("the second one to be gone", lambda: watch.sample('watchkeep_scrape_targets{scrape="api"}') == 1)
            two.serve("500", 50)
            one.serve("200", 5)
            until("what is left to be counted", lambda: totals() == (expected[0] + 5, expected[1]))
            assert agent.stop() == 0
            assert watch.stop() == 0
            assert (agent.faults, watch.faults) == ([], [])
        finally:
            if agent.lives:
                agent.kill()
