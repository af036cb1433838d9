"""What Alertmanager takes: the same bodies are given to a real one and to a watch."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.foreign import LONGEST_LABELS, MOST_LABELS, ForeignAlert
from slo.web.alertmanager import RESOLVE_TIMEOUT, Batch, BodyRefused, notified, posted
from tests.services import Service, StartAlertmanager
from tests.web.served import WITH_TOKEN, Answer, Served, served
from tests.web.watches import FakeWatch

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
PATH = "/api/v2/alerts"


@pytest.fixture(scope="module")
def peer(alertmanager: StartAlertmanager) -> Service:
    return alertmanager()


@pytest.fixture(scope="module")
def site() -> Iterator[Served]:
    with served(FakeWatch()) as site:
        yield site


def at_peer(peer: Service, body: bytes, headers: dict[str, str] = JSON) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=20)
    try:
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def at_us(site: Served, body: bytes, headers: dict[str, str] = JSON) -> Answer:
    return site.ask("POST", PATH, body=body, headers=WITH_TOKEN | headers)


def alerts(*each: object) -> bytes:
    return json.dumps(each).encode()


A = {"alertname": "GateDown"}

BODIES = [
    pytest.param(alerts(), 200, id="none"),
    pytest.param(b" [ ]\n", 200, id="blanks"),
    pytest.param(b"null", 200, id="null"),
    pytest.param(b"", 422, id="nothing"),
    pytest.param(b"{}", 400, id="an object"),
    pytest.param(b'"x"', 400, id="a text"),
    pytest.param(b"[", 400, id="no JSON"),
    pytest.param(b"[1]", 400, id="a number"),
    pytest.param(b"[[]]", 400, id="a list"),
    pytest.param(alerts({}), 422, id="no labels"),
    pytest.param(alerts({"labels": None}), 422, id="null for labels"),
    pytest.param(alerts({"labels": {}}), 400, id="empty labels"),
    pytest.param(alerts({"labels": {"a": ""}}), 400, id="only an empty label"),
    pytest.param(alerts({"labels": {"a": None}}), 400, id="only a null label"),
    pytest.param(alerts({"labels": {"a": 1}}), 400, id="a number for a label"),
    pytest.param(alerts({"labels": []}), 400, id="a list of labels"),
    pytest.param(alerts({"labels": {"": "x"}}), 400, id="a label without a name"),
    pytest.param(alerts({"labels": A}), 200, id="an alert"),
    pytest.param(alerts({"labels": {"a": "b", "empty": ""}}), 200, id="an empty label beside"),
    pytest.param(alerts({"labels": {"__name__": "x"}}), 200, id="a reserved label"),
    pytest.param(alerts({"labels": {"a": "\x00"}}), 200, id="a control character"),
    pytest.param(b'[{"labels": {"a": "\\ud800"}}]', 200, id="half a character"),
    pytest.param(b'[{"labels": {"a": "\xff"}}]', 200, id="no UTF-8"),
    pytest.param(alerts({"labels": A, "colour": "red"}), 200, id="an unknown key"),
    pytest.param(alerts({"labels": A, "annotations": None}), 200, id="null for annotations"),
    pytest.param(alerts({"labels": A, "annotations": {"x": ""}}), 200, id="an empty annotation"),
    pytest.param(alerts({"labels": A, "annotations": {"": "x"}}), 400, id="an annotation without a name"),
    pytest.param(alerts({"labels": A, "annotations": "x"}), 400, id="a text for annotations"),
    pytest.param(alerts({"labels": A, "startsAt": "soon"}), 400, id="no time"),
    pytest.param(alerts({"labels": A, "startsAt": 1}), 400, id="a number for a time"),
    pytest.param(alerts({"labels": A, "startsAt": ""}), 200, id="an empty time"),
    pytest.param(alerts({"labels": A, "startsAt": None}), 200, id="null for a time"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T00:00:00Z"}), 200, id="a time"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T00:00:00.123456789+01:00"}), 200, id="nanoseconds"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T00:00:00"}), 200, id="a time without a zone"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T00:00Z"}), 200, id="a time without seconds"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01"}), 400, id="a day"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-13-01T00:00:00Z"}), 400, id="a thirteenth month"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T24:00:00Z"}), 400, id="a 25th hour"),
    pytest.param(alerts({"labels": A, "startsAt": "2026-01-01T00:00:60Z"}), 400, id="a leap second"),
    pytest.param(alerts({"labels": A, "startsAt": "10000-01-01T00:00:00Z"}), 400, id="a fifth digit"),
    pytest.param(alerts({"labels": A, "startsAt": "1767225600"}), 400, id="Unix time"),
    pytest.param(alerts({"labels": A, "startsAt": "9999-12-31T23:59:59Z"}), 400, id="a beginning after now and 5m"),
    pytest.param(
        alerts({"labels": A, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}),
        400,
        id="an end before the beginning",
    ),
    pytest.param(
        alerts({"labels": A, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-02T00:00:00Z"}),
        200,
        id="an end at the beginning",
    ),
    pytest.param(alerts({"labels": A, "endsAt": "2026-01-01T00:00:00Z"}), 200, id="only an end"),
    pytest.param(alerts({"labels": A, "endsAt": "0001-01-01T00:00:00Z"}), 200, id="Go's zero time"),
    pytest.param(alerts({"labels": A, "generatorURL": "http://p/graph"}), 200, id="an address"),
    pytest.param(alerts({"labels": A, "generatorURL": "/graph"}), 200, id="a path"),
    pytest.param(alerts({"labels": A, "generatorURL": ""}), 200, id="no address"),
    pytest.param(alerts({"labels": A, "generatorURL": "x y"}), 422, id="what is no address"),
    pytest.param(alerts({"labels": A, "generatorURL": 1}), 400, id="a number for an address"),
    pytest.param(alerts({"labels": A}, {"labels": {}}, {"labels": {"": "x"}}), 400, id="one of three"),
]


@pytest.mark.parametrize(("body", "status"), BODIES)
def test_a_body_gets_the_status_that_alertmanager_gives_it(
    peer: Service, site: Served, body: bytes, status: int
) -> None:
    theirs, ours = at_peer(peer, body), at_us(site, body)
    assert (theirs.status, ours.status) == (status, status)
    if status == 200:
        assert ours.body == theirs.body == b""
    else:
        assert type(json.loads(ours.body)) is type(json.loads(theirs.body))


def test_the_messages_of_invalid_alerts_are_alertmanagers(peer: Service, site: Served) -> None:
    body = alerts(
        {"labels": A},
        {"labels": {}},
        {"labels": {"": "x"}},
        {"labels": A, "annotations": {"": "x"}},
        {"labels": A, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
    )
    assert json.loads(at_us(site, body).body) == json.loads(at_peer(peer, body).body)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-8", "application/yaml"])
def test_a_body_of_another_type_gets_the_status_that_alertmanager_gives_it(
    peer: Service, site: Served, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    assert at_us(site, b"[]", headers).status == at_peer(peer, b"[]", headers).status


texts = st.text(st.sampled_from("ab_ü\x00"), max_size=3)
names = st.sampled_from(["alertname", "a", "b_1", ""])
times = st.sampled_from(
    ["", "0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00+01:00", "2020-02-29T00:00:00.5Z", "never"]
)
keys = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.none() | st.dictionaries(names, texts | st.none(), max_size=3),
        "annotations": st.none() | st.dictionaries(names, texts, max_size=2),
        "startsAt": times | st.none(),
        "endsAt": times,
        "generatorURL": st.sampled_from(["", "http://p/graph?g0.expr=up", "/g", "p"]),
    },
)


@settings(max_examples=150)
@given(batch=st.lists(keys, max_size=4))
def test_any_batch_gets_the_status_that_alertmanager_gives_it(
    peer: Service, site: Served, batch: list[dict[str, object]]
) -> None:
    body = json.dumps(batch).encode()
    assert at_us(site, body).status == at_peer(peer, body).status


def test_label_names_may_be_any_text_as_in_newer_alertmanagers(site: Served) -> None:
    assert at_us(site, alerts({"labels": {"http.status": "500", "größe": "1"}})).status == 200


def posted_alert(**keys: object) -> ForeignAlert:
    (alert,) = posted(alerts({"labels": A} | keys), NOW).alerts
    return alert


@pytest.mark.parametrize(
    ("keys", "starts_at", "ends_at"),
    [
        ({}, NOW, NOW + RESOLVE_TIMEOUT),
        ({"endsAt": "0001-01-01T00:00:00Z"}, NOW, NOW + RESOLVE_TIMEOUT),
        ({"startsAt": "2026-01-01T11:00:00Z"}, NOW - timedelta(hours=1), NOW + RESOLVE_TIMEOUT),
        ({"endsAt": "2026-01-01T11:00:00Z"}, NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
        ({"startsAt": "2026-01-01T12:00:00+01:00", "endsAt": "2026-01-01T13:30:00.1234567Z"},
         NOW - timedelta(hours=1), NOW + timedelta(hours=1, minutes=30, microseconds=123456)),
    ],
)  # fmt: skip
def test_a_time_that_is_missing_is_what_alertmanager_makes_of_it(
    keys: dict[str, object], starts_at: datetime, ends_at: datetime
) -> None:
    alert = posted_alert(**keys)
    assert (alert.starts_at, alert.ends_at) == (starts_at, ends_at)


def test_what_is_empty_is_not_there() -> None:
    alert = posted_alert(labels={"a": "b", "c": ""}, annotations={"d": ""})
    assert (alert.labels, alert.annotations) == ({"a": "b"}, {})


@pytest.mark.parametrize(
    "labels",
    [{f"l{number}": "x" for number in range(MOST_LABELS + 1)}, {"l": "x" * LONGEST_LABELS}],
)
def test_an_alert_that_is_too_large_is_invalid_and_the_others_are_taken(labels: dict[str, str]) -> None:
    batch = posted(alerts({"labels": A}, {"labels": labels}), NOW)
    assert [alert.labels for alert in batch.alerts] == [A]
    (fault,) = batch.faults
    assert fault[0] == "1"
    assert "are taken" in fault[1]


def payload(*each: object, **keys: object) -> bytes:
    return json.dumps({"version": "4", "alerts": each} | keys).encode()


def test_what_a_webhook_says_fires_does_so_until_it_is_over() -> None:
    begun = {"labels": A, "status": "firing", "startsAt": "2026-01-01T11:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}
    over = begun | {"status": "resolved", "endsAt": "2026-01-01T11:59:00Z"}
    firing, resolved = notified(payload(begun, over, truncatedAlerts=3), NOW).alerts
    assert firing.fires(NOW + timedelta(days=365))
    assert not resolved.fires(NOW)


def test_a_clock_over_there_that_is_ahead_does_not_keep_an_alert_firing() -> None:
    over = {"labels": A, "status": "resolved", "startsAt": "2026-01-01T13:00:00Z", "endsAt": "2026-01-01T13:01:00Z"}
    batch = notified(payload(over), NOW)
    assert not batch.faults
    assert not batch.alerts[0].fires(NOW)


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b"[]", ""),
        (b"{", ""),
        (payload(version="3"), "version"),
        (payload(alerts=None), "alerts"),
        (payload(truncatedAlerts="many"), "truncatedAlerts"),
        (payload({"labels": A, "status": "firing"}, {"labels": A, "status": "pending"}), "alerts.1.status"),
        (payload({"labels": A}), "alerts.0.status"),
        (payload({"labels": {"a": 1}, "status": "firing"}), "alerts.0.labels.a"),
        (payload(7), "alerts.0"),
    ],
)
def test_a_payload_that_is_none_is_refused_with_the_place(body: bytes, at: str) -> None:
    with pytest.raises(BodyRefused) as error:
        notified(body, NOW)
    assert error.value.at == at


words = st.sampled_from(["version", "alerts", "labels", "status", "startsAt"])
documents = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(words, inner)
)


@given(body=st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode()))
@pytest.mark.parametrize("understand", [posted, notified])
def test_a_body_is_understood_or_refused_whatever_it_is(
    understand: Callable[[bytes, datetime], Batch], body: bytes
) -> None:
    with contextlib.suppress(BodyRefused):
        assert all(not alert.fault for alert in understand(body, NOW).alerts)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" + b"9" * 50_000 + b"]"])
def test_what_no_parser_likes_is_refused(body: bytes) -> None:
    for understand in (posted, notified):
        with pytest.raises(BodyRefused):
            understand(body, NOW)
