"""The stand-in for Datadog refuses what Datadog refuses, keeps what it keeps, and forgets what it forgets."""

import asyncio
import gzip
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import cramjam
import pytest

from slo.demo.vendors.datadog.intake import LOG_BYTES, LOGS_RAW_BYTES, METRICS_WIRE_BYTES
from slo.demo.vendors.datadog.standin import DatadogStandIn
from slo.demo.vendors.injection import Injection

API_KEY, APPLICATION_KEY = "a" * 32, "b" * 40
NOW = 1_767_225_600
SERIES = {"metric": "m.a", "type": 1, "interval": 10, "points": [{"timestamp": NOW, "value": 2}], "tags": ["slo:gate"]}
LOG = {"message": "hello", "ddsource": "x", "ddtags": "a:b", "date": "2026-01-01T00:00:00Z"}


def account(folder: Path) -> DatadogStandIn:
    return DatadogStandIn(folder, api_key=API_KEY, application_key=APPLICATION_KEY, now=lambda: NOW)


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[DatadogStandIn]:
    async with account(tmp_path) as server:
        yield server


async def ask(
    standin: DatadogStandIn, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, Any, Any]:
    trust = ssl.create_default_context(cafile=standin.ca_file)
    sent = {"DD-API-KEY": API_KEY, "Content-Type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), skip_auto_headers=["Content-Type"]) as session,
        session.request(
            method, f"{standin.url}{path}", data=io.BytesIO(body), headers={k: v for k, v in sent.items() if v}
        ) as response,
    ):
        text = await response.text()
        return response.status, json.loads(text) if text else None, response.headers


async def series(standin: DatadogStandIn, *each: object, **headers: str) -> int:
    return (await ask(standin, "POST", "/api/v2/series", json.dumps({"series": each}).encode(), **headers))[0]


async def logs(standin: DatadogStandIn, *each: object) -> int:
    return (await ask(standin, "POST", "/api/v2/logs", json.dumps(each).encode()))[0]


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/v2/series", "", 403),
        ("/api/v2/series", "wrong", 403),
        ("/api/v2/logs", "", 401),
        ("/api/v2/logs", "wrong", 403),
    ],
)
async def test_nothing_is_taken_from_who_is_not_known(
    standin: DatadogStandIn, path: str, key: str, status: int
) -> None:
    assert (await ask(standin, "POST", path, b"[]", DD_API_KEY=key))[0] == status


@pytest.mark.parametrize(
    "changed",
    [
        {"metric": ""},
        {"metric": "1m"},
        {"metric": "m-a"},
        {"metric": "m" * 201},
        {"metric": 1},
        {"type": 4},
        {"type": "count"},
        {"interval": 0},
        {"interval": None},
        {"interval": 1.5},
        {"points": []},
        {"points": [[NOW, 2]]},
        {"points": [{"timestamp": NOW}]},
        {"points": [{"value": 2}]},
        {"points": [{"timestamp": NOW + 0.5, "value": 2}]},
        {"points": [{"timestamp": NOW, "value": "2"}]},
        {"points": [{"timestamp": NOW, "value": True}]},
        {"tags": "slo:gate"},
        {"tags": ["slo:"]},
        {"tags": ["1:gate"]},
        {"tags": ["slo:Gate"]},
        {"tags": ["slo:a b"]},
        {"tags": ["slo:" + "a" * 197]},
        {"resources": [{"name": "h"}]},
        {"host": "h"},
    ],
)
async def test_a_series_that_is_not_right_is_refused_and_so_is_all_beside_it(
    standin: DatadogStandIn, changed: dict[str, Any]
) -> None:
    assert await series(standin, SERIES, SERIES | changed) == 400
    assert not standin.account.points


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"series": []}', b'{"series": [1]}', b'{"series": NaN}'])
async def test_a_body_that_is_not_right_is_refused(standin: DatadogStandIn, body: bytes) -> None:
    assert (await ask(standin, "POST", "/api/v2/series", body))[0] == 400


async def test_a_body_is_json_and_says_so(standin: DatadogStandIn) -> None:
    assert await series(standin, SERIES, Content_Type="text/plain") == 415
    assert await series(standin, SERIES, Content_Type="") == 415


@pytest.mark.parametrize(
    ("encoding", "encode", "status"),
    [
        ("gzip", gzip.compress, 202),
        ("deflate", zlib.compress, 202),
        ("zstd1", lambda body: bytes(cramjam.zstd.compress(body)), 202),
        ("br", lambda body: body, 415),
        ("identity", lambda body: body, 415),
        ("gzip", lambda body: body, 400),
        ("gzip", lambda body: gzip.compress(body)[:-9], 400),
        ("zstd1", lambda body: body, 400),
        ("", gzip.compress, 400),
    ],
)
async def test_a_body_is_compressed_as_it_says(
    standin: DatadogStandIn, encoding: str, encode: Any, status: int
) -> None:
    body = encode(json.dumps({"series": [SERIES]}).encode())
    assert (await ask(standin, "POST", "/api/v2/series", body, Content_Encoding=encoding))[0] == status
    assert standin.account.sum("m.a") == (2 if status == 202 else 0)


@pytest.mark.parametrize(
    ("encoding", "encode", "status"),
    [
        ("identity", lambda body: body, 202),
        ("gzip", gzip.compress, 202),
        ("deflate", zlib.compress, 202),
        ("zstd1", lambda body: bytes(cramjam.zstd.compress(body)), 415),
    ],
)
async def test_logs_are_compressed_in_fewer_ways(
    standin: DatadogStandIn, encoding: str, encode: Any, status: int
) -> None:
    body = encode(json.dumps([LOG]).encode())
    assert (await ask(standin, "POST", "/api/v2/logs", body, Content_Encoding=encoding))[0] == status
    assert len(standin.account.logs) == (status == 202)


@pytest.mark.parametrize(("kind", "status"), [(0, 202), (1, 400), (2, 400), (3, 202)])
async def test_counts_and_rates_say_of_which_interval(standin: DatadogStandIn, kind: int, status: int) -> None:
    assert (
        await series(standin, {name: value for name, value in SERIES.items() if name != "interval"} | {"type": kind})
        == status
    )


async def test_what_is_too_large_before_or_after_compression_is_refused(standin: DatadogStandIn) -> None:
    wire = json.dumps({"series": [SERIES | {"unit": os.urandom(METRICS_WIRE_BYTES // 2).hex()}]}).encode()
    assert (await ask(standin, "POST", "/api/v2/series", wire))[0] == 413
    bomb = gzip.compress(b" " * 5_242_880)
    assert (await ask(standin, "POST", "/api/v2/series", bomb, Content_Encoding="gzip"))[0] == 413
    assert (await ask(standin, "POST", "/api/v2/logs", b" " * (LOGS_RAW_BYTES + 1)))[0] == 413
    assert await logs(standin, *[LOG] * 1001) == 413
    assert await logs(standin, *[LOG] * 1000) == 202


async def test_of_points_at_one_time_the_last_stays_and_others_add_up(standin: DatadogStandIn) -> None:
    assert await series(standin, SERIES) == 202
    assert await series(standin, SERIES | {"points": [{"timestamp": NOW, "value": 5}]}) == 202
    assert standin.account.sum("m.a") == 5
    assert await series(standin, SERIES | {"tags": ["slo:gate", "a:b"]}) == 202
    assert await series(standin, SERIES | {"resources": [{"name": "h1", "type": "host"}]}) == 202
    assert await series(standin, SERIES | {"points": [{"timestamp": NOW + 1, "value": 1}]}) == 202
    assert (standin.account.sum("m.a"), standin.account.sum("m.a", "a:b")) == (10, 2)
    assert standin.account.types == {"m.a": 1}


@pytest.mark.parametrize(("seconds", "kept"), [(-3600, 1), (-3601, 0), (600, 1), (601, 0), (-1_000_000, 0)])
async def test_points_that_are_too_old_or_too_far_ahead_are_taken_and_lost(
    standin: DatadogStandIn, seconds: int, kept: int
) -> None:
    assert await series(standin, SERIES | {"points": [{"timestamp": NOW + seconds, "value": 3}]}) == 202
    assert (standin.account.sum("m.a"), len(standin.account.discarded)) == (3 * kept, 1 - kept)


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        ("2026-01-01T00:00:00Z", 1),
        ("2025-12-31T06:00:00Z", 1),
        ("2025-12-31T05:59:59Z", 0),
        ("2026-01-01T02:00:01Z", 0),
        ((NOW - 18 * 3600) * 1000, 1),
        ((NOW - 18 * 3600 - 1) * 1000, 0),
        (NOW, 0),
        ("yesterday", 1),
    ],
)
async def test_logs_that_are_too_old_are_taken_and_lost(standin: DatadogStandIn, date: object, kept: int) -> None:
    assert await logs(standin, LOG | {"date": date}) == 202
    assert (len(standin.account.logs), len(standin.account.discarded)) == (kept, 1 - kept)


async def test_logs_are_kept_as_often_as_they_come_and_large_ones_are_cut(standin: DatadogStandIn) -> None:
    assert [await logs(standin, LOG), await logs(standin, LOG)] == [202, 202]
    assert standin.account.logs == [LOG, LOG]
    assert await logs(standin, {"message": "x" * LOG_BYTES, "service": "s"}) == 202
    assert standin.account.logs[-1].keys() == {"message"}
    for wrong in ("text", {"message": 1}, {"ddsource": "x"}, {"message": "m", "ddtags": ["a:b"]}):
        assert await logs(standin, LOG, wrong) == 400
    assert len(standin.account.logs) == 3


async def test_bad_days_leave_nothing_unless_it_was_processed_and_say_when_they_end(standin: DatadogStandIn) -> None:
    standin.inject(Injection(status=429, ratelimit_reset="7", body="{}"))
    status, _, headers = await ask(standin, "POST", "/api/v2/series", json.dumps({"series": [SERIES]}).encode())
    assert (status, headers["X-RateLimit-Reset"], standin.account.sum("m.a")) == (429, "7", 0)
    standin.inject(Injection(reset=True, processed=True))
    with pytest.raises(aiohttp.ClientError):
        await series(standin, SERIES)
    assert standin.account.sum("m.a") == 2


async def test_it_remembers_after_a_restart_and_shows_what_it_has(tmp_path: Path) -> None:
    async with account(tmp_path) as standin:
        await series(standin, SERIES, SERIES | {"points": [{"timestamp": 1, "value": 3}]})
        await logs(standin, LOG)
    async with account(tmp_path) as standin:
        shown = (await ask(standin, "GET", "/_standin/points"))[1]["series"]
        assert shown == [{"metric": "m.a", "host": "", "tags": ["slo:gate"], "points": {str(NOW): 2}}]
        assert (await ask(standin, "GET", "/_standin/logs"))[1]["logs"] == [LOG]
        [discarded] = (await ask(standin, "GET", "/_standin/discarded"))[1]["discarded"]
        assert discarded == {"metric": "m.a", "timestamp": 1, "value": 3}


async def test_as_a_process_it_prints_where_it_is_and_ends_when_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.datadog", "--folder", str(tmp_path), "--api-key", API_KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(await asyncio.to_thread(process.stdout.readline))
        trust = ssl.create_default_context(cafile=address["ca_file"])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            assert (await session.get(f"{address['url']}/_standin/points")).status == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()


SLO = {
    "name": "gate",
    "type": "metric",
    "query": {
        "numerator": "sum:g{slo:x}.as_count()",
        "denominator": "sum:g{slo:x}.as_count() + sum:b{slo:x}.as_count()",
    },
    "thresholds": [{"timeframe": "30d", "target": 99.9}],
    "tags": ["a:b"],
}
ONCE = {"category": "Other", "start": NOW, "end": NOW + 60}
DAILY = {"category": "Deployment", "start": NOW, "rrule": "FREQ=DAILY;INTERVAL=2", "duration": 60}


async def keep(
    standin: DatadogStandIn, method: str, path: str = "", body: object = None, key: str = APPLICATION_KEY
) -> tuple[int, Any, Any]:
    encoded = b"" if body is None else json.dumps(body).encode()
    return await ask(standin, method, f"/api/v1/slo{path}", encoded, DD_APPLICATION_KEY=key)


async def created(standin: DatadogStandIn, **changed: object) -> str:
    status, answer, _ = await keep(standin, "POST", "", SLO | changed)
    assert status == 200
    return str(answer["data"][0]["id"])


async def correct(standin: DatadogStandIn, attributes: dict[str, Any]) -> int:
    return (await keep(standin, "POST", "/correction", {"data": {"type": "correction", "attributes": attributes}}))[0]


@pytest.mark.parametrize("key", ["", "wrong", API_KEY])
async def test_slos_need_an_application_key(standin: DatadogStandIn, key: str) -> None:
    assert (await keep(standin, "GET", key=key))[0] == 403
    assert (await keep(standin, "GET", "/correction", key=key))[0] == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"type": "count"},
        {"thresholds": []},
        {"thresholds": [{"timeframe": "28d", "target": 99.9}]},
        {"thresholds": [{"timeframe": "custom", "target": 99.9}]},
        {"thresholds": [{"timeframe": "30d", "target": 99.9}, {"timeframe": "30d", "target": 99}]},
        {"thresholds": [{"timeframe": "30d", "target": 100}]},
        {"thresholds": [{"timeframe": "30d", "target": 0}]},
        {"thresholds": [{"timeframe": "30d", "target": 99.9999}]},
        {"thresholds": [{"timeframe": "30d", "target": "99.9"}]},
        {"thresholds": [{"timeframe": "30d", "target": 99.9, "warning": 99.0}]},
        {"timeframe": "7d"},
        {"query": {"numerator": "sum:g{*}.as_count()"}},
        {"query": {"numerator": "avg:g{*}.as_count()", "denominator": "sum:g{*}.as_count()"}},
        {"query": {"numerator": "sum:g{*}", "denominator": "sum:g{*}.as_count()"}},
        {"tags": "a:b"},
        {"created_at": 1},
        {"id": "mine"},
    ],
)
async def test_an_slo_that_is_not_right_is_refused(standin: DatadogStandIn, changed: dict[str, Any]) -> None:
    assert (await keep(standin, "POST", "", SLO | changed))[0] == 400
    assert not standin.account.slos


async def test_slos_are_created_listed_changed_and_deleted(standin: DatadogStandIn) -> None:
    first, second = await created(standin), await created(standin, name="orca", tags=["c:d"], timeframe="30d")
    shown = (await keep(standin, "GET", f"/{first}"))[1]["data"]
    assert (shown["name"], shown["timeframe"], shown["created_at"]) == ("gate", "30d", NOW)
    assert shown["thresholds"][0]["target_display"] == "99.900"
    for query, ids in (
        ("", [first, second]),
        ("?tags_query=c:d", [second]),
        ("?query=gat", [first]),
        ("?limit=1&offset=1", [second]),
        ("?offset=2", []),
    ):
        assert [each["id"] for each in (await keep(standin, "GET", query))[1]["data"]] == ids
    assert (await keep(standin, "GET", "?limit=x"))[0] == 400
    assert (await keep(standin, "PUT", f"/{first}", SLO | {"name": "gate 2"}))[0] == 200
    assert (standin.account.slos[first]["name"], standin.account.slos[first]["created_at"]) == ("gate 2", NOW)
    assert await correct(standin, ONCE | {"slo_id": first}) == 200
    assert (await keep(standin, "DELETE", f"/{first}"))[0] == 200
    assert (list(standin.account.slos), standin.account.corrections) == ([second], {})
    for method in ("GET", "PUT", "DELETE"):
        assert (await keep(standin, method, f"/{first}", SLO))[0] == 404
    assert (await keep(standin, "PATCH", f"/{second}", SLO))[0] == 405


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        (ONCE | {"slo_id": "unknown"}, 404),
        (ONCE | {"slo_id": None}, 400),
        (ONCE | {"slo_query": "a:b"}, 400),
        (ONCE | {"category": "Maintenance"}, 400),
        (ONCE | {"end": NOW}, 400),
        (ONCE | {"duration": 60}, 400),
        ({"category": "Other", "start": NOW}, 400),
        (DAILY | {"end": NOW + 60}, 400),
        (DAILY | {"duration": 0}, 400),
        (DAILY | {"rrule": "FREQ=HOURLY"}, 400),
        (DAILY | {"rrule": "INTERVAL=2"}, 400),
        (DAILY | {"rrule": "FREQ=DAILY;BYHOUR=2"}, 400),
        (DAILY | {"rrule": "FREQ=DAILY;COUNT=2;UNTIL=20260201"}, 400),
        (DAILY | {"rrule": "RRULE:FREQ=DAILY"}, 400),
        (ONCE, 200),
        (DAILY, 200),
        (DAILY | {"rrule": "FREQ=WEEKLY;BYDAY=SU,MO;UNTIL=20260201T000000Z"}, 200),
    ],
)
async def test_a_correction_is_taken_where_it_is_right(
    standin: DatadogStandIn, attributes: dict[str, Any], status: int
) -> None:
    id_ = await created(standin)
    assert await correct(standin, {"slo_id": id_} | attributes) == status
    assert len(standin.account.corrections) == (status == 200)


@pytest.mark.parametrize(
    ("attributes", "most", "status"),
    [
        (ONCE, 100, 400),
        (DAILY, 2, 400),
        (DAILY | {"rrule": "FREQ=WEEKLY"}, 3, 400),
        (DAILY | {"rrule": "FREQ=MONTHLY"}, 5, 400),
        (ONCE | {"start": 1, "end": 2}, 102, 200),
        (DAILY | {"rrule": "FREQ=DAILY;UNTIL=20250101"}, 4, 200),
    ],
)
async def test_an_slo_has_so_many_corrections_of_the_last_ninety_days(
    standin: DatadogStandIn, attributes: dict[str, Any], most: int, status: int
) -> None:
    id_, other = await created(standin), await created(standin)
    assert [await correct(standin, attributes | {"slo_id": id_}) for _ in range(most)] == [200] * most
    assert await correct(standin, attributes | {"slo_id": id_}) == status
    assert await correct(standin, attributes | {"slo_id": other}) == 200


async def test_corrections_are_listed_page_by_page_and_deleted(standin: DatadogStandIn) -> None:
    id_ = await created(standin)
    for minute in range(30):
        await correct(standin, ONCE | {"slo_id": id_, "end": NOW + 60 * (minute + 1)})
    _, shown, _ = await keep(standin, "GET", "/correction")
    assert (len(shown["data"]), shown["meta"]) == (25, {"page": {"total_count": 30}})
    assert shown["data"][0]["attributes"]["rrule"] is None
    assert len((await keep(standin, "GET", "/correction?offset=25&limit=100"))[1]["data"]) == 5
    gone = shown["data"][0]["id"]
    assert (await keep(standin, "DELETE", f"/correction/{gone}"))[0] == 204
    assert (await keep(standin, "DELETE", f"/correction/{gone}"))[0] == 404
    assert (await keep(standin, "PUT", "/correction", {}))[0] == 405


async def test_slos_are_asked_so_many_times_a_minute_and_metrics_as_often_as_one_likes(tmp_path: Path) -> None:
    seconds = 0.0
    keys: dict[str, Any] = {"api_key": API_KEY, "application_key": APPLICATION_KEY, "monotonic": lambda: seconds}
    async with DatadogStandIn(tmp_path, now=lambda: NOW, api_requests_a_minute=2, **keys) as standin:
        assert [(await keep(standin, "GET"))[0] for _ in range(2)] == [200, 200]
        status, _, headers = await keep(standin, "GET")
        assert (status, headers["X-RateLimit-Reset"], headers["X-RateLimit-Limit"]) == (429, "60", "2")
        search = ask(standin, "POST", "/api/v2/logs/events/search", b"{}", DD_APPLICATION_KEY=APPLICATION_KEY)
        assert (await search)[0] == 429
        assert [await series(standin, SERIES) for _ in range(3)] == [202] * 3
        seconds += 60
        assert (await keep(standin, "GET"))[0] == 200
