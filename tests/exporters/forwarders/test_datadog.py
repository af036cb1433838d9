"""The official client against a strict Datadog: what was sent is there once, whatever happens on the way."""

import asyncio
import gzip
import json
import logging
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.forwarders.datadog import AGES, MOST_RECORDS, Config, Datadog, build
from slo.core.delivery import Ambiguous, Dropped, Refused, Retry, Sent, Verdict
from slo.core.telemetry import Encoded, Rank, Record
from slo.demo.vendors.datadog.standin import DatadogStandIn
from slo.demo.vendors.injection import Injection
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.exporters.datadog.records import START, counted, logged, measured
from tests.hostile import Behaviour, serving

API_KEY = "0123456789abcdef0123456789abcdef"
GOOD, BAD = "slo_sli_good", "slo_sli_bad"


class Clock(SteadyClock):
    """The time of the tests, which does not pass; what is waited for does."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(START + 3600, UTC)


def configured(url: str, **keys: Any) -> Datadog:
    config = Config.model_validate({"url": url, "api_key": API_KEY, "timeout": "1s", **keys})
    return build(config, Context.default(Clock()))


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[DatadogStandIn]:
    async with DatadogStandIn(tmp_path, api_key=API_KEY, now=lambda: START + 3600) as server:
        yield server


@pytest.fixture
async def forwarder(standin: DatadogStandIn) -> AsyncIterator[Datadog]:
    forwarder = configured(standin.url, tls={"ca_file": str(standin.ca_file)})
    yield forwarder
    await forwarder.aclose()


async def once(forwarder: Datadog, *records: Record) -> Verdict:
    [verdict] = await forwarder.send(forwarder.encode(records))
    return verdict


async def until_sent(forwarder: Datadog, records: Sequence[Record]) -> list[Verdict]:
    """Send a batch as often as it needs; what became of it before."""
    failed: list[Verdict] = []
    while not isinstance(verdict := await once(forwarder, *records), Sent):
        failed.append(verdict)
        assert len(failed) < 10
    return failed


def slots() -> list[Record]:
    """Slots of half an hour, two of which are corrected later on, one of them twice."""
    ends = [START + 1800 + 10 * number for number in range(1, 181)]
    late = [
        counted(ends[0], (5, 0, 0), told_at=ends[20]),
        counted(ends[0], (7, 0, 0), told_at=ends[21]),
        counted(ends[1], (0, 9, 0), told_at=ends[20]),
    ]
    return [counted(end, (number, 1, 0)) for number, end in enumerate(ends)] + late


async def test_counts_metrics_and_logs_are_there_as_they_were_sent(standin: DatadogStandIn, forwarder: Datadog) -> None:
    assert await once(forwarder, *slots()) == Sent()
    assert await once(forwarder, measured(START + 60, ("slo_burn_rate", "gauge", {"slo": "gate"}, 14.4))) == Sent()
    events = [logged(START - 1_000_000, id_="old"), logged(START + 3599, id_="new")]
    assert await once(forwarder, *events) == Sent()
    assert standin.account.sum(GOOD, "slo:gate", "customer:acme") == sum(range(180)) + 12
    assert standin.account.sum(BAD) == 180 + 9
    [(series, points)] = standin.account.series("slo_burn_rate")
    assert (series, points) == (("slo_burn_rate", "", ("slo:gate",)), {START + 60: 14.4})
    assert [log["event"]["id"] for log in standin.account.logs] == ["old", "new"]
    assert standin.account.types == {GOOD: 1, BAD: 1, "slo_sli_unknown": 1, "slo_burn_rate": 3}
    assert not standin.account.discarded


BAD_DAYS = [
    Injection(status=429, ratelimit_reset="3", body="{}"),
    Injection(status=500, body="{}"),
    Injection(status=503, body="{}", processed=True),
    Injection(reset=True),
    Injection(reset=True, processed=True),
    Injection(hang_seconds=30.0),
    Injection(slow_seconds=30.0, status=202, body="{}" * 20, processed=True),
    Injection(status=408, body="{}"),
]


async def test_sums_are_what_was_sent_and_every_log_is_there_after_bad_days(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    records, failed = slots(), list[Verdict]()
    for number, bad_day in enumerate(BAD_DAYS):
        standin.inject(bad_day)
        failed += await until_sent(forwarder, records[number * 23 : (number + 1) * 23])
        standin.inject(bad_day)
        failed += await until_sent(forwarder, [logged(START + 3500, id_=f"e{number}")])
    assert len(failed) == 2 * len(BAD_DAYS)
    assert standin.account.sum(GOOD) == sum(range(180)) + 12
    assert standin.account.sum(BAD) == 180 + 9
    assert {log["event"]["id"] for log in standin.account.logs} == {f"e{number}" for number in range(len(BAD_DAYS))}
    assert len(standin.account.logs) == len(BAD_DAYS) + 4, "a log that was taken and not heard of is there twice"
    assert failed[0] == Retry(reason="rate_limited", after_seconds=3.0, detail="HTTP 429: {}")


@pytest.mark.parametrize(
    ("injection", "kind", "reason"),
    [
        (Injection(status=400, body="{}"), Refused, "rejected"),
        (Injection(status=403, body="{}"), Retry, "auth_refused"),
        (Injection(status=413, body="{}"), Refused, "too_large"),
        (Injection(status=307, body="{}"), Retry, "redirected"),
        (Injection(status=504, body="{}"), Ambiguous, "server_error"),
        (Injection(hang_seconds=30.0), Ambiguous, "response_timeout"),
    ],
)
async def test_each_answer_means_what_it_says(
    standin: DatadogStandIn, forwarder: Datadog, injection: Injection, kind: type[Verdict], reason: str
) -> None:
    standin.inject(injection)
    verdict = await once(forwarder, counted(START, (1, 0, 0)))
    assert isinstance(verdict, kind)
    assert getattr(verdict, "reason", "") == reason
    assert len(standin.requests) == 1, "the client tries nothing again by itself"


async def test_what_is_wrong_with_a_batch_is_refused_and_what_is_right_in_it_is_not_there(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    encoded = forwarder.encode([counted(START + 3600, (1, 0, 0))])
    body = gzip.compress(gzip.decompress(encoded.body).replace(b'"value":1', b'"value":"1"'))
    [verdict] = await forwarder.send(Encoded(body=body, raw_bytes=1, records=1, path=encoded.path))
    assert isinstance(verdict, Refused)
    assert not standin.account.points


async def test_a_batch_of_nothing_but_gaps_is_done_without_a_request(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    assert await once(forwarder, measured(START, ("odd", "gauge", {}, float("nan")))) == Dropped()
    assert not standin.requests


async def test_as_much_as_it_says_goes_into_one_request(standin: DatadogStandIn, forwarder: Datadog) -> None:
    events = [logged(START + 3000 + number, id_=str(number)) for number in range(MOST_RECORDS)]
    encoded = forwarder.encode(events)
    assert len(encoded.body) <= forwarder.limits.wire_bytes
    assert encoded.raw_bytes == len(gzip.decompress(encoded.body)) <= forwarder.limits.raw_bytes
    assert await forwarder.send(encoded) == [Sent()]
    assert len(standin.account.logs) == MOST_RECORDS


def test_events_alone_never_expire() -> None:
    assert set(AGES) == set(Rank) - {Rank.EVENT}


def test_a_site_has_an_address_for_metrics_and_one_for_logs() -> None:
    config = Config.model_validate({"site": "datadoghq.eu", "api_key": API_KEY})
    assert build(config, Context.default(Clock())).shown == "https://api.datadoghq.eu/"
    with pytest.raises(ValueError, match="site"):
        Config.model_validate({"site": "datadoghq.example", "api_key": API_KEY})


@pytest.mark.parametrize(
    "behaviour",
    [
        hostile.silent,
        hostile.resetting_at_once,
        hostile.flooding(b"HTTP/1.1 202 Accepted\r\n\r\n", b"x" * 100_000),
        hostile.trickling(b"HTTP/1.1 202 Accepted\r\n", b"X"),
        hostile.answering(b"\0" * 100_000),
        hostile.answering(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nx"),
        hostile.answering(b"HTTP/1.1 401 No\r\nContent-Length: 32\r\n\r\n" + API_KEY.encode()),
        hostile.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>Log in!</html>"),
        hostile.answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_whatever_answers_there_is_a_verdict_without_the_key_and_a_thread_that_ends(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(behaviour) as port:
        forwarder = configured(f"http://127.0.0.1:{port}", timeout="300ms")
        verdict = await once(forwarder, counted(START, (1, 0, 0)))
        await forwarder.aclose()
    assert isinstance(verdict, Retry | Ambiguous)
    assert API_KEY not in repr(verdict)
    assert API_KEY not in caplog.text


async def test_nobody_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    forwarder = configured(f"http://127.0.0.1:{port}")
    assert isinstance(await once(forwarder, counted(START, (1, 0, 0))), Retry)
    await forwarder.aclose()


async def test_a_datadog_that_hangs_takes_one_thread_of_its_own_and_none_of_others(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    standin.inject(Injection(hang_seconds=30.0, times=3))
    sending = [asyncio.create_task(once(forwarder, counted(START, (1, 0, 0)))) for _ in range(3)]
    await asyncio.sleep(0.5)
    threads = [thread.name for thread in threading.enumerate()]
    assert sum(name.startswith("datadog") for name in threads) == 1
    assert not any(name.startswith("asyncio") for name in threads)
    await forwarder.aclose()
    verdicts = await asyncio.gather(*sending)
    assert sorted(map(repr, verdicts)) == sorted(
        map(repr, [Ambiguous(reason="cancelled"), Retry(reason="cancelled"), Retry(reason="cancelled")])
    )


async def test_the_client_says_nothing_secret_at_any_level(
    standin: DatadogStandIn, forwarder: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    await once(forwarder, counted(START, (1, 0, 0)))  # the package sets its own level when it is first used
    for name in ("", "datadog_api_client", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    standin.inject(Injection(status=202, body=json.dumps({"errors": [API_KEY]}), processed=True))
    standin.inject(Injection(status=400, body=json.dumps({"errors": [f"key {API_KEY} is odd"]})))
    said = [repr(await once(forwarder, counted(START, (1, 0, 0)))) for _ in range(3)]
    assert "<secret> is odd" in said[1]
    assert "datadog_api_client" in {record.name.partition(".")[0] for record in caplog.records}
    assert API_KEY not in "".join([caplog.text, *said, repr(forwarder.__dict__), forwarder.shown])


def test_the_key_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(API_KEY + "\n")
    context = {"folder": tmp_path, "files": set()}
    config = Config.model_validate({"api_key_file": "key"}, context=context)
    assert config.api_key.reveal() == API_KEY
    assert API_KEY not in repr(config)
