"""What a server does wrong leads to a fault with a bounded reason, in time, and never to a count."""

import asyncio
import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from slo.config.request import BasicAuth
from slo.config.secret import Secret
from slo.config.tls import TLSSettings
from slo.core.reason import REASONS as ON_THE_WAY
from slo.errors import ServerFault
from slo.exposition.catalogue import Telemetry
from slo.sources.prometheus.answers import Series
from slo.sources.prometheus.reasons import ASK_FOR_LESS, REASONS
from slo.sources.prometheus.transport import BODY_LIMIT_BYTES
from tests.certificates import server_context
from tests.hostile import Behaviour, answering, flooding, hanging, request, resetting, serving, silent, trickling
from tests.replay.oracle_counts import Series as Recorded
from tests.services import free_port
from tests.sources.prometheus.stored import client, entry, prometheus, victoria_metrics

AT = 1_767_229_200
"""2026-01-01T01:00:00Z."""

QUICK = timedelta(milliseconds=300)


def answer(body: str | bytes, status: int = 200, **headers: str) -> bytes:
    """A whole response."""
    content = body.encode() if isinstance(body, str) else body
    head = {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name.replace('_', '-')}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


def success(result: object, kind: str = "vector", **more: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more})


def error(text: str, kind: str = "execution") -> str:
    return json.dumps({"status": "error", "errorType": kind, "error": text})


def one(value: object) -> list[dict[str, Any]]:
    return [{"metric": {"code": "200"}, "value": [AT, value]}]


async def asked(behaviour: Behaviour, **keys: Any) -> list[Series]:
    """The answer to a query of a server that behaves like that."""
    async with serving(behaviour) as port, client(entry(f"http://127.0.0.1:{port}", **keys)) as asking:
        return await asking.run(lambda: asking.query("sum(a_total)", AT))


async def fault_of(behaviour: Behaviour, **keys: Any) -> ServerFault:
    with pytest.raises(ServerFault) as caught:
        await asked(behaviour, **keys)
    return caught.value


async def test_a_vector_and_a_matrix_are_series_of_numbers() -> None:
    (series,) = await asked(answering(answer(success(one("7.5")))))
    assert (series.labels, series.times_ms.tolist(), series.values.tolist()) == ((("code", "200"),), [AT * 1000], [7.5])
    matrix = [{"metric": {}, "values": [[AT - 0.5, "1"], [AT, "NaN"], [AT + 1, "+Inf"]]}]
    (series,) = await asked(answering(answer(success(matrix, "matrix"))))
    assert series.times_ms.tolist() == [AT * 1000 - 500, AT * 1000, AT * 1000 + 1000]
    assert list(map(str, series.values.tolist())) == ["1.0", "nan", "inf"]
    assert await asked(answering(answer(success([])))) == []


async def test_an_answer_may_be_compressed_and_hold_remarks_that_change_nothing() -> None:
    body = gzip.compress(
        success(one("1"), infos=["metric might not be a counter"], warnings=[], isPartial=False).encode()
    )
    assert len(await asked(answering(answer(body, Content_Encoding="gzip")))) == 1


ANSWERS: Mapping[str, tuple[bytes, str]] = {
    "a bad expression, as Prometheus says it": (answer(error("parse error", "bad_data"), 400), "refused"),
    "a bad expression, as VictoriaMetrics says it": (answer(error("unparsed data", "422"), 422), "refused"),
    "a duplicate series": (answer(error("found duplicate series for the match group"), 422), "refused"),
    "too many samples, as Prometheus says it": (
        answer(error("query processing would load too many samples into memory in query execution"), 422),
        "too_much",
    ),
    "too many points": (
        answer(error("exceeded maximum resolution of 11,000 points per timeseries", "bad_data"), 400),
        "too_much",
    ),
    "too many samples, as VictoriaMetrics says it": (
        answer(error("cannot select more than -search.maxSamplesPerQuery=10 samples", "422"), 422),
        "too_much",
    ),
    "too many series, as Mimir says it": (
        answer(error("the query exceeded the maximum number of series (limit: 10 series) (err-mimir-max-series)"), 422),
        "too_much",
    ),
    "a body that a proxy refuses": (answer("<html>", 413), "too_much"),
    "a query that took too long": (
        answer(error("query timed out in expression evaluation", "timeout"), 503),
        "query_timeout",
    ),
    "a tenant that is missing": (answer("no org id", 401), "not_allowed"),
    "a token that is wrong": (answer("", 403), "not_allowed"),
    "a limit of requests": (answer(error("too many requests"), 429), "rate_limited"),
    "a proxy without its server": (answer("<html>Bad Gateway</html>", 502), "server_error"),
    "a fault of its own": (answer(error("internal"), 500), "server_error"),
    "another place": (answer("", 302, Location="http://127.0.0.1:1/"), "redirected"),
    "a page that is not there": (answer("404 page not found", 404), "unexpected_status"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "unexpected_status"),
    "an HTML page": (answer("<!doctype html><title>Sign in</title>", Content_Type="text/html"), "not_prometheus"),
    "an empty body": (answer(""), "not_prometheus"),
    "half of a document": (answer(success(one("1"))[:-20]), "not_prometheus"),
    "a nest of lists": (answer("[" * 100_000), "not_prometheus"),
    "another document": (answer('{"hello": "world"}'), "not_prometheus"),
    "a list": (answer("[]"), "not_prometheus"),
    "an error with the status 200": (answer(error("no")), "not_prometheus"),
    "no result": (answer('{"status": "success", "data": {}}'), "not_prometheus"),
    "a series without values": (answer(success([{"metric": {}}])), "not_prometheus"),
    "a series that is a number": (answer(success([1])), "not_prometheus"),
    "a value that is a word": (answer(success(one("many"))), "not_prometheus"),
    "a value that is a list": (answer(success(one([1]))), "not_prometheus"),
    "a time that is none": (answer(success([{"metric": {}, "value": ["NaN", "1"]}])), "not_prometheus"),
    "times that go back": (
        answer(success([{"metric": {}, "values": [[AT, "1"], [AT, "2"]]}], "matrix")),
        "not_prometheus",
    ),
    "a warning that data is missing": (answer(success(one("1"), warnings=["store gateway 3 is gone"])), "partial"),
    "a warning of another form": (answer(success(one("1"), warnings="gone")), "partial"),
    "partial data, as VictoriaMetrics says it": (answer(success(one("1"), isPartial=True)), "partial"),
    "a scalar": (answer(success([AT, "1"], "scalar")), "no_counts"),
    "a text": (answer(success([AT, "one"], "string")), "no_counts"),
    "a native histogram": (answer(success([{"metric": {}, "histogram": [AT, {"count": "1"}]}])), "no_counts"),
    "a body that is announced as too large": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{",
        "body_too_large",
    ),
    "a body that is shorter than announced": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "body_short"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "response_malformed"),
}


@pytest.mark.parametrize(("response", "reason"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_that_cannot_be_counted_has_its_reason(response: bytes, reason: str) -> None:
    fault = await fault_of(answering(response))
    assert fault.reason == reason
    assert len(fault.detail) <= 320
    assert fault.detail.isprintable()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
BEHAVIOURS: Mapping[str, tuple[Behaviour, str]] = {
    "it says nothing": (silent, "response_timeout"),
    "it hangs after the request": (hanging(), "response_timeout"),
    "it hangs in its headers": (hanging(b"HTTP/1.1 200 OK\r\nContent-Ty"), "response_timeout"),
    "it hangs in its body": (hanging(HEAD + b'{"status":'), "body_timeout"),
    "it says a byte now and then": (trickling(HEAD, b" "), "body_timeout"),
    "it floods": (flooding(HEAD, b" " * 1_000_000), "body_too_large"),
    "it resets": (resetting(), "response_reset"),
    "it resets in its body": (resetting(HEAD + b"{"), "body_reset"),
}


@pytest.mark.parametrize(("behaviour", "reason"), BEHAVIOURS.values(), ids=BEHAVIOURS.keys())
async def test_whatever_a_server_does_a_query_ends_with_a_reason(behaviour: Behaviour, reason: str) -> None:
    assert (await fault_of(behaviour, timeout=QUICK)).reason == reason


async def test_a_bomb_of_zeros_is_not_unpacked() -> None:
    body = gzip.compress(b" " * (BODY_LIMIT_BYTES + 1))
    assert (await fault_of(answering(answer(body, Content_Encoding="gzip")))).reason == "body_too_large"


async def test_a_server_that_is_down_is_told_from_one_that_is_slow() -> None:
    async with client(entry(f"http://127.0.0.1:{free_port()}")) as asking:
        with pytest.raises(ServerFault) as caught:
            await asking.run(lambda: asking.query("a", AT))
    assert caught.value.reason == "connect_refused"


def test_every_reason_is_in_a_table() -> None:
    told = {reason for _, reason in [*ANSWERS.values(), *BEHAVIOURS.values()]}
    assert told <= REASONS.keys() | ON_THE_WAY.keys()
    assert REASONS.keys() | ON_THE_WAY.keys() >= ASK_FOR_LESS


async def test_a_slow_server_is_waited_for_in_threads_of_its_own() -> None:
    async with (
        serving(silent) as port,
        serving(answering(answer(success(one("1"))))) as other,
        client(entry(f"http://127.0.0.1:{port}")) as slow,
        client(entry(f"http://127.0.0.1:{other}")) as quick,
    ):
        waiting = [asyncio.create_task(slow.run(partial(slow.query, "a", AT))) for _ in range(20)]
        await asyncio.sleep(0)
        assert len(await quick.run(partial(quick.query, "a", AT))) == 1
        assert len(await asyncio.to_thread(lambda: [1])) == 1
        assert not any(task.done() for task in waiting)
        slow.close()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {ServerFault, asyncio.CancelledError}


async def test_a_question_carries_tenant_credentials_and_how_long_it_may_take() -> None:
    heard: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(answer(success([])))
        await writer.drain()

    await asked(behave, headers={"X-Scope-OrgID": Secret("acme")}, bearer_token=Secret("t0ken"))
    head = heard[0].decode()
    assert head.startswith(
        "GET /api/v1/query?query=sum%28a_total%29&time=1767229200&timeout=10s&nocache=1 HTTP/1.1\r\n"
    )
    assert "\r\nX-Scope-OrgID: acme\r\n" in head
    assert "\r\nAuthorization: Bearer t0ken\r\n" in head
    assert "\r\nUser-Agent: Watchkeep\r\n" in head
    await asked(behave, basic_auth=BasicAuth(username=Secret("watch"), password=Secret("s3cret")))
    assert "\r\nAuthorization: Basic d2F0Y2g6czNjcmV0\r\n" in heard[1].decode()


async def test_a_redirect_takes_no_credentials_elsewhere() -> None:
    heard: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))

    async with serving(behave) as elsewhere:
        location = f"http://127.0.0.1:{elsewhere}/"
        fault = await fault_of(answering(answer("", 307, Location=location)), bearer_token=Secret("t0ken"))
    assert fault.reason == "redirected"
    assert heard == []


async def test_a_server_over_tls_is_verified_by_the_authority_that_is_configured(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    behaviour = answering(answer(success(one("1"))))
    async with serving(behaviour, tls=server_context(authority, "127.0.0.1")) as port:
        url = f"https://127.0.0.1:{port}"
        async with client(entry(url, tls=TLSSettings(ca_file=str(tmp_path / "ca.pem")))) as asking:
            assert len(await asking.run(lambda: asking.query("a", AT))) == 1
        async with client(entry(url)) as asking:
            with pytest.raises(ServerFault) as caught:
                await asking.run(lambda: asking.query("a", AT))
    assert caught.value.reason == "tls_verify"


async def test_queries_are_counted_by_their_results() -> None:
    telemetry = Telemetry()
    for behaviour in (answering(answer(success([]))), answering(answer("", 500)), answering(answer("", 500))):
        async with serving(behaviour) as port, client(entry(f"http://127.0.0.1:{port}"), telemetry) as asking:
            await asyncio.gather(asking.run(lambda: asking.query("a", AT)), return_exceptions=True)
    value = telemetry.registry.get_sample_value
    assert value("watchkeep_server_queries_total", {"server": "server", "result": "ok"}) == 1
    assert value("watchkeep_server_queries_total", {"server": "server", "result": "server_error"}) == 2
    assert value("watchkeep_server_query_duration_seconds_count", {"server": "server"}) == 3


# Real servers


def recorded() -> list[Recorded]:
    """Two hours of a counter that grows by one a second."""
    samples = [(at * 1000, float(at - AT + 7200)) for at in range(AT - 7200, AT + 1, 10)]
    return [Recorded(labels={"__name__": "a_total", "code": "200"}, samples=samples)]


@pytest.fixture(scope="module", params=[prometheus, victoria_metrics], ids=["prometheus", "victoria-metrics"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    limits = {prometheus: "--query.max-samples=500", victoria_metrics: "-search.maxSamplesPerQuery=500"}
    with request.param(tmp_path_factory.mktemp("server"), recorded(), limits[request.param]) as url:
        yield url


REAL: Mapping[str, tuple[str, str]] = {
    "a bad expression": ("sum((", "refused"),
    "an unknown function": ("summe(a_total)", "refused"),
    "too many samples": ("a_total[2h]", "too_much"),
}


@pytest.mark.parametrize(("expression", "reason"), REAL.values(), ids=REAL.keys())
async def test_real_servers_say_it_in_their_own_words(expression: str, reason: str, url: str) -> None:
    async with client(entry(url)) as asking:
        with pytest.raises(ServerFault) as caught:
            await asking.run(lambda: asking.query(expression, AT))
    assert caught.value.reason == reason


@pytest.mark.parametrize("now", [AT, AT + 86_400], ids=["recent", "past"])
async def test_points_that_are_recent_and_those_that_are_not_have_the_same_values(now: int, url: str) -> None:
    points = list(range(AT - 300, AT + 1, 30))
    async with client(entry(url)) as asking:
        found = await asking.run(partial(asking.values, "sum(a_total)", points, now))
    pairs = [pair for each in found for pair in zip(each.times_ms.tolist(), each.values.tolist(), strict=True)]
    assert sorted(pairs) == [(point * 1000, float(point - AT + 7200)) for point in points]
