"""`/metrics`, scraped over HTTP, judged by promtool."""

import asyncio
import gzip
import logging
import subprocess
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporters.endpoints import MetricsEndpoint, takes_gzip
from slo.core.sample import Sample
from slo.core.status import RawFigures
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected
from slo.exposition.families import FAMILIES
from tests.web.served import served
from tests.web.watches import FakeWatch, a_busy_watch, a_month, a_status, an_outcome, an_slo


def scraped(watch: FakeWatch) -> str:
    with served(watch) as site:
        answer = site.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def judged(text: str) -> str:
    """What promtool has to say."""
    checked = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    return (checked.stdout + checked.stderr).decode() + (f"exit {checked.returncode}" if checked.returncode else "")


def test_promtool_has_nothing_to_say() -> None:
    assert judged(scraped(a_busy_watch())) == ""


def test_promtool_has_nothing_to_say_about_any_family_of_the_catalogue() -> None:
    outcome = an_outcome("gate", "status")
    status = a_status()
    raw = RawFigures(good=1000, bad=9, sli=1000 / 1009, remaining=-8.0)
    budget = replace(status.budget, exhaustion=status.at, excluded=6, excluded_seconds=7200, raw=raw)
    watch = FakeWatch(
        slos=[replace(status, budgets=(budget, a_month()))],
        rounds=[outcome, an_outcome("echo")],
        samples={"gate": [Sample(name, 1) for name in FAMILIES if name.startswith("probe_")]},
        inside=[
            Collected(
                outcome=an_outcome("cache", "role"), samples=(), serving=Serving(family_of=lambda _: None, most=1)
            )
        ],
    )
    text = scraped(watch)
    assert judged(text) == ""
    assert {name for name in FAMILIES if f"\n{name}{{" not in text} == set()


def test_promtool_would_have_complained() -> None:
    assert "no help text" in judged("probe_thing 1\n")
    assert "exit" in judged("probe_thing{ 1\n")


def test_a_kind_that_is_not_in_the_catalogue_is_shown_too() -> None:
    watch = FakeWatch(rounds=[an_outcome("gate")], samples={"gate": [Sample("probe_of_somebody_else", 7)]})
    text = scraped(watch)
    assert 'probe_of_somebody_else{probe="gate",target="http://127.0.0.1:8084/health"} 7.0\n' in text
    assert judged(text) == ""


def test_the_metrics_of_the_process_are_there_without_the_noise() -> None:
    watch = a_busy_watch()
    watch.telemetry.probes.ended.labels("good").inc(3)
    text = scraped(watch)
    assert 'watchkeep_probe_rounds_total{state="good"} 3.0\n' in text
    assert "process_resident_memory_bytes " in text
    assert "_created" in generate_latest(watch.telemetry.registry).decode()
    assert "_created" not in text


def test_a_scrape_is_compressed_for_those_who_take_it() -> None:
    with served(a_busy_watch()) as site:
        plain, small = site.get("/metrics"), site.get("/metrics", Accept_Encoding="gzip;q=0.5")
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept-Encoding"
    names = [
        {f.name for f in text_string_to_metric_families(b.decode())} for b in (plain.body, gzip.decompress(small.body))
    ]
    assert names[0] == names[1]


def test_a_head_has_the_headers_and_no_body() -> None:
    with served(a_busy_watch()) as site:
        answer = site.ask("HEAD", "/metrics")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    ("values", "takes"),
    [
        ([], False),
        ([""], False),
        (["gzip"], True),
        (["GZIP"], True),
        (["deflate, gzip;q=1.0, *;q=0.5"], True),
        (["br", "gzip"], True),
        (["*"], True),
        (["gzip;q=0"], False),
        (["gzip; q=0.000"], False),
        (["gzip;q=0.001"], True),
        (["identity"], False),
        (["gzipped"], False),
    ],
)
def test_gzip_is_used_only_where_it_is_asked_for(values: list[str], *, takes: bool) -> None:
    assert takes_gzip(values) == takes


def test_a_kind_that_fails_is_complained_about_once_and_leaves_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(list[Sample]):
        def __iter__(self) -> "Failing":  # type: ignore[override]
            raise ZeroDivisionError

    watch = a_busy_watch()
    watch.samples = {**watch.samples, "gate": Failing(), "front50": Failing()}
    with caplog.at_level(logging.DEBUG), served(watch) as site:
        texts = [site.get("/metrics").body.decode() for _ in range(3)]
    assert all('probe_http_status_code{probe="echo"' in text for text in texts)
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.message == "samples of a check could not be made: its metrics are missing"


async def test_everything_else_runs_while_a_large_scrape_is_made() -> None:
    watch = FakeWatch(
        slos=[a_status(an_slo(f"slo-{number}")) for number in range(1000)],
        rounds=[an_outcome(f"probe-{number}") for number in range(1000)],
    )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    response = await MetricsEndpoint(watch).handle(make_mocked_request("GET", "/metrics"))
    task.cancel()
    assert isinstance(response, web.Response)
    assert turns > 80
