"""Alerts of others over HTTP: taken with a token, whatever their number, and what is lost is said."""

import json
from collections.abc import Iterator

import pytest

from slo.core.alert import Cause
from slo.core.incident_key import incident_mark
from slo.router.foreign import ForeignAlerts
from slo.router.hook import INCIDENT_MARK
from slo.router.incidents import Incidents
from slo.web.alerts import BODY_BYTES, SMALL_BYTES
from tests.web.served import WITH_TOKEN, Answer, Served, served
from tests.web.watches import AT, FakeWatch, opened

POSTED, NOTIFIED = "/api/v2/alerts", "/webhooks/alertmanager"
ROOM = 1000


@pytest.fixture
def watch() -> FakeWatch:
    return FakeWatch(events=[opened("7")], foreign=ForeignAlerts(most=ROOM))


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def alert(name: str = "Down", **keys: object) -> dict[str, object]:
    return {"labels": {"alertname": name}, "status": "firing"} | keys


def post(site: Served, path: str, *alerts: object, **keys: object) -> Answer:
    document = list(alerts) if path == POSTED else {"version": "4", "alerts": alerts} | keys
    headers = WITH_TOKEN | {"Content-Type": "application/json"}
    return site.ask("POST", path, body=json.dumps(document).encode(), headers=headers)


def received(watch: FakeWatch) -> dict[str, float]:
    """What was counted of alerts that came in, by result."""
    return {
        sample.labels["result"]: sample.value
        for family in watch.telemetry.registry.collect()
        for sample in family.samples
        if sample.name == "watchkeep_foreign_alerts_received_total" and sample.value
    }


@pytest.mark.parametrize("path", [POSTED, NOTIFIED])
def test_nothing_is_taken_without_a_token(site: Served, watch: FakeWatch, path: str) -> None:
    answer = site.ask("POST", path, body=json.dumps([alert()]).encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 401
    assert len(watch.foreign) == 0


@pytest.mark.parametrize("path", [POSTED, NOTIFIED])
def test_the_valid_alerts_of_a_body_are_taken_and_the_others_are_said(
    site: Served, watch: FakeWatch, path: str
) -> None:
    answer = post(site, path, alert("A"), {"labels": {}, "status": "firing"}, alert("B"))
    assert answer.status == 400
    assert b"at least one label pair required" in answer.body
    assert {each.slo for each in watch.foreign.alerts(Incidents(), AT)} == {"A", "B"}
    assert received(watch) == {"taken": 2, "invalid": 1}


def test_a_webhook_is_told_what_became_of_its_alerts(site: Served, watch: FakeWatch) -> None:
    own = alert(annotations={INCIDENT_MARK: incident_mark("7", AT)})
    assert post(site, NOTIFIED, alert(), own, truncatedAlerts=5).document == {"taken": 1, "own": 1}
    assert received(watch) == {"taken": 1, "own": 1, "left_out": 5}


@pytest.mark.parametrize("path", [POSTED, NOTIFIED])
def test_what_finds_no_room_is_to_be_sent_again(site: Served, watch: FakeWatch, path: str) -> None:
    answer = post(site, path, *(alert(str(number)) for number in range(ROOM + 3)))
    assert answer.status == 503
    assert b"3 alerts found no room" in answer.body
    assert received(watch) == {"taken": ROOM, "no_room": 3}


@pytest.mark.parametrize("path", [POSTED, NOTIFIED])
def test_a_large_body_is_taken_and_a_huge_one_is_not(site: Served, watch: FakeWatch, path: str) -> None:
    large = alert(annotations={"description": "x" * SMALL_BYTES})
    assert post(site, path, large).status == 200
    assert len(watch.foreign) == 1
    huge = alert(annotations={"description": "x" * BODY_BYTES})
    answer = post(site, path, huge)
    assert (answer.status, answer.document) == (413, {"error": f"the body is larger than {BODY_BYTES} bytes"})


def test_other_bodies_stay_small(site: Served) -> None:
    answer = site.ask("POST", "/api/v1/exclusions", body=b" " * (SMALL_BYTES + 1), headers=WITH_TOKEN)
    assert answer.status == 413


def test_a_body_that_is_no_payload_is_refused_with_the_place(site: Served) -> None:
    answer = post(site, NOTIFIED, alert(), alert(status="pending"))
    assert answer.status == 400
    assert answer.document["faults"] == [{"path": "alerts.1.status", "problem": "write firing or resolved"}]


def test_an_alert_says_where_it_comes_from_and_what_to_do(site: Served, watch: FakeWatch) -> None:
    annotations = {"summary": "it is down", "runbook_url": "http://r/"}
    assert post(site, POSTED, alert(annotations=annotations, generatorURL="http://p/graph")).status == 200
    (said,) = watch.foreign.alerts(Incidents(), AT)
    assert [pair.cause for pair in said.firing] == [Cause.ALERT]
    assert said.evidence.report is not None
    assert (said.evidence.report.source_url, said.evidence.report.runbook_url) == ("http://p/graph", "http://r/")
