"""OTLP as a receiver demands it, what each answer means, and that nothing is lost whatever the other side does."""

import gzip
import json
import signal
import socket
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from pydantic import ValidationError

from exporters.forwarders.otlp import OTLP, Config, build
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.core.telemetry import (
    ALREADY_THERE,
    TOO_OLD,
    Counted,
    Counts3,
    Logged,
    Measured,
    Point,
    Rank,
    Record,
    Telemetry,
)
from slo.core.telemetry_document import written
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.exporters.otlp.receiver import PROTOBUF, Answer, Receiver, logs_of, receiving, reset, settled, status
from tests.services import free_port

END = 1_700_000_000
TOKEN = "token-of-sixteen-letters"


def otlp(port: int, **keys: object) -> OTLP:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}/", "timeout": "2s", **keys})
    return build(config, Context.default(SteadyClock()))


def counted(number: int, slo: str = "gate") -> Record:
    """The counts of a slot: two more good events and one more bad one than the slot before."""
    telemetry = Counted(
        id=f"{slo}{number}",
        end=END + 10 * number,
        seconds=10,
        labels={"slo": slo, "service": slo},
        counts=Counts3(2, 1, 0),
        totals=Counts3(2 * number, number, 0),
    )
    return record(telemetry, number, Rank.COUNT)


def logged(number: int) -> Record:
    telemetry = Logged(
        id=f"e{number}",
        at=datetime.fromtimestamp(END + number, UTC),
        dataset="watchkeep.incident",
        action="opened",
        message="gate burns",
        labels={"slo": "gate"},
        fields={"number": number},
    )
    return record(telemetry, number, Rank.EVENT)


def record(telemetry: Telemetry, number: int, rank: Rank) -> Record:
    return Record(number=number, rank=rank, at=0, body=written(telemetry))


async def delivered(to: OTLP, records: Sequence[Record]) -> list[Verdict]:
    """Send them until they are taken or refused, as often as it needs; the verdicts on all tries."""
    encoded = to.encode(records)
    verdicts: list[Verdict] = []
    while True:
        (verdict, *_) = await to.send(encoded)
        verdicts.append(verdict)
        if isinstance(verdict, Sent | Refused):
            return verdicts


async def answered(answer: Answer, records: Sequence[Record] | None = None, **keys: object) -> Sequence[Verdict]:
    async with receiving() as (receiver, port):
        receiver.faults.append(answer)
        to = otlp(port, **keys)
        return await to.send(to.encode(records or [counted(1), counted(2), counted(3)]))


async def test_a_request_is_compressed_protobuf_to_the_address_of_its_signal() -> None:
    async with receiving() as (receiver, port):
        to = otlp(port, bearer_token=TOKEN, headers={"X-Tenant": "acme"})
        for records in ([counted(1), counted(2)], [logged(1), logged(2)]):
            encoded = to.encode(records)
            assert (encoded.records, encoded.raw_bytes) == (2, len(gzip.decompress(encoded.body)))
            assert await to.send(encoded) == [Sent(), Sent()]
    assert (len(receiver.metrics), len(receiver.logs)) == (1, 1)
    for headers in receiver.headers:
        assert headers["Content-Encoding"] == "gzip"
        assert headers["Authorization"] == f"Bearer {TOKEN}"
        assert headers["X-Tenant"] == "acme"
    assert receiver.last() == {
        (
            f"slo_sli_{state}_total",
            frozenset({("service.name", "gate")}),
            frozenset({("slo", "gate"), ("service", "gate")}),
        ): (
            (END + 20) * 10**9,
            total,
        )
        for state, total in {"good": 4.0, "bad": 2.0, "unknown": 0.0}.items()
    }


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        (400, Refused, "rejected"),
        (429, Retry, "rate_limited"),
        (500, Ambiguous, "server_error"),
        (503, Ambiguous, "server_error"),
    ],
)
async def test_what_a_receiver_says_of_a_failure_is_told(code: int, verdict: type, reason: str) -> None:
    (found,) = await answered(status(code))
    assert isinstance(found, verdict)
    assert getattr(found, "reason", "") == reason
    assert getattr(found, "detail", "") == f"HTTP {code}: no no"


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        (400, "out of order sample", ALREADY_THERE),
        (400, "duplicate sample for timestamp", ALREADY_THERE),
        (400, "out of bounds", TOO_OLD),
        (400, "add 3 samples: out of bounds", TOO_OLD),
        (400, "index out of bounds", "rejected"),
        (400, "no", "rejected"),
        (500, "too old sample", ALREADY_THERE),
    ],
)
async def test_what_a_prometheus_refuses_as_too_late_and_nothing_else_is_known_for_it(
    code: int, said: str, reason: str
) -> None:
    (found,) = await answered(lambda _: web.Response(status=code, text=f"{said}\n"))
    assert isinstance(found, Refused)
    assert found.reason == reason


@pytest.mark.parametrize("code", [429, 502, 503, 504])
async def test_a_receiver_says_when_to_come_again(code: int) -> None:
    (found,) = await answered(status(code, Retry_After="30"))
    assert isinstance(found, Retry | Ambiguous)
    assert found.after_seconds == 30


def answering(body: bytes, content_type: str) -> Answer:
    return lambda _: web.Response(body=body, headers={"Content-Type": content_type})


def partial(rejected: int, message: str) -> bytes:
    said = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    body: bytes = ExportMetricsServiceResponse(partial_success=said).SerializeToString()
    return body


@pytest.mark.parametrize(
    ("body", "content_type", "rejected"),
    [
        (b"", PROTOBUF, 0),
        (b"", "text/html", 0),
        (ExportMetricsServiceResponse().SerializeToString(), PROTOBUF, 0),
        (partial(0, "your names are long"), PROTOBUF, 0),
        (partial(1, "too old"), PROTOBUF, 1),
        (partial(2, "too old"), f"{PROTOBUF}; charset=utf-8", 2),
        (partial(9, "too old"), PROTOBUF, 3),
        (partial(-1, "too old"), PROTOBUF, 0),
        (b"{}", "application/json", 0),
        (b'{"partialSuccess": null}', "application/json", 0),
        (b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}}', "application/json", 2),
        (b'{"partialSuccess": {"rejectedLogRecords": 1, "errorMessage": "too old"}}', "application/json", 1),
        (b"ok", "text/plain", 0),
    ],
)
async def test_what_is_rejected_of_a_request_that_was_taken_is_lost_and_counted(
    body: bytes, content_type: str, rejected: int
) -> None:
    found = await answered(answering(body, content_type))
    assert [isinstance(each, Sent) for each in found] == [True] * (3 - rejected) + [False] * rejected
    for verdict in found[3 - rejected :]:
        assert isinstance(verdict, Refused)
        assert verdict.reason == "partly_rejected"
        assert verdict.detail.endswith(" rejected: too old")


async def test_what_is_rejected_of_logs_is_counted_too() -> None:
    said = ExportLogsPartialSuccess(rejected_log_records=1, error_message="no")
    body = ExportLogsServiceResponse(partial_success=said).SerializeToString()
    first, second = await answered(answering(body, PROTOBUF), [logged(1), logged(2)])
    assert (first, second) == (Sent(), Refused(reason="partly_rejected", detail="1 rejected: no"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>a captive portal</html>", "text/html; charset=utf-8"),
        (b"<html>a captive portal</html>", PROTOBUF),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"partialSuccess": 3}', "application/json"),
        (b'{"partialSuccess": {"rejectedDataPoints": "many"}}', "application/json"),
    ],
)
async def test_a_success_that_no_receiver_would_answer_is_none(body: bytes, content_type: str) -> None:
    (found,) = await answered(answering(body, content_type))
    assert isinstance(found, Retry)
    assert found.reason == "response_malformed"


async def test_secrets_are_shown_to_nobody_even_where_the_other_side_says_them_back() -> None:
    body = json.dumps({"message": f"no tenant has {TOKEN}"}).encode()
    refusing = web.Response(status=400, body=body, headers={"Content-Type": "application/json"})
    for answer in (lambda _: refusing, answering(partial(1, f"no tenant has {TOKEN}"), PROTOBUF)):
        *_, found = await answered(answer, bearer_token=TOKEN)
        assert isinstance(found, Refused)
        assert TOKEN not in found.detail
        assert "<secret>" in found.detail


FAULTS: dict[str, Answer] = {
    "429": status(429, Retry_After="1"),
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "504": status(504),
    "reset": reset,
}


@pytest.mark.parametrize("taken", [False, True], ids=["nothing taken", "taken all the same"])
async def test_totals_are_equal_in_the_end_and_every_log_is_there_whatever_failed_before(*, taken: bool) -> None:
    async with receiving() as (receiver, port):
        receiver.taken_before_fault = taken
        to = otlp(port)
        for number in range(1, 11):
            receiver.faults = deque([*FAULTS.values(), None])
            assert len(await delivered(to, [counted(number), counted(number, "echo")])) == len(FAULTS) + 1
            receiver.faults = deque([*FAULTS.values(), None])
            assert len(await delivered(to, [logged(number)])) == len(FAULTS) + 1
    totals = {(series[0], dict(series[2])["slo"]): value for series, (_, value) in receiver.last().items()}
    assert totals == {
        (f"slo_sli_{state}_total", slo): total
        for slo in ("gate", "echo")
        for state, total in {"good": 20.0, "bad": 10.0, "unknown": 0.0}.items()
    }
    ids = [_event_id(log.attributes) for log in logs_of(receiver.logs)]
    assert sorted(set(ids)) == sorted(f"e{number}" for number in range(1, 11))
    assert (len(ids) > len(set(ids))) == taken, "a log that comes again has the same id"


def _event_id(pairs: object) -> str:
    assert isinstance(pairs, Sequence)
    return next(str(pair.value.string_value) for pair in pairs if pair.key == "event.id")


@pytest.mark.parametrize("path", ["/v1/metrics", "/otlp/v1/logs", "/v1/metrics/"])
def test_the_address_of_one_signal_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="leave out /v1/metrics and /v1/logs"):
        Config.model_validate({"url": f"http://127.0.0.1:4318{path}"})


# A real receiver


@asynccontextmanager
async def rotel(folder: Path, exporting_to: int) -> AsyncIterator[int]:
    """An OpenTelemetry receiver in another process, which passes on what it has understood; gives its port."""
    port, grpc_port = free_port(), free_port()
    program = files("rotel").joinpath("rotel-agent")
    command = [
        *(str(program), "start", "--exporter", "otlp", "--otlp-exporter-protocol", "http"),
        *("--otlp-exporter-endpoint", f"http://127.0.0.1:{exporting_to}", "--batch-timeout", "50ms"),
        *("--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}"),
        *("--pid-file", str(folder / "pid"), "--log-file", str(folder / "log")),
    ]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        await settled(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, (folder / "output").read_text()
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _listens(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


async def test_a_real_receiver_understands_it_and_passes_on_what_was_sent(tmp_path: Path) -> None:
    sent = Receiver()
    async with receiving() as (passed_on, behind), rotel(tmp_path, behind) as port:
        to = otlp(port, resource={"k8s.cluster.name": "c1"})
        points = [
            Point("slo_burn_rate", "gauge", {"slo": "gate", "window": "1h"}, 14.4),
            Point("redis_commands_total", "counter", {"instance": "r:6379"}, 1e9),
            Point("probe_seconds_bucket", "histogram", {"le": "+Inf"}, 3.0),
        ]
        measured = Measured(at=datetime.fromtimestamp(END, UTC), points=points)
        counts = [counted(number, slo) for number in (1, 2, 1) for slo in ("gate", "echo")]
        for records in ([record(measured, 1, Rank.METRIC)], counts, [logged(1), logged(2)]):
            encoded = to.encode(records)
            sent.take(encoded.path, gzip.decompress(encoded.body))
            assert await to.send(encoded) == [Sent()] * len(records)
        await settled(lambda: len(list(logs_of(passed_on.logs))) == 2 and len(passed_on.last()) == len(sent.last()))
        await settled(lambda: passed_on.last() == sent.last())
    assert len(sent.last()) == 9
    assert sorted(map(str, logs_of(passed_on.logs))) == sorted(map(str, logs_of(sent.logs)))
