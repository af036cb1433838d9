"""The check that scrapes: whatever a target does, its result is there in time, and says whose fault it is."""

import asyncio
import gzip
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from slo.core.outcome import Judgement
from slo.core.reason import REASONS, State
from slo.core.selector import parse_selector
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.sources import scrape as module
from slo.sources.scrape import Config, Scrape, Scraped
from slo.sources.target_labels import TargetLabels
from tests.certificates import server_context, written
from tests.hostile import (
    Behaviour,
    answering,
    flooding,
    full_backlog,
    hanging,
    resetting,
    resetting_at_once,
    serving,
    silent,
    speaking_first,
    trickling,
)
from tests.services import StartNginx, free_port

TEXT = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 1027 1395066363000
requests_total{code="500"} 3
process_open_fds 17
"""
OPENMETRICS = b"""# TYPE requests counter
requests_total{code="200"} 1027
requests_total{code="500"} 3
requests_created{code="500"} 1.7e9
# EOF
"""
VERSIONED = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COUNTS = {"200": 1027.0, "500": 3.0}
UNLABELLED = TargetLabels(labels={})


def answer(body: bytes, content_type: str = "text/plain; version=0.0.4", *, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def a_scrape(
    target: int | str, *, labelled: TargetLabels = UNLABELLED, selector: str = "requests_total", **config: object
) -> Iterator[Scrape]:
    url = target if isinstance(target, str) else f"http://127.0.0.1:{target}/metrics"
    with ThreadPoolExecutor(1) as threads:
        yield Scrape(
            Config.model_validate({"url": url, **config}),
            Context.default(SteadyClock()),
            labelled=labelled,
            wanted=parse_selector(selector).matches,
            threads=threads,
        )


async def observed(scrape: Scrape, *, timeout_seconds: float = 10.0) -> tuple[Scraped | Fault, Judgement]:
    """One round, as the runner would drive it."""
    context: Context = scrape._context
    facts: Scraped | Fault
    try:
        facts = await scrape.observe(context.clock.monotonic() + timeout_seconds)
    except Fault as fault:
        facts = fault
    (judgement,) = scrape.judge(facts)
    assert judgement.state is REASONS[judgement.reason].state
    return facts, judgement


async def scraped(target: int | str, *, timeout_seconds: float = 10.0, **config: Any) -> tuple[Scraped, Judgement]:
    with a_scrape(target, **config) as scrape:
        facts, judgement = await observed(scrape, timeout_seconds=timeout_seconds)
    assert isinstance(facts, Scraped)
    assert facts.readable == (judgement.state is State.GOOD)
    assert facts.fetched.response is None or facts.fetched.response.body == b"", "bodies are not kept"
    return facts, judgement


def counts(facts: Scraped) -> dict[str, float]:
    """The values by the label `code`."""
    return {labels.get("code", ""): value for _, labels, value, _ in facts.samples}


# What can be read


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (TEXT, "text/plain; version=0.0.4"),
        (TEXT, "text/plain"),
        (TEXT, "application/octet-stream"),
        (OPENMETRICS, VERSIONED),
    ],
    ids=["0.0.4", "no version", "an unknown type", "OpenMetrics"],
)
async def test_metrics_are_read_in_both_formats_and_only_what_is_wanted_is_kept(body: bytes, content_type: str) -> None:
    async with serving(answering(answer(body, content_type))) as port:
        facts, judgement = await scraped(port)
    assert (judgement.reason, counts(facts)) == ("ok", COUNTS)


async def test_without_a_content_type_it_is_prometheus_text() -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n" + TEXT)) as port:
        facts, _ = await scraped(port)
    assert counts(facts) == COUNTS


async def test_a_scrape_asks_as_prometheus_does() -> None:
    asked: list[bytes] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(TEXT))
        writer.close()

    async with serving(noting) as port:
        await scraped(port, headers={"X-Scope": "ops"}, bearer_token="s3cret")
    head = asked[0].decode().lower()
    assert "accept: application/openmetrics-text;version=1.0.0" in head
    assert "accept-encoding: gzip" in head
    assert "x-scope: ops" in head
    assert "authorization: bearer s3cret" in head


async def test_nginx_is_scraped_with_gzip_over_tls_and_through_a_redirect(
    nginx: StartNginx, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = trustme.CA()
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "metrics").write_bytes(TEXT + b"".join(b'other{n="%d"} 1\n' % n for n in range(20_000)))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    server = nginx(
        f"""ssl_certificate {tmp_path}/server.pem; ssl_certificate_key {tmp_path}/server.pem;
            location /old {{ return 302 /metrics; }}
            location /metrics {{ root {folder}; default_type "text/plain; version=0.0.4"; gzip on; gzip_types *;
                                 gzip_min_length 1; }}""",
        listen="ssl",
    )
    tls = {"ca_file": written(authority, tmp_path)}
    facts, judgement = await scraped(f"https://127.0.0.1:{server.port}/old", tls=tls)
    assert (judgement.reason, counts(facts), facts.fetched.redirects) == ("ok", COUNTS, 1)
    response = facts.fetched.response
    assert response is not None
    assert response.header("content-encoding") == "gzip"
    _, judgement = await scraped(f"https://127.0.0.1:{server.port}/old", tls=tls, follow_redirects=False)
    assert (judgement.reason, judgement.detail) == ("status", "302, not 200")
    _, judgement = await scraped(f"https://127.0.0.1:{server.port}/metrics")
    assert judgement.reason in {"tls_verify", "tls_self_signed"}


async def test_series_have_the_labels_of_their_target_and_are_selected_by_them() -> None:
    labelled = TargetLabels(labels={"job": "api", "code": "ours"})
    async with serving(answering(answer(TEXT))) as port:
        facts, _ = await scraped(port, labelled=labelled, selector='requests_total{job="api",exported_code="500"}')
    assert [(labels, value) for _, labels, value, _ in facts.samples] == [
        ({"__name__": "requests_total", "job": "api", "code": "ours", "exported_code": "500"}, 3)
    ]


async def test_labels_of_a_series_are_one_object_from_scrape_to_scrape() -> None:
    async with serving(answering(answer(TEXT))) as port:
        with a_scrape(port) as scrape:
            (one, _), (other, _) = await observed(scrape), await observed(scrape)
    assert isinstance(one, Scraped)
    assert isinstance(other, Scraped)
    assert [id(sample[1]) for sample in one.samples] == [id(sample[1]) for sample in other.samples]


# What cannot

CUT = answer(TEXT)[:-10]
PAGE = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"
FAULTS: Mapping[str, tuple[Behaviour, str, str]] = {
    "an error": (answering(answer(TEXT, status="503 Service Unavailable")), "status", "503, not 200"),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "status", "204, not 200"),
    "a login page": (answering(answer(PAGE, "text/html")), "metrics", "line 1, column 1"),
    "garbage": (answering(answer(b"\x00\xff\xfe\x80" * 50)), "metrics", "line 1"),
    "half a line": (answering(answer(b"requests_total{code=\n")), "metrics", "line 1"),
    "no EOF": (answering(answer(OPENMETRICS[:-6], VERSIONED)), "metrics", "the last line is not # EOF"),
    "text said to be OpenMetrics": (answering(answer(TEXT, VERSIONED)), "metrics", "line"),
    "broken gzip": (
        answering(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + b"\x1f\x8b" + b"\0" * 18
        ),
        "body_encoding",
        "",
    ),
    "a truncated body": (answering(CUT), "body_short", ""),
    "a body that is reset": (resetting(CUT), "body_reset", ""),
    "a body that hangs": (hanging(CUT), "body_timeout", ""),
    "a body that trickles": (trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"#"), "body_timeout", ""),
    "silence": (silent, "response_timeout", ""),
    "a reset": (resetting_at_once, "response_reset", ""),
    "another protocol": (speaking_first, "response_malformed", ""),
    "a flood": (flooding(b"HTTP/1.1 200 OK\r\n\r\n", b"requests_total 1\n" * 4096), "body_too_large", ""),
    "a bomb": (
        answering(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"#" * 30_000_000, compresslevel=9)
        ),
        "body_too_large",
        "",
    ),
    "a redirect to itself": (
        answering(b"HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n"),
        "redirect_loop",
        "",
    ),
    "no TLS": (speaking_first, "tls_protocol", ""),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_target_that_fails_is_at_fault_itself_by_a_reason(name: str) -> None:
    behaviour, reason, detail = FAULTS[name]
    scheme = "https" if name == "no TLS" else "http"
    async with serving(behaviour) as port:
        facts, judgement = await scraped(f"{scheme}://127.0.0.1:{port}/metrics", timeout_seconds=1.0, max_body="2MB")
    assert (judgement.reason, judgement.state) == (reason, State.BAD)
    assert detail in judgement.detail
    assert not facts.samples


async def test_a_port_without_a_server_refuses_and_one_that_is_full_does_not_answer() -> None:
    _, judgement = await scraped(free_port())
    assert judgement.reason == "connect_refused"
    with full_backlog() as port:
        _, judgement = await scraped(port, timeout_seconds=0.3)
    assert judgement.reason == "connect_timeout"


async def test_a_certificate_for_another_name_is_the_targets_fault(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls: ssl.SSLContext = server_context(authority, "elsewhere.example")
    async with serving(answering(answer(TEXT)), tls=tls) as port:
        _, judgement = await scraped(f"https://127.0.0.1:{port}/", tls={"ca_file": written(authority, tmp_path)})
    assert judgement.reason == "tls_hostname"


async def test_more_series_than_are_taken_are_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SERIES", 1)
    async with serving(answering(answer(TEXT))) as port:
        facts, judgement = await scraped(port)
    assert (judgement.reason, judgement.detail) == (
        "metrics",
        "2 series that SLIs look out for, and no more than 1 are taken",
    )
    assert facts.samples == ()


async def test_a_fault_of_the_round_itself_is_judged_by_its_reason() -> None:
    with a_scrape(free_port()) as scrape:
        (judgement,) = scrape.judge(Fault("no_file_descriptors"))
        assert (judgement.reason, judgement.state) == ("no_file_descriptors", State.UNKNOWN)
        assert list(scrape.samples(Fault("timeout"))) == []


async def test_secrets_are_in_no_log_and_no_representation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: dict[str, Any] = {
        "headers": {"X-Key": "s3cret-header"},
        "basic_auth": {"username": "u", "password": "s3cret-password"},
    }
    async with serving(answering(answer(PAGE))) as port:
        with a_scrape(port, **secrets) as scrape:
            facts, judgement = await observed(scrape)
            shown = f"{caplog.text} {facts!r} {judgement!r} {scrape.target} {scrape._request!r}"
    assert "s3cret" not in shown


# Large answers

LARGE = TEXT + b"".join(b'other_total{n="%d"} 1\n' % number for number in range(5_000))


def held(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Parsing that does not end before it may: says that it has begun, and waits to be let go."""
    begun, go_on = threading.Event(), threading.Event()
    parse: Callable[..., Any] = getattr(module, "parse")  # noqa: B009  it is not the module's to export

    def slow(*arguments: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return parse(*arguments)

    monkeypatch.setattr(module, "parse", slow)
    return begun, go_on


async def test_a_large_answer_is_parsed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = held(monkeypatch)
    async with serving(answering(answer(LARGE))) as port:
        with a_scrape(port) as scrape:
            round_ = asyncio.create_task(observed(scrape))
            await asyncio.to_thread(begun.wait, 30)
            await asyncio.sleep(0)
            assert not round_.done(), "and the loop goes on"
            go_on.set()
            facts, _ = await round_
    assert isinstance(facts, Scraped)
    assert counts(facts) == COUNTS


async def test_rounds_that_are_cancelled_while_their_answer_is_parsed_do_not_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = held(monkeypatch)
    async with serving(answering(answer(LARGE))) as port:
        with a_scrape(port) as scrape:
            round_ = asyncio.create_task(scrape.observe(asyncio.get_running_loop().time() + 100))
            await asyncio.to_thread(begun.wait, 30)
            round_.cancel()
            with pytest.raises(asyncio.CancelledError):
                await round_
            for _ in range(3):
                _, judgement = await observed(scrape)
                assert (judgement.reason, judgement.detail) == ("timeout", "the answer before is still being parsed")
            go_on.set()
            assert scrape._parsing is not None
            await asyncio.to_thread(scrape._parsing.result)
            facts, judgement = await observed(scrape)
    assert isinstance(facts, Scraped)
    assert (judgement.reason, counts(facts)) == ("ok", COUNTS)
