"""The API, asked over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from slo.core.events import Resolved
from slo.errors import ConfigError, ConfigFault, StoreBusy
from slo.web.api import API
from slo.web.pages import Pages
from tests.web.served import WITH_TOKEN, Answer, Served, served
from tests.web.watches import AT, FakeWatch, a_busy_watch, opened

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def watch() -> FakeWatch:
    return a_busy_watch()


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def test_every_slo_is_listed_in_the_order_of_the_configuration(site: Served) -> None:
    document = site.get("/api/v1/slos").document
    assert [slo["name"] for slo in document["slos"]] == [
        "echo-availability",
        "gate-availability",
        "orca-latency",
        "front50-availability",
    ]


def test_one_slo_is_told_alone(site: Served) -> None:
    assert site.get("/api/v1/slos/orca-latency").document["state"] == "overspent"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gate-availabilty", "there is no SLO 'gate-availabilty': did you mean gate-availability?"),
        ("zzz", "there is no SLO 'zzz': see /api/v1/slos"),
        ("..%2f..%2fetc", "there is no SLO '../../etc': see /api/v1/slos"),
        ("%00%1b[2J", r"there is no SLO '\x00\x1b[2J': see /api/v1/slos"),
        ("a" * 500, f"there is no SLO '{'a' * 100}...': see /api/v1/slos"),
    ],
)
def test_an_unknown_slo_is_answered_with_a_hint(site: Served, name: str, sentence: str) -> None:
    answer = site.get(f"/api/v1/slos/{name}")
    assert (answer.status, answer.document) == (404, {"error": sentence})


def test_incidents_are_listed_open_ones_first(site: Served) -> None:
    document = site.get("/api/v1/incidents").document
    assert [incident["id"] for incident in document["incidents"]] == ["2026-0001", "2025-0009"]
    assert document["total"] == 2


def test_open_incidents_are_listed_alone_and_counted(site: Served) -> None:
    document = site.get("/api/v1/incidents?status=open").document
    assert [incident["id"] for incident in document["incidents"]] == ["2026-0001"]
    assert document["total"] == 1


def test_a_list_is_cut_at_its_limit_and_tells_the_whole_number(site: Served) -> None:
    document = site.get("/api/v1/incidents?limit=1").document
    assert (len(document["incidents"]), document["total"]) == (1, 2)


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("status=closed", ["status"]),
        ("limit=0", ["limit"]),
        ("limit=1001", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=1e3", ["limit"]),
        ("limit=%D9%A1", ["limit"]),
        (f"limit={'9' * 100}", ["limit"]),
        ("stauts=open&limit=x", ["stauts", "limit"]),
    ],
)
def test_a_query_with_faults_is_answered_with_all_of_them(site: Served, query: str, paths: list[str]) -> None:
    answer = site.get(f"/api/v1/incidents?{query}")
    assert answer.status == 400
    assert [fault["path"] for fault in answer.document["faults"]] == paths


def test_an_incident_is_told_with_its_timeline_and_its_deliveries(site: Served) -> None:
    document = site.get("/api/v1/incidents/2026-0001").document
    assert [(event["number"], event["event"]) for event in document["events"]] == [(3, "opened"), (4, "firing_changed")]
    assert document["deliveries"] == [
        {
            "number": 7,
            "destination": "oncall",
            "instead_of": None,
            "action": "trigger",
            "key": "acme:gate-availability:-:g1",
            "state": "pending",
            "attempts": 2,
            "created_at": "2026-01-01T00:01:30Z",
            "not_before": "2026-01-01T00:01:34Z",
            "last_reason": "rate_limited",
            "last_detail": None,
        }
    ]


def test_a_person_acknowledges_and_resolves_an_incident(site: Served, watch: FakeWatch) -> None:
    acknowledged = site.act("2026-0001", action="acknowledge", by=" kim ")
    assert (acknowledged.status, acknowledged.document["status"]) == (200, "acknowledged")
    assert acknowledged.document["acknowledged_by"] == "kim"
    resolved = site.act("2026-0001", action="resolve", by="kim", why="rolled back: ünïcode")
    assert (resolved.status, resolved.document["resolved_why"]) == (200, "rolled back: ünïcode")
    assert watch.events[-1] == Resolved(incident="2026-0001", at=ANY, by="kim", why="rolled back: ünïcode", via="api")


def test_an_act_that_changes_nothing_says_what_is_so_already(site: Served, watch: FakeWatch) -> None:
    assert site.act("2026-0001", action="acknowledge", by="kim").document["unchanged"] is None
    before = list(watch.events)
    for keys, sentence in (
        ({"action": "acknowledge"}, "kim has taken incident 2026-0001 on already"),
        ({"action": "go_on"}, "incident 2026-0001 is not waiting"),
        ({"action": "prioritize", "priority": "P0", "why": "again"}, "incident 2026-0001 is a P0 already"),
    ):
        answer = site.act("2026-0001", by="ben", **keys)
        assert (answer.status, answer.document["unchanged"]) == (200, sentence)
    assert watch.events == before


def test_an_act_on_a_resolved_incident_is_a_conflict(site: Served) -> None:
    answer = site.act("2025-0009", action="resolve", by="kim")
    told = "incident 2025-0009 was resolved at 2025-12-30T00:01:30Z: resolve an open one"
    assert (answer.status, answer.document["error"]) == (409, told)


def test_an_act_that_the_journal_cannot_take_is_said_to_have_failed(site: Served, watch: FakeWatch) -> None:
    watch.refuses = StoreBusy("the journal cannot be written now: look again")
    answer = site.act("2026-0001", action="acknowledge", by="kim")
    assert (answer.status, answer.document["error"]) == (503, "the journal cannot be written now: look again")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b"", [""]),
        (b"{", [""]),
        (b"[]", [""]),
        (b"null", [""]),
        (b"\xff\xfe", [""]),
        (b"[" * 60_000, [""]),
        (b"{}", ["action"]),
        (b'{"action": "close", "by": "", "because": 1, "why": 2}', ["action"]),
        (b'{"action": "resolve", "by": "", "because": 1, "why": 2}', ["by", "why", "because"]),
        (b'{"action": "eta", "by": "kim", "recover_in": "soon"}', ["recover_in"]),
        (b'{"action": "eta", "by": "kim", "recover_in": "1h", "recover_at": "2026-01-01T05:00:00Z"}', [""]),
        (b'{"action": "prioritize", "by": "kim", "priority": "P3", "why": ""}', ["priority", "why"]),
        (b'{"action": "note", "by": "kim", "text": "\\u0007"}', ["text"]),
        (b'{"action": "resolve", "by": "kim\\u001b[2J"}', ["by"]),
        (b'{"action": "resolve", "by": "kim\\u202e"}', ["by"]),
        (b'{"action": "resolve", "by": "kim", "why": "a\\nb"}', ["why"]),
        (b'{"action": "resolve", "by": "   "}', ["by"]),
        (json.dumps({"action": "resolve", "by": "k" * 201, "why": "w" * 1001}).encode(), ["by", "why"]),
    ],
)
def test_a_wrong_body_changes_nothing_and_is_answered_with_all_its_faults(
    site: Served, watch: FakeWatch, body: bytes, paths: list[str]
) -> None:
    before = list(watch.events)
    answer = site.ask("POST", "/api/v1/incidents/2026-0001", body=body, headers=WITH_TOKEN)
    assert answer.status == 400
    assert [fault["path"] for fault in answer.document["faults"]] == paths
    assert watch.events == before


def test_the_faults_of_a_body_do_not_repeat_what_was_sent(site: Served) -> None:
    body = b'{"action": "hunter2", "by": 5, "password": "hunter2"}'
    answer = site.ask("POST", "/api/v1/incidents/2026-0001", body=body, headers=WITH_TOKEN)
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_incident_is_not_found(site: Served, method: str) -> None:
    answer = site.ask(method, "/api/v1/incidents/nope", body=b"{}" if method == "POST" else None, headers=WITH_TOKEN)
    assert (answer.status, answer.document["error"]) == (
        404,
        "there is no incident 'nope': see /api/v1/incidents, or `watchkeep incident list`",
    )


def test_the_process_is_healthy_while_it_answers(site: Served, watch: FakeWatch) -> None:
    watch.reasons = ["no slot was evaluated for 40s"]
    assert site.get("/-/healthy").status == 200


def test_a_watch_that_is_not_ready_says_why_to_those_who_may_know(site: Served, watch: FakeWatch) -> None:
    assert (site.get("/-/ready").status, site.get("/-/ready").document) == (200, {"ready": True})
    watch.reasons = ["no slot was evaluated for 40s"]
    trusted, stranger = site.get("/-/ready"), site.get("/-/ready", Host="evil.example")
    assert (trusted.status, trusted.document["reasons"]) == (503, ["no slot was evaluated for 40s"])
    assert (stranger.status, stranger.document) == (503, {"ready": False})


def test_a_reload_is_asked_for_and_done(site: Served, watch: FakeWatch) -> None:
    answer = site.ask("POST", "/-/reload", headers=WITH_TOKEN)
    assert (answer.status, answer.document, watch.reloads) == (200, {"reloaded": True}, 1)


def test_a_reload_with_faults_is_answered_with_all_of_them(site: Served, watch: FakeWatch) -> None:
    watch.refuses = ConfigError(
        [
            ConfigFault(file="a.yaml", line=1, column=2, path="slot", problem="is no duration", mend="write 10s"),
            ConfigFault(file="b.yaml", line=0, column=0, path="", problem="is empty"),
        ]
    )
    answer = site.ask("POST", "/-/reload", headers=WITH_TOKEN)
    assert answer.status == 400
    assert answer.document["error"] == "the configuration has faults, the one in force stays"
    assert [fault["text"] for fault in answer.document["faults"]] == [
        "a.yaml:1:2: slot: is no duration; write 10s",
        "b.yaml: is empty",
    ]


def test_a_reload_that_the_store_does_not_let_happen_says_so(site: Served, watch: FakeWatch) -> None:
    watch.refuses = StoreBusy("ledger.db: another program holds it")
    answer = site.ask("POST", "/-/reload", headers=WITH_TOKEN)
    assert answer.status == 503
    assert answer.document["error"] == "ledger.db: another program holds it; the configuration in force stays"


def _routes() -> list[tuple[str, str]]:
    pages = [*API(FakeWatch(), body_seconds=1).routes(), *Pages(FakeWatch()).routes()]
    return [(route.method, route.path) for route in pages] + [("GET", "/metrics")]


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PATHS = sorted({path for _, path in _routes()})


def _real(path: str) -> str:
    return path.format(name="gate" if "probes" in path else "gate-availability", id="2026-0001")


def _allowed(path: str) -> set[str]:
    methods = {method for method, route in _routes() if route == path}
    return methods | ({"HEAD"} if "GET" in methods else set())


@pytest.mark.parametrize("path", PATHS)
def test_every_route_refuses_every_method_that_is_not_its_own(site: Served, path: str) -> None:
    real = _real(path)
    for method in METHODS:
        answer = site.ask(method, real, headers=WITH_TOKEN)
        if method in _allowed(path):
            assert answer.status in {200, 400}, method
        else:
            assert answer.status == 405, method
            assert set(answer.headers["allow"].split(",")) == _allowed(path)
            assert method == "HEAD" or "error" in answer.document


@pytest.mark.parametrize("path", PATHS)
def test_every_route_that_changes_something_needs_the_token(site: Served, watch: FakeWatch, path: str) -> None:
    real = _real(path)
    body = b'{"action": "resolve", "by": "kim"}'
    wrong: tuple[dict[str, str], ...] = ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic no"})
    for method in sorted(set(METHODS) - {"GET", "HEAD"}):
        for headers in wrong:
            answer = site.ask(method, real, body=body, headers=headers)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="watchkeep"'
    assert watch.reloads == 0
    assert watch.incidents()[0].open


@pytest.mark.parametrize("path", PATHS)
def test_every_route_carries_the_security_headers(site: Served, path: str) -> None:
    real = path.format(name="gate-availability", id="nope")
    for answer in (site.get(real), site.ask("DELETE", real, headers=WITH_TOKEN), site.ask("POST", real)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["server"] == "watchkeep"
        assert "access-control-allow-origin" not in answer.headers


def test_every_route_is_documented() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    missing = [f"{method} {path}" for method, path in _routes() if f"`{method} {_documented(path)}`" not in text]
    assert missing == []


def _documented(path: str) -> str:
    return path.replace("{name}", "NAME").replace("{id}", "ID")


def test_every_key_of_every_document_is_documented(site: Served) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    documents = [
        site.get(path).document
        for path in ("/api/v1/slos/gate-availability", "/api/v1/incidents", "/api/v1/incidents/2026-0001")
    ]
    keys = {key for document in documents for key in _keys(document)}
    assert {key for key in keys if f"`{key}`" not in text and f'"{key}"' not in text} == set()


def _keys(document: object) -> set[str]:
    """The keys of a document, but for those that are names of somebody's own: labels and windows."""
    if isinstance(document, list):
        return set().union(*(_keys(inner) for inner in document))
    if not isinstance(document, dict):
        return set()
    own = {"labels", "windows", "burn_rates"}
    inner = [_keys(list(value.values())) if key in own else _keys(value) for key, value in document.items()]
    return set(document).union(*inner)


def test_large_answers_are_compressed_for_those_who_take_it(site: Served, watch: FakeWatch) -> None:
    watch.events += [opened(f"many-{number}", at=AT) for number in range(50)]
    plain = site.get("/api/v1/incidents")
    small: Answer = site.get("/api/v1/incidents", Accept_Encoding="gzip")
    assert small.headers["content-encoding"] == "gzip"
    assert len(small.body) < len(plain.body) / 5
