"""What the probes saw last, over the API and as a page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slo.core.outcome import Outcome
from slo.core.sli import CheckSLI
from slo.web.probe_page import MOST_CHECKS
from tests.web.served import served
from tests.web.test_pages import page_of
from tests.web.watches import AT, FakeWatch, NoAgents, a_status, an_outcome, an_slo

PHASES = {"connect": 0.001, "processing": 0.0402}
DOWN = replace(
    an_outcome("gate", "status", detail="503, not 2xx"), at=AT, number=7, phases=PHASES, duration_seconds=0.0415
)
ROUNDS = (
    replace(DOWN, extra=True, at=AT + timedelta(seconds=2)),
    DOWN,
    replace(an_outcome("gate"), at=AT - timedelta(seconds=10), number=6),
    replace(an_outcome("gate", target="http://b/"), vantage_point="proxy-eu", labels={"region": "eu"}),
    an_outcome("db", "missed", target="db:3306"),
)


def test_the_last_round_of_every_check_is_listed() -> None:
    with served(FakeWatch(rounds=ROUNDS[1:2] + ROUNDS[3:])) as site:
        listed = site.get("/api/v1/probes").document["probes"]
    assert [(each["name"], each["target"], each["vantage_point"], each["outcome"]) for each in listed] == [
        ("gate", "http://127.0.0.1:8084/health", None, "bad"),
        ("gate", "http://b/", "proxy-eu", "good"),
        ("db", "db:3306", None, "unknown"),
    ]
    assert listed[1]["labels"] == {"region": "eu"}


def test_a_probe_is_told_with_the_outcomes_of_each_of_its_checks_newest_first() -> None:
    with served(FakeWatch(rounds=ROUNDS)) as site:
        document = site.get("/api/v1/probes/gate").document
    assert document["name"] == "gate"
    first, second = document["checks"]
    assert (first["target"], second["target"]) == ("http://127.0.0.1:8084/health", "http://b/")
    assert [each["extra"] for each in first["outcomes"]] == [True, False, False]
    assert first["outcomes"][1] == {
        "at": "2026-01-01T00:01:30Z",
        "round": 7,
        "extra": False,
        "outcome": "bad",
        "reason": "status",
        "meaning": "the status code is not an expected one",
        "hint": "look at the service's log at that time; 502 to 504 are of the proxy before it",
        "detail": "503, not 2xx",
        "phases": PHASES,
        "duration_seconds": 0.0415,
    }
    assert first["outcomes"][2]["hint"] is None


def test_a_check_says_which_agent_reported_it() -> None:
    watch = FakeWatch(rounds=ROUNDS, agents=NoAgents(reported={DOWN.point: "node-1"}))
    with served(watch) as site:
        checks = site.get("/api/v1/probes/gate").document["checks"]
        listed = site.get("/api/v1/probes").document["probes"]
    assert [each["agent"] for each in checks] == ["node-1", None]
    assert [each["agent"] for each in listed] == ["node-1", "node-1", "node-1", None, None]
    text = page_of(watch, "/probes/gate").text()
    assert "http://127.0.0.1:8084/health by node-1" in text
    assert text.count(" by ") == 1


def test_checks_that_are_bad_now_come_first() -> None:
    good, bad = (an_outcome("gate", reason, target=f"{reason}:1") for reason in ("ok", "status"))
    with served(FakeWatch(rounds=(good, bad))) as site:
        assert [each["target"] for each in site.get("/api/v1/probes/gate").document["checks"]] == ["status:1", "ok:1"]


def test_one_target_can_be_asked_for() -> None:
    with served(FakeWatch(rounds=ROUNDS)) as site:
        (check,) = site.get("/api/v1/probes/gate?target=http%3A%2F%2Fb%2F").document["checks"]
        assert check["target"] == "http://b/"
        assert site.get("/api/v1/probes/gate?target=nowhere").document["checks"] == []


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/v1/probes/gates", 404, "there is no probe 'gates'"),
        ("/probes/gates", 404, "there is no probe 'gates'"),
        ("/api/v1/probes/gate?since=1", 400, "the query is not as expected"),
        ("/api/v1/probes?limit=1", 400, "the query is not as expected"),
    ],
)
def test_what_there_is_not_is_said(path: str, status: int, says: str) -> None:
    with served(FakeWatch(rounds=ROUNDS)) as site:
        answer = site.get(path)
    assert answer.status == status
    assert says in answer.document["error"]


def test_the_page_of_a_probe_shows_each_check_with_what_it_saw() -> None:
    page = page_of(FakeWatch(rounds=ROUNDS), "/probes/gate")
    text = page.text()
    assert page.texts[0] == "Bad: 1 of 2: check gate - Watchkeep"
    assert "from proxy-eu" in text
    assert "region=eu" in text
    assert "status 503, not 2xx" in text
    assert "The status code is not an expected one. Hint: look at the service's log at that time" in text
    assert "connect 1.0 processing 40.2 41.5 ms" in text
    assert text.count("extra round") == 1
    assert "/api/v1/probes/gate" in [attributes.get("href") for tag, attributes in page.elements if tag == "a"]


def test_a_page_of_thousands_of_checks_shows_those_that_are_bad() -> None:
    def rounds(count: int) -> list[Outcome]:
        return [an_outcome("gate", target=f"t{number}:1") for number in range(count)]

    page = page_of(
        FakeWatch(rounds=[*rounds(MOST_CHECKS + 7), an_outcome("gate", "status", target="bad:1")]), "/probes/gate"
    )
    text = page.text()
    assert "bad:1" in text
    assert f"Bad: 1 of {MOST_CHECKS + 8}" in text
    assert "And 8 more" in text


def test_the_page_of_a_probe_that_has_not_ended_a_round_says_so() -> None:
    class Silent(FakeWatch):
        def probes(self) -> list[str]:
            return ["gate"]

    assert "No round of it has ended yet." in page_of(Silent(), "/probes/gate").text()


def test_what_a_target_says_is_no_markup() -> None:
    rounds = (an_outcome("gate", "status", detail="<script>x</script>", target="http://a/<b>"),)
    page = page_of(FakeWatch(rounds=rounds), "/probes/gate")
    assert {"script", "b"}.isdisjoint(tag for tag, _ in page.elements)
    assert "<script>x</script>" in page.text()


def test_an_slo_of_a_probe_leads_to_its_rounds() -> None:
    of_probe = replace(an_slo(), definition=CheckSLI(check="gate"))
    for slo, leads in ((of_probe, True), (an_slo(), False)):
        page = page_of(FakeWatch(slos=[a_status(slo)]))
        links = [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
        assert ("/probes/gate" in links) is leads
