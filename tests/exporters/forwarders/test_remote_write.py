"""What is written to a real Prometheus and a real VictoriaMetrics is there, once, whatever happens on the way."""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from exporters.forwarders.remote_write import Config, RemoteWrite, build
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.core.telemetry import (
    ALREADY_THERE,
    TOO_OLD,
    TOTALS,
    Counted,
    Counts3,
    Measured,
    Point,
    Rank,
    Record,
    Telemetry,
)
from slo.core.telemetry_document import written
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from tests import hostile
from tests.exporters.forwarders.sender import send_all
from tests.faulty_proxy import Fault, FaultyProxy
from tests.remote_write_receivers import Prometheus, Receiver, Samples, VictoriaMetrics

SECRET = "a-token-that-nobody-may-see"

_numbers = itertools.count()


@pytest.fixture(params=["Prometheus", "VictoriaMetrics"])
def receiver(
    request: pytest.FixtureRequest, prometheus_receiver: Prometheus, victoria_metrics: VictoriaMetrics
) -> Receiver:
    return prometheus_receiver if request.param == "Prometheus" else victoria_metrics


def remote_write(port: int, path: str = "/api/v1/write", **keys: Any) -> RemoteWrite:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}{path}", "timeout": "10s", **keys})
    return build(config, Context.default(SteadyClock()))


def hour(job: str) -> list[Telemetry]:
    """What an hour until now has: slots of a minute of ten SLOs, and metrics of each of these minutes.

    Labels are long and of no order, so that a request is large when it is compressed too.
    """
    dice = random.Random(3)
    of_slo = [{"slo": f"slo-{number}", "job": job, "hash": dice.randbytes(48).hex()} for number in range(10)]
    now = int(time.time()) // 60 * 60
    told: list[Telemetry] = []
    for minute, slo in itertools.product(range(60), range(10)):
        totals = Counts3(60 * minute, minute // 7 + slo, 0)
        told.append(
            Counted(
                id=f"{slo} {minute}",
                end=now - 60 * (59 - minute),
                seconds=60,
                labels=of_slo[slo],
                counts=Counts3(0, 0, 0),
                totals=totals,
            )
        )
    for minute in range(60):
        at = datetime.fromtimestamp(now - 60 * (59 - minute), UTC)
        points = [Point("slo_burn_rate", "gauge", labels, minute / 8) for labels in of_slo]
        told.append(Measured(at=at, points=points))
    return told


def as_samples(told: Iterable[Telemetry]) -> Samples:
    """The samples that these are."""
    found: Samples = defaultdict(list)
    for each in told:
        match each:
            case Counted(labels=labels, end=end, totals=totals):
                for name, total in zip(TOTALS, totals, strict=True):
                    found[frozenset({**labels, "__name__": name}.items())].append((end * 1000, float(total)))
            case Measured(at=at, points=points):
                for name, _, labels, value in points:
                    key = frozenset({**labels, "__name__": name}.items())
                    found[key].append((round(at.timestamp() * 1000), value))
    return found


def as_time(telemetry: Telemetry) -> float:
    """The time that it is about, in Unix seconds."""
    return float(telemetry.end) if isinstance(telemetry, Counted) else telemetry.at.timestamp()


async def forward(folder: Path, forwarder: RemoteWrite, told: Iterable[Telemetry], *, most: int) -> SpoolFile:
    """Send telemetry by way of a spool until nothing is left, at most `most` records at a time."""
    file = SpoolFile(folder / str(next(_numbers)))
    ranks = {Counted: Rank.COUNT, Measured: Rank.METRIC}
    file.append([New(rank=ranks[type(each)], at=as_time(each), body=written(each)) for each in told], {})
    await send_all(file, forwarder, most=most)
    return file


async def verdict_of(forwarder: RemoteWrite) -> Verdict:
    measured = Measured(at=datetime.now(UTC), points=[Point("slo_up", "gauge", {"job": "one"}, 1.0)])
    record = Record(number=1, rank=Rank.METRIC, at=0.0, body=written(measured))
    [verdict] = await forwarder.send(forwarder.encode([record]))
    return verdict


BAD = [fault for fault in Fault if fault not in {Fault.NONE, Fault.SOME_ITEMS_429, Fault.SOME_ITEMS_503}]


@pytest.mark.parametrize("fault", [*BAD, None], ids=lambda fault: fault.name if fault else "everything at once")
async def test_every_sample_is_there_once_whatever_happens_on_the_way(
    receiver: Receiver, tmp_path: Path, fault: Fault | None
) -> None:
    job, dice = f"job-{next(_numbers)}", random.Random(11)
    told = hour(job)
    faults = [dice.choice([*([fault] if fault else BAD), Fault.NONE]) for _ in range(8 if fault else 50)]
    proxy = FaultyProxy(receiver.port, faults, slow_seconds=0.8)
    async with proxy.serving() as port:
        slow = fault in {Fault.DONE_SLOW, None}
        forwarder = remote_write(port, receiver.path, timeout="500ms" if slow else "10s")
        file = await forward(tmp_path, forwarder, told, most=20)
    assert file.dead.count() == {}
    file.close()
    assert receiver.samples(f'{{job="{job}"}}') == as_samples(told)
    assert not set(faults) - set(proxy.met), "it was a bad day"


async def test_an_older_sample_of_somebody_else_stops_nothing_and_is_kept(
    prometheus_receiver: Prometheus, tmp_path: Path
) -> None:
    job = f"job-{next(_numbers)}"
    told = hour(job)
    (await forward(tmp_path, remote_write(prometheus_receiver.port), told[300:500], most=1_000)).close()
    file = await forward(tmp_path, remote_write(prometheus_receiver.port), told[:600], most=1_000)
    assert file.dead.count() == {ALREADY_THERE: 490}, "ten are the newest there, and the same"
    file.close()
    assert prometheus_receiver.samples(f'{{job="{job}"}}') == as_samples(told[300:600])


async def test_a_series_that_has_ended_is_there_no_more_at_once(receiver: Receiver, tmp_path: Path) -> None:
    job, now = f"job-{next(_numbers)}", datetime.now(UTC)
    points = [Point("slo_burn_rate", "gauge", {"job": job, "slo": name}, 1.0) for name in ("gate", "orca")]
    told = [
        Measured(at=now - timedelta(seconds=20), points=points),
        Measured(at=now - timedelta(seconds=10), points=points[:1]),
        Measured(at=now - timedelta(seconds=10), points=points[1:], ended=True),
    ]
    (await forward(tmp_path, remote_write(receiver.port, receiver.path), told, most=10)).close()
    assert receiver.now(f'slo_burn_rate{{job="{job}"}}') == ["gate"]


async def test_after_an_outage_what_a_prometheus_takes_no_more_is_given_up_and_the_rest_is_there(
    prometheus_receiver: Prometheus, tmp_path: Path
) -> None:
    job, others = f"job-{next(_numbers)}", f"job-{next(_numbers)}"
    (await forward(tmp_path, remote_write(prometheus_receiver.port), hour(others)[-1:], most=1)).close()
    told = hour(job)[:600]
    begins = int(time.time()) // 60 * 60 - 30 * 60
    late = [replace(each, end=each.end - 3 * 3600) for each in told if isinstance(each, Counted) and each.end < begins]
    recent = [each for each in told if isinstance(each, Counted) and each.end >= begins]
    file = await forward(tmp_path, remote_write(prometheus_receiver.port), [*late, *recent], most=1_000)
    assert file.dead.count() == {}
    file.close()
    assert prometheus_receiver.samples(f'{{job="{job}"}}') == as_samples(recent)


@pytest.mark.parametrize(
    ("status", "body", "verdict", "reason"),
    [
        ("204 No Content", "", Sent, ""),
        ("200 OK", "", Sent, ""),
        ("200 OK", "<html>Welcome to the hotel</html>", Retry, "response_malformed"),
        ("400 Bad Request", "invalid label", Refused, "rejected"),
        ("400 Bad Request", "out of order sample", Refused, ALREADY_THERE),
        ("400 Bad Request", "too old sample", Refused, ALREADY_THERE),
        ("500 Internal Server Error", "too old sample", Refused, ALREADY_THERE),
        ("500 Internal Server Error", "out of order sample", Ambiguous, "server_error"),
        ("400 Bad Request", "out of bounds", Refused, TOO_OLD),
        ("400 Bad Request", "rejected because its timestamp is too old (err-mimir-...)", Refused, TOO_OLD),
        ("400 Bad Request", "err-mimir-sample-out-of-order", Refused, ALREADY_THERE),
        ("409 Conflict", "store locally for endpoint here: conflict", Refused, ALREADY_THERE),
        ("409 Conflict", "add 1 samples: out of bounds", Refused, TOO_OLD),
        ("429 Too Many Requests", "out of order sample", Retry, "rate_limited"),
    ],
)
async def test_each_answer_is_what_it_is(status: str, body: str, verdict: type, reason: str) -> None:
    async with hostile.serving(hostile.responding(status, body)) as port:
        found = await verdict_of(remote_write(port))
    assert isinstance(found, verdict)
    assert getattr(found, "reason", "") == reason


@pytest.mark.parametrize(
    "keys",
    [
        {"bearer_token": SECRET},
        {"basic_auth": {"username": "kim", "password": SECRET}},
        {"headers": {"X-Scope-OrgID": SECRET}},
    ],
)
async def test_credentials_that_are_said_back_are_shown_to_nobody(
    keys: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    forwarder = remote_write(1, **keys)
    request = forwarder._posting.request("POST")
    sent = [value for value in request.headers.values() if isinstance(value, str)]
    assert any(SECRET in value or value.startswith("Basic ") for value in sent)
    said: Sequence[str] = [*sent, SECRET]
    async with hostile.serving(hostile.responding("400 Bad Request", " ".join(said))) as port:
        found = await verdict_of(remote_write(port, **keys))
    assert isinstance(found, Refused)
    assert SECRET not in forwarder.shown
    for secret in (SECRET, *(value.partition(" ")[2] for value in sent if " " in value)):
        assert secret not in found.detail
        assert secret not in caplog.text
        assert secret not in repr(request)


async def test_a_request_says_what_it_is_and_who_sends_it() -> None:
    asked: list[bytes] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await hostile.request(reader))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async with hostile.serving(noting) as port:
        assert isinstance(await verdict_of(remote_write(port, headers={"X-Scope-OrgID": "acme"})), Sent)
    lines = asked[0].partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    assert headers["User-Agent"] == f"Watchkeep/{version('watchkeep')}"
    assert headers["Content-Encoding"] == "snappy"
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert headers["X-Scope-OrgID"] == "acme"


@pytest.mark.parametrize(
    "name", ["content-encoding", "Content-Type", "USER-AGENT", "x-prometheus-remote-write-version"]
)
def test_headers_of_the_protocol_cannot_be_configured(name: str) -> None:
    with pytest.raises(ValueError, match="which remote write sets itself"):
        Config.model_validate({"url": "http://far.example/write", "headers": {name: "mine"}})
