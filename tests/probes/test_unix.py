"""A probe of a socket in the file system talks as one of TCP does."""

import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from probes import unix
from slo.config.load import load
from slo.errors import Fault
from slo.kinds import Kinds
from slo.net.context import Context
from slo.net.guard import Guard, Reach
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import server_context, written
from tests.hostile import Behaviour, saying, serving
from tests.probes.looking import look

HUNG_SECONDS = 0.5


@contextlib.asynccontextmanager
async def listening(behaviour: Behaviour, folder: Path, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    path = str(folder / "s")
    async with serving(behaviour, tls=tls, path=path):
        yield path


TALKS = {
    "a greeting": (saying(b"220 hello\n", then_hang=True), "ok", 0),
    "another greeting": (saying(b"554 no\n"), "data", 1),
    "it hangs up": (saying(), "data_closed", 1),
    "nothing is said": (hostile.silent, "data_timeout", 0),
}


@pytest.mark.parametrize(("behaviour", "reason", "regex"), TALKS.values(), ids=TALKS.keys())
async def test_conversations(behaviour: Behaviour, reason: str, regex: float, tmp_path: Path) -> None:
    timeout = HUNG_SECONDS if reason == "data_timeout" else 10.0
    async with listening(behaviour, tmp_path) as path:
        config = {"target": path, "query_response": [{"expect": "^220 (.*)", "labels": {"who": "$1"}}]}
        seen = await look(unix, config, timeout_seconds=timeout)
    assert seen.reason == reason, seen.judgement.detail
    assert list(seen.judgement.phases) == ["connect", "exchange"]
    assert seen.value("probe_failed_due_to_regex") == regex
    assert (seen.value("probe_expect_info", who="hello") == 1) == (reason == "ok")
    assert seen.value("probe_ip_protocol") is None


async def test_sockets_that_nobody_listens_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    for name in ("none", "file", "left", "file/below"):
        seen = await look(unix, {"target": str(tmp_path / name)})
        assert (seen.reason, seen.judgement.detail) == ("connect_refused", str(tmp_path / name)), name


async def test_a_socket_that_lets_nobody_in_any_more(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(path)
        full.listen(0)
        first.connect(path)
        seen = await look(unix, {"target": path}, timeout_seconds=HUNG_SECONDS)
    assert seen.reason == "connect_timeout"


async def test_tls_over_a_socket(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = written(authority, tmp_path)
    context = server_context(authority, "db.example.org")
    cases: list[tuple[dict[str, object], str]] = [
        ({"ca_file": ca_file, "server_name": "db.example.org"}, "ok"),
        ({"ca_file": ca_file, "server_name": "other.example.org"}, "tls_hostname"),
        ({"insecure_skip_verify": True}, "ok"),
    ]
    for settings, reason in cases:
        async with listening(saying(b"hello\n"), tmp_path, tls=context) as path:
            config = {"target": path, "tls": settings, "query_response": [{"expect": "hello"}]}
            seen = await look(unix, config)
        assert seen.reason == reason, seen.judgement.detail
        assert seen.value("probe_ssl_earliest_cert_expiry") is not None
        assert seen.findings["names"] == "db.example.org"


@pytest.mark.parametrize(
    ("reach", "reason"),
    [
        (Reach(), "ok"),
        (Reach(schemes=("tcp",)), "not_permitted"),
        (Reach(hosts=("*.example.org",)), "not_permitted"),
        (Reach(hosts=("*.example.org",), schemes=("unix",)), "ok"),
    ],
)
async def test_who_may_not_reach_everything_reaches_no_socket(reach: Reach, reason: str, tmp_path: Path) -> None:
    context = replace(Context.default(SteadyClock()), guard=Guard(reach))
    async with listening(saying(), tmp_path) as path:
        assert (await look(unix, {"target": path}, context=context)).reason == reason
    await context.close()


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": "s.sock"}, "String should match pattern"),
        ({"target": "/" + "x" * 107}, "is longer than the 107 bytes"),
        ({"tls": {}}, "does not say whom the certificate has to be for, add tls: {server_name: NAME}"),
        ({"query_response": [{"starttls": True}]}, "does not say whom the certificate has to be for"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        unix.Config.model_validate({"target": "/s", **config})
    assert message in str(raised.value)


def test_a_module_of_the_exporter_becomes_such_a_probe(tmp_path: Path) -> None:
    file = tmp_path / "blackbox.yml"
    steps = "[{expect: a, send: 'b ${1}'}, {send: ''}]"
    file.write_text(f"modules:\n  local:\n    prober: unix\n    unix: {{query_response: {steps}}}\n")
    config = load(file, Kinds.installed(), os.environ).modules["local"].aimed("/run/s.sock")
    assert isinstance(config, unix.Config)
    assert (config.target, len(config.query_response), config.tls) == ("/run/s.sock", 1, None)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = unix.build(unix.Config.of("/s"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
