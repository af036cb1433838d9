"""What a gRPC probe takes for good: a service that says of itself that it is serving."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import trustme
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes import grpc
from slo.errors import Fault
from slo.net import grpc_health
from slo.net.context import Context
from slo.net.http1 import Headers, Response
from slo.runner.clock import SteadyClock
from tests.certificates import written
from tests.hostile import Behaviour, serving, silent
from tests.probes.looking import Seen, look
from tests.services import Service, StartNginx, free_port

CHECKOUT = Path(__file__).resolve().parent.parent.parent
HUNG_SECONDS = 0.5


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def started(folder: Path, *arguments: str) -> Service:
    port = free_port()
    command = [sys.executable, "-m", "tests.grpc_server", str(port), *arguments]
    return Service(command, port=port, folder=folder, environment={"PYTHONPATH": str(CHECKOUT)})


@pytest.fixture(scope="module")
def servers(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """The ports of real servers: one in the clear, one over TLS, one without health checking."""
    folder = tmp_path_factory.mktemp("certificate")
    pem = folder / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with contextlib.ExitStack() as running:
        yield {
            name: running.enter_context(started(tmp_path_factory.mktemp(name), *arguments)).port
            for name, arguments in {"clear": (), "tls": (str(pem),), "bare": ("bare",)}.items()
        }


async def asked(port: int, *, timeout_seconds: float = 10.0, **config: object) -> Seen:
    return await look(grpc, {"target": f"localhost:{port}", **config}, timeout_seconds=timeout_seconds)


def statuses(seen: Seen) -> dict[str, float]:
    """What is said to be served, of all that it could be."""
    found = [sample for sample in seen.samples if sample.name == "probe_grpc_healthcheck_response"]
    return {sample.labels["serving_status"]: sample.value for sample in found}


@pytest.mark.parametrize(
    ("service", "reason", "code", "status"),
    [
        ("", "ok", 0, "SERVING"),
        ("api", "ok", 0, "SERVING"),
        ("a.service.of.which.the.name.is.longer.than.a.byte.of.seven.bits" * 3, "ok", 0, "SERVING"),
        ("down", "not_serving", 0, "NOT_SERVING"),
        ("dark", "not_serving", 0, "UNKNOWN"),
        ("gone", "service_unknown", 0, "SERVICE_UNKNOWN"),
        ("strange", "not_serving", 0, ""),
        ("nobody", "service_unknown", 5, ""),
        ("denied", "grpc_status", 7, ""),
        ("token", "grpc_status", 16, ""),
    ],
)
async def test_what_a_server_says_of_a_service(
    servers: Mapping[str, int], service: str, reason: str, code: int, status: str
) -> None:
    seen = await asked(servers["clear"], service=service)
    assert seen.reason == reason, seen.judgement.detail
    assert seen.value("probe_grpc_status_code") == code
    assert statuses(seen) == {each: float(each == status) for each in grpc_health.SERVING_STATUSES}
    assert seen.value("probe_grpc_ssl") == 0
    assert list(seen.judgement.phases) == ["resolve", "connect", "check"]
    assert seen.value("probe_grpc_duration_seconds", phase="check") == pytest.approx(
        seen.judgement.phases["connect"] + seen.judgement.phases["check"]
    )


async def test_what_the_server_says_is_read_whole(servers: Mapping[str, int]) -> None:
    seen = await asked(servers["clear"], service="denied")
    assert seen.judgement.detail == "PERMISSION_DENIED: no größer rights"


async def test_metadata_goes_along(servers: Mapping[str, int]) -> None:
    seen = await asked(servers["clear"], service="token", metadata={"X-Token": "s3cret"})
    assert seen.reason == "ok", seen.judgement.detail


async def test_a_server_over_tls(servers: Mapping[str, int], authority: trustme.CA, tmp_path: Path) -> None:
    seen = await asked(servers["tls"], tls={"ca_file": written(authority, tmp_path)})
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["resolve", "connect", "tls", "check"]
    assert seen.value("probe_grpc_ssl") == 1
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None
    assert seen.value("probe_tls_version_info", version="TLS 1.3") == 1


async def test_a_certificate_that_is_not_trusted_is_shown_all_the_same(servers: Mapping[str, int]) -> None:
    seen = await asked(servers["tls"], tls={})
    assert seen.reason in {"tls_verify", "tls_self_signed"}
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None
    assert seen.value("probe_grpc_status_code") == grpc_health.UNAVAILABLE


async def test_a_server_without_health_checking(servers: Mapping[str, int]) -> None:
    seen = await asked(servers["bare"])
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("health_unimplemented", 12)


async def test_a_service_that_takes_too_long(servers: Mapping[str, int]) -> None:
    """The server ends the call at the deadline that it was told, or we do: whoever is first."""
    seen = await asked(servers["clear"], service="slow", timeout_seconds=HUNG_SECONDS)
    assert seen.reason in {"response_timeout", "grpc_status"}
    assert seen.value("probe_grpc_status_code") == 4


async def test_nobody_listens() -> None:
    seen = await asked(free_port())
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("connect_refused", 14)
    assert set(statuses(seen).values()) == {0.0}


async def test_of_a_name_that_is_not_nothing_is_said_of_a_call() -> None:
    seen = await look(grpc, {"target": "no-such-host.invalid:1"})
    assert seen.reason in {"dns_nxdomain", "resolver_down", "network_down"}
    assert seen.value("probe_grpc_status_code") is None
    assert statuses(seen) == {}


async def test_a_site_that_is_not_grpc(nginx: StartNginx) -> None:
    seen = await asked(nginx("location / { return 503; }", listen="http2").port)
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("status", 14)
    seen = await asked(nginx("location / { return 200 'hello'; }", listen="http2").port)
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("status", 2)
    seen = await asked(nginx("location / { return 200 'hello'; }").port)
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("response_malformed", 14)


# Servers that misbehave


def fields(*pairs: tuple[str, str], last: bool = False) -> HeadersFrame:
    return HeadersFrame(1, Encoder().encode(pairs), flags=["END_HEADERS", *(["END_STREAM"] if last else [])])


def saying(*frames: Frame) -> Behaviour:
    """Greets and says these frames when it was asked."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SettingsFrame(0).serialize())
        await reader.readuntil(b"\0\0\0\0\1")  # the DATA frame's stream, at last
        for frame in frames:
            writer.write(frame.serialize())
        await writer.drain()
        await asyncio.Event().wait()

    return behave


HEAD = fields((":status", "200"), ("content-type", "application/grpc"))
SERVING = DataFrame(1, b"\0\0\0\0\2\x08\x01")
END = fields(("grpc-status", "0"), last=True)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([HEAD, SERVING, END], "ok"),
        ([HEAD, DataFrame(1, b"\0\0\0\0\6\x7a\2hi\x08\1"), END], "ok"),
        ([HEAD, DataFrame(1, b"\0\0\0\0\0"), END], "not_serving"),
        ([HEAD, END], "data"),
        ([HEAD, DataFrame(1, SERVING.data, flags=["END_STREAM"])], "data"),
        ([HEAD, SERVING, SERVING, END], "data"),
        ([HEAD, DataFrame(1, b"\1\0\0\0\2\x08\x01"), END], "data"),
        ([HEAD, DataFrame(1, b"\0\0\0\0\2\x08\x81"), END], "data"),
        ([HEAD, DataFrame(1, b"\0\0\0\0\3\x0a\1\1"), END], "data"),
        ([HEAD, SERVING, fields(("grpc-status", "good"), last=True)], "data"),
        ([HEAD, DataFrame(1, b"x" * 16_000)], "response_timeout"),
        ([HEAD, *[DataFrame(1, b"x" * 16_000)] * 5], "body_too_large"),
        ([HEAD, RstStreamFrame(1, 8)], "body_reset"),
        ([GoAwayFrame(0, error_code=11)], "response_reset"),
        ([], "response_timeout"),
    ],
)
async def test_a_server_that_misbehaves(frames: Sequence[Frame], reason: str) -> None:
    async with serving(saying(*frames)) as port:
        seen = await asked(port, timeout_seconds=HUNG_SECONDS if reason == "response_timeout" else 5.0)
    assert seen.reason == reason, seen.judgement.detail


async def test_a_server_that_says_nothing() -> None:
    async with serving(silent) as port:
        seen = await asked(port, timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, seen.value("probe_grpc_status_code")) == ("response_timeout", 4)


@given(st.binary(max_size=40), st.sampled_from([b"0", b"5", b"x", b""]))
def test_any_answer_has_a_meaning_or_is_a_fault(body: bytes, status: bytes) -> None:
    response = Response(status=200, version="2", headers=((b"content-type", b"application/grpc"),), body=body)
    trailers: Headers = ((b"grpc-status", status),)
    with contextlib.suppress(Fault):
        assert grpc_health.answer_of(response, trailers).serving in {"", *grpc_health.SERVING_STATUSES}


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": "http://localhost"}, "is no host, with or without a port"),
        ({"authority": "https://api.example"}, "is no name of a server, write it as api.example"),
        ({"metadata": {"grpc-timeout": "1S"}}, "grpc-timeout is set by the watch itself"),
        ({"metadata": {"trace-bin": "x"}}, "trace-bin would have to be bytes"),
        ({"metadata": {"a": "two\nlines"}}, "holds a line end"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        grpc.Config.model_validate({"target": "localhost:1", **config})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("config", "place", "authority"),
    [
        ({"target": "api.example"}, ("api.example", 80), "api.example:80"),
        ({"target": "api.example", "tls": {}}, ("api.example", 443), "api.example:443"),
        ({"target": "::1", "tls": {}}, ("::1", 443), "[::1]:443"),
        ({"target": "[::1]:50051", "authority": "api.example"}, ("::1", 50051), "api.example"),
    ],
)
def test_a_port_that_is_not_named_is_the_usual_one(
    config: Mapping[str, object], place: tuple[str, int], authority: str
) -> None:
    probe = grpc.build(grpc.Config.model_validate(config), Context.default(SteadyClock()))
    assert ((probe._endpoint.host, probe._endpoint.port), probe._authority) == (place, authority)


def test_metadata_is_a_secret() -> None:
    config = grpc.Config.model_validate({"target": "a:1", "metadata": {"authorization": "Bearer s3cret"}})
    assert "s3cret" not in repr(config)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = grpc.build(grpc.Config.of("127.0.0.1:1"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
