"""`watchkeep agent` as a process: what it begins with, what it does alone, and what it goes on with while it runs."""

import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.databases import StartRedis, told
from tests.e2e.stage import Watch, until
from tests.services import StartNginx, free_port

TOKEN = "a token of all agents"
OFTEN = {"run_by": "agents", "interval": "500ms", "timeout": "450ms"}


class Agent(Watch):
    """`watchkeep agent`, in no cluster."""

    @property
    def command(self) -> list[str]:
        run, *rest = super().command[super().command.index("run") :]
        assert run == "run"
        return [*super().command[: super().command.index("run")], "agent", *rest]

    def start(self) -> None:
        self.begin()
        until("the agent to be ready", self._ready)

    def _ready(self) -> bool:
        assert self.lives, self.said
        try:
            return bool(self.get("/readyz")["ready"])
        except OSError:
            return False


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(tmp_path, free_port()) as made:
        yield made


class Centre:
    """A watch that takes everything: `records` are what was reported."""

    def __init__(self, port: int) -> None:
        self.records: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{port}"

    @property
    def rounds(self) -> list[dict[str, Any]]:
        return [record["outcome"] for record in self.records if "outcome" in record]


@contextmanager
def taking() -> Iterator[Centre]:
    """A watch that takes everything while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            records = json.loads(gzip.decompress(body))["records"]
            centre.records += records
            answer = json.dumps({"accepted": len(records)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        centre = Centre(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield centre
        finally:
            server.shutdown()
            thread.join()


def reporting(centre: Centre, **sections: Any) -> dict[str, Any]:
    forwarder = {"name": "centre", "type": "central", "url": centre.url, "token": TOKEN}
    return {"forwarders": [forwarder], **sections}


def test_a_password_that_is_rotated_is_used_without_a_restart(
    agent: Agent, tmp_path: Path, start_redis: StartRedis
) -> None:
    redis = start_redis("--requirepass", "old-password")
    secret = tmp_path / "password"
    secret.write_text("old-password")
    cache = {"name": "cache", "type": "redis", "target": f"127.0.0.1:{redis.port}", **OFTEN}
    cache["password_file"] = "password"
    with taking() as centre:
        agent.configure(reporting(centre, probes=[cache]))
        agent.start()
        pid = agent.pid
        until("a good round", lambda: [each for each in centre.rounds if each["state"] == "good"])
        told(redis.port, "CONFIG SET requirepass new-password", password="old-password")
        until("a login that is refused", lambda: [each for each in centre.rounds if each["state"] == "bad"])
        bad = len(centre.rounds)
        secret.write_text("new-password")
        until("a good round again", lambda: [each for each in centre.rounds[bad:] if each["state"] == "good"])
        assert agent.pid == pid
        assert "-password" not in agent.said
    redis.stop()


def test_a_configuration_that_changes_on_disk_is_gone_by_and_a_bad_one_is_not(agent: Agent) -> None:
    probe = {"name": "door", "type": "tcp", "targets": ["127.0.0.1:1"], **OFTEN}
    with taking() as centre:
        agent.configure(reporting(centre, probes=[probe]))
        agent.start()
        until("a round", lambda: centre.rounds)
        agent.configure("probes: nonsense")
        until("a refusal", lambda: "the old one stays" in agent.said)
        assert agent.sample("watchkeep_config_last_reload_successful") == 0
        agent.configure(reporting(centre, probes=[probe | {"targets": ["127.0.0.1:2"]}]))
        until("the other target", lambda: [each for each in centre.rounds if each["target"] == "127.0.0.1:2"])
        gone = [record["gone"] for record in centre.records if "gone" in record]
        assert [(each["check"], each["target"]) for each in gone] == [("door", "127.0.0.1:1")]


def test_an_agent_does_not_turn_into_one_that_judges_alone_or_back(agent: Agent) -> None:
    probe = {"name": "door", "type": "tcp", "targets": ["127.0.0.1:1"], **OFTEN}
    with taking() as centre:
        for before, after, says in (
            (reporting(centre, probes=[probe]), {"probes": [probe]}, "restart the agent to have it judge alone"),
            ({"probes": [probe]}, reporting(centre, probes=[probe]), "restart the agent to have it report"),
        ):
            agent.configure(before)
            agent.start()
            agent.configure(after)
            agent.send(signal.SIGHUP)
            until("a refusal", lambda: says in agent.said)  # noqa: B023  it is over before the next turn
            assert agent.sample("watchkeep_config_last_reload_successful") == 0
            assert agent.stop() == 0
    assert "Traceback" not in agent.said


def test_what_waits_is_sent_before_it_ends(agent: Agent) -> None:
    probe = {"name": "door", "type": "tcp", "targets": ["127.0.0.1:1"], **OFTEN}
    with taking() as centre:
        agent.configure(reporting(centre, probes=[probe]))
        agent.start()
        until("a round", lambda: agent.sample('watchkeep_probe_rounds_total{state="bad"}') >= 2)
        rounds = agent.sample('watchkeep_probe_rounds_total{state="bad"}')
        assert agent.stop() == 0
        assert len(centre.rounds) >= rounds
        numbers = [each["number"] for each in centre.rounds]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert agent.faults == []


def test_alone_it_judges_what_its_own_checks_feed_and_tells_nobody(agent: Agent, nginx: StartNginx) -> None:
    endpoint = nginx()
    url = f"http://127.0.0.1:{endpoint.port}/"
    slo = {"objective": "99%", "window": "7d"}
    agent.configure(
        {
            "slot": "1s",
            "probes": [
                {"name": "near", "type": "http", "url": url, **OFTEN},
                {"name": "central", "type": "http", "url": url},
            ],
            "slos": [
                {"name": "all", "sli": {"all_of": ["near", "central"]}, **slo},
                {"name": "near", "sli": {"probe": "near"}, **slo},
                {"name": "central", "sli": {"probe": "central"}, **slo},
            ],
            "destinations": [{"name": "hook", "type": "webhook", "url": url}],
            "routes": {"destinations": ["hook"]},
        }
    )
    agent.start()
    until("good rounds", lambda: agent.sample('slo_sli_good_total{slo="near"}') >= 2)
    metrics = agent.text("/metrics")
    assert 'slo="central"' not in metrics
    assert 'slo="all"' not in metrics
    assert 'probe="central"' not in metrics
    assert 'destination="hook"' not in metrics
    assert agent.stop() == 0
    endpoint.stop()


NEAR = {"name": "caches", "type": "tcp", "run_by": "agents"}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"probes": [{"name": "a", "type": "tcp", "target": "127.0.0.1:1"}]}, "write `run_by: agents`"),
        (
            {"probes": [{**NEAR, "targets_from": [{"type": "pods", "namespaces": ["shop"], "port": 1}]}]},
            "set NODE_NAME from the downward API",
        ),
        (
            {
                "probes": [{**NEAR, "target": "127.0.0.1:1"}],
                "forwarders": [
                    {"name": name, "type": "central", "url": "http://a.example", "token": TOKEN} for name in ("a", "b")
                ],
            },
            "leave one of the forwarders a, b out",
        ),
    ],
)
def test_an_agent_that_could_not_do_its_work_does_not_begin(config: object, says: str, tmp_path: Path) -> None:
    result = begun(config, tmp_path)
    assert result.returncode == 2
    assert says in result.stderr


def test_a_node_outside_of_a_cluster_is_said_to_be_none(tmp_path: Path) -> None:
    found = {"type": "pods", "namespaces": ["shop"], "port": 1}
    result = begun({"probes": [{**NEAR, "targets_from": [found]}]}, tmp_path, "--node", "n1")
    assert result.returncode == 2
    assert "this is no pod of Kubernetes" in result.stderr


def begun(config: object, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    path = folder / "watchkeep.yaml"
    path.write_text(json.dumps(config))
    arguments = ["agent", "-c", str(path), "--data", str(folder / "data"), "--listen", "127.0.0.1:0", *options]
    return subprocess.run(
        [sys.executable, "-m", "slo.cli.main", *arguments], check=False, capture_output=True, text=True, timeout=60
    )


def test_an_agent_that_reports_loads_nothing_that_judges() -> None:
    heavy = ("numpy", "pandas", "sqlalchemy", "alembic", "slack_sdk", "pagerduty", "jinja2")
    program = f"import sys, slo.app.agent; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "[]\n"
