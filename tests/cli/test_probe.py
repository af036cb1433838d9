"""`watchkeep probe` says of one target what the watch would."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from tests.services import StartNginx, free_port, nginx

__all__ = ["nginx"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["probe", *arguments])


@pytest.fixture(scope="module")
def server(nginx: StartNginx) -> str:
    """The host and port of a server that says whether it is up."""
    service = nginx("location = /up { return 200 UP; } location = /down { return 503 DOWN; }")
    return f"127.0.0.1:{service.port}"


@pytest.fixture
def config(tmp_path: Path, server: str) -> str:
    path = tmp_path / "watch.yaml"
    path.write_text(
        "probes:\n"
        "  - {name: site, type: http, url: 'http://127.0.0.1:1/', timeout: 2s, expect: {body: UP}}\n"
        "  - {name: port, type: tcp, target: '127.0.0.1:1'}\n"
    )
    return str(path)


def test_a_good_target_is_said_to_people(server: str) -> None:
    done = run(f"http://{server}/up")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:3] == [
        f"http://{server}/up is good",
        "ok: everything that was expected was seen",
        "phase       milliseconds",
    ]
    assert [line.split()[0] for line in lines[3:]] == ["connect", "processing", "transfer", "all"]


def test_a_bad_target_says_why(server: str) -> None:
    done = run(f"http://{server}/down")
    assert done.exit_code == 1
    assert "status: the status code is not an expected one (503, not 2xx)" in done.output


def test_json_is_one_object_with_the_keys_that_others_rely_on() -> None:
    target = f"http://127.0.0.1:{free_port()}/"
    done = run(target, "--json")
    document = json.loads(done.output)
    assert done.exit_code == 1
    assert {key: document[key] for key in ("target", "module", "outcome", "reason")} == {
        "target": target,
        "module": "http",
        "outcome": "bad",
        "reason": "connect_refused",
    }
    assert list(document["phases"]) == ["connect"]
    assert 0 < document["phases"]["connect"] <= document["duration_seconds"]


@pytest.mark.parametrize(("module", "reason"), [("tcp", "ok"), ("tls", "tls_protocol")])
def test_other_kinds_take_a_host_and_a_port(server: str, module: str, reason: str) -> None:
    done = run(server, "--module", module, "--json")
    assert json.loads(done.output)["reason"] == reason
    assert done.exit_code == (0 if reason == "ok" else 1)


def test_a_configured_probe_lends_its_expectations(server: str, config: str) -> None:
    assert run(f"http://{server}/up", "--module", "site", "-c", config).exit_code == 0
    done = run(f"http://{server}/down", "--module", "site", "-c", config, "--json")
    assert {**json.loads(done.output), "phases": 0, "duration_seconds": 0, "detail": 0} == {
        "target": f"http://{server}/down",
        "module": "site",
        "outcome": "bad",
        "reason": "status",
        "phases": 0,
        "duration_seconds": 0,
        "detail": 0,
    }
    assert run(server, "--module", "port", "-c", config).exit_code == 0
    assert run(server, "--module", "tcp", "-c", config).exit_code == 0


USAGE = {
    "no url": (("127.0.0.1:80",), "TARGET: '127.0.0.1:80' is no URL of http or https with a host"),
    "no port": (("localhost", "--module", "tcp"), "TARGET: 'localhost' is no HOST:PORT"),
    "credentials": (("http://user:s3cret@127.0.0.1/",), "TARGET: holds credentials"),
    "no such kind": (("http://a/", "--module", "htpp"), "there is no module htpp: did you mean http?"),
    "no such probe": (
        ("http://a/", "--module", "sight", "-c", "CONFIG"),
        "there is no module sight: did you mean site?",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), USAGE.values(), ids=USAGE.keys())
def test_a_wrong_call_is_told_what_to_write_instead(arguments: tuple[str, ...], message: str, config: str) -> None:
    done = run(*(config if argument == "CONFIG" else argument for argument in arguments))
    assert done.exit_code == 2
    assert message in done.output
    assert "s3cret" not in done.output
