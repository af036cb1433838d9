"""`watchkeep probe` says of one target what the watch would."""

import json
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from slo.cli.main import cli
from tests.services import StartNginx, free_port, nginx

__all__ = ["nginx"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["probe", *arguments])


@pytest.fixture(scope="module")
def server(nginx: StartNginx) -> str:
    """The host and port of a server that says whether it is up."""
    user = "location = /user { if ($http_authorization = 'Basic dTpzM2NyZXQ=') { return 200; } return 401; }"
    service = nginx(f"location = /up {{ return 200 UP; }} location = /down {{ return 503 DOWN; }} {user}")
    return f"127.0.0.1:{service.port}"


@pytest.fixture
def config(tmp_path: Path, server: str) -> str:
    path = tmp_path / "watch.yaml"
    path.write_text(
        "probes:\n"
        "  - {name: site, type: http, url: 'http://127.0.0.1:1/', timeout: 2s, expect: {body: UP}}\n"
        "  - {name: port, type: tcp, target: '127.0.0.1:1'}\n"
        "  - {name: zone, type: dns, target: '127.0.0.1:1', question: {name: example.org}}\n"
        "  - {name: seen, type: tcp, target: '127.0.0.1:1', vantage_points: [{name: here}, {name: there}]}\n"
        "modules: {page: {prober: http}}\n"
    )
    return str(path)


def test_a_good_target_is_said_to_people(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    done = run(f"http://{server}/up")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:3] == [f"http://{server}/up is good", "ok: everything that was expected was seen", ""]
    assert set(lines[3]) == {"█", "░", "▓"}
    assert len(lines[3]) == 60
    assert lines[4].split() == ["phase", "milliseconds", "share"]
    assert [line.split()[:2] for line in lines[5:8]] == [["█", "connect"], ["░", "processing"], ["▓", "transfer"]]
    assert lines[8].split()[0] == "all"
    assert lines[8].endswith("100%")
    assert lines[9:12] == ["", "found           what", "address         127.0.0.1 (IPv4)"]
    assert "response        status 200 over HTTP/1.1" in lines
    assert "content-length  2" in lines


def test_a_configured_probe_needs_no_target(server: str, config: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    steps = f"[{{name: first, url: 'http://{server}/up'}}, {{name: then, url: 'http://{server}/down'}}]"
    path.write_text(f"probes: [{{name: flow, type: http_flow, steps: {steps}}}]\n")
    done = run("-m", "flow", "-c", str(path), "--json")
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["target"], told["reason"]) == (f"http://{server}/up", "status")
    assert list(told["phases"]) == ["first", "then"]
    assert json.loads(run("-m", "port", "-c", config, "--json").output)["target"] == "127.0.0.1:1"


def test_a_configured_target_is_probed_with_all_that_is_other_for_it(server: str, tmp_path: Path) -> None:
    path = tmp_path / "several.yaml"
    down = f"{{url: 'http://{server}/down', expect: {{status: [503]}}}}"
    path.write_text(
        f"probes:\n  - {{name: two, type: http, targets: ['http://{server}/up', {down}]}}\n"
        f"  - {{name: one, type: http, targets: [{down}]}}\n"
    )
    assert run("-m", "two", "-c", str(path), f"http://{server}/down").exit_code == 0
    assert run("-m", "one", "-c", str(path)).exit_code == 0
    refused = run("-m", "two", "-c", str(path))
    assert refused.exit_code == 2
    assert f"two has http://{server}/up, http://{server}/down" in refused.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "http"], "TARGET is missing"),
        (["http://a.example/", "-m", "flow"], "leave TARGET out"),
    ],
)
def test_what_a_target_is_missing_for_is_said(arguments: list[str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text("probes: [{name: flow, type: http_flow, steps: [{name: a, url: 'http://a.example/'}]}]\n")
    done = run(*arguments, "-c", str(path))
    assert done.exit_code == 2
    assert said in done.output


def test_a_bad_target_says_why(server: str) -> None:
    done = run(f"http://{server}/down")
    assert done.exit_code == 1
    assert "status: the status code is not an expected one (503, not 2xx)" in done.output
    assert "hint: look at the service's log at that time" in done.output


def test_a_certificate_is_told_also_where_it_is_refused(nginx: StartNginx, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    service = nginx(f"ssl_certificate {pem}; ssl_certificate_key {pem}; return 200;", listen="ssl")
    done = run(f"https://localhost:{service.port}/", "--json")
    document = json.loads(done.output)
    found = {finding["name"]: finding["text"] for finding in document["findings"]}
    assert (document["reason"], found["names"]) == ("tls_verify", "localhost")
    assert document["hint"].startswith("look whether the server sends its intermediates")
    assert found["chain"].endswith("not verified")


def test_a_kind_that_explains_nothing_is_probed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("slo.net.reaching.ReachingProbe.explain")
    done = run(f"127.0.0.1:{free_port()}", "--module", "tcp")
    assert done.exit_code == 1
    assert "found" not in done.output


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
    said = json.loads(done.output)
    assert {key: said[key] for key in ("target", "module", "type", "outcome", "reason")} == {
        "target": f"http://{server}/down",
        "module": "site",
        "type": "http",
        "outcome": "bad",
        "reason": "status",
    }
    assert run(server, "--module", "port", "-c", config).exit_code == 0
    assert run(server, "--module", "tcp", "-c", config).exit_code == 0
    nobody = run(f"127.0.0.1:{free_port()}", "--module", "zone", "-c", config, "--json")
    assert json.loads(nobody.output)["reason"] == "connect_refused"


def test_a_module_takes_credentials_in_its_target_and_shows_none(server: str, config: str) -> None:
    for output in ((), ("--json",)):
        done = run(f"http://u:s3cret@{server}/user", "-m", "page", "-c", config, *output)
        assert done.exit_code == 0
        assert f"http://{server}/user" in done.output
        assert "s3cret" not in done.output


@pytest.mark.parametrize("target", [(), ("127.0.0.1:1",)])
def test_vantage_points_are_said_to_be_left_out(config: str, target: tuple[str, ...]) -> None:
    done = run(*target, "-m", "seen", "-c", config, "--json")
    said = "seen looks from here and there; this round goes by the keys of the probe itself, as none of them\n"
    assert (done.stderr, json.loads(done.stdout)["reason"]) == (said, "connect_refused")


USAGE = {
    "no url": (("127.0.0.1:80",), "TARGET: '127.0.0.1:80' is no URL of http or https with a host"),
    "no port": (("localhost", "--module", "tcp"), "TARGET: 'localhost' is no HOST:PORT"),
    "no question": (("localhost", "--module", "dns"), "--module dns: such a probe needs question as well: add one"),
    "no host": (("localhost:80", "--module", "icmp"), "TARGET: 'localhost:80' is no host"),
    "credentials": (("http://user:s3cret@127.0.0.1/",), "TARGET: holds credentials"),
    "credentials of a module": (("http://user:s3cret%@127.0.0.1/", "-m", "page", "-c", "CONFIG"), "has to be escaped"),
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
