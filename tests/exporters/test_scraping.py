"""`/scrape`: what a collector found at one target, for the targets of the configuration and no others."""

import pytest

from slo.core.sample import Sample
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected
from tests.exporters.test_endpoints import judged
from tests.web.served import served
from tests.web.watches import FakeWatch, an_outcome

WATCH = FakeWatch(
    inside=[
        Collected(
            outcome=an_outcome("cache", target="cache.example:6379"),
            samples=[Sample("watchkeep_service_up", 1)],
            serving=Serving(family_of=lambda _: None, most=10),
        )
    ]
)


def test_a_target_is_served_as_its_own_exporter_would() -> None:
    with served(WATCH) as site:
        answers = [site.get("/scrape?module=cache&target=cache.example:6379") for _ in range(2)]
    for answer in answers:
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "\nwatchkeep_service_up 1.0\n" in answer.body.decode()
        assert judged(answer.body.decode()) == ""


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "the parameter module is missing: write module=COLLECTOR&target=TARGET"),
        ("module=cache", 400, "the parameter target is missing: write module=COLLECTOR&target=TARGET"),
        ("module=cache&target=169.254.169.254:80", 404, "cache has no target '169.254.169.254:80'"),
        ("module=cache&target=new.example", 503, "nothing is known of new.example now"),
    ],
)
def test_what_cannot_be_served_is_refused(query: str, status: int, said: str) -> None:
    with served(WATCH) as site:
        answer = site.get(f"/scrape?{query}")
    assert answer.status == status
    assert answer.body.decode().startswith(said)


def test_collectors_are_on_the_page_of_all_metrics_too() -> None:
    with served(WATCH) as site:
        text = site.get("/metrics").body.decode()
    assert 'watchkeep_service_up{collector="cache",target="cache.example:6379"} 1.0\n' in text
    assert judged(text) == ""
