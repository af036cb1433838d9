"""The agents that report, over the API and on the page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slo.core.reporter import Reporter, silent_first
from slo.web.pages import MOST_AGENTS
from tests.web.served import served
from tests.web.test_pages import Page, page_of
from tests.web.watches import AT, FakeWatch, NoAgents, a_status

WELL = Reporter(
    name="node-1",
    reported_at=AT - timedelta(seconds=4),
    clock_offset_seconds=-0.25,
    targets=12,
    records=4_800,
    records_lost=0,
)
LATE = replace(WELL, name="node-2", reported_at=AT - timedelta(minutes=3, seconds=20), targets=0, records_lost=7)
LONG_GONE = replace(WELL, name="node-0", reported_at=AT - timedelta(hours=7), clock_offset_seconds=None)


def reported(*reporters: Reporter) -> FakeWatch:
    return FakeWatch(slos=[a_status()], agents=NoAgents(before=reporters))


def test_every_agent_is_told_with_what_is_known_of_it() -> None:
    with served(reported(WELL)) as site:
        assert site.get("/api/v1/agents").document == {
            "agents": [
                {
                    "name": "node-1",
                    "last_report_at": "2026-01-01T00:01:26Z",
                    "behind": False,
                    "clock_offset_seconds": -0.25,
                    "targets": 12,
                    "records": 4_800,
                    "records_lost": 0,
                }
            ]
        }


def test_those_that_are_behind_come_first_the_newest_of_them_before_the_others() -> None:
    with served(reported(WELL, LONG_GONE, replace(WELL, name="a"), LATE)) as site:
        listed = site.get("/api/v1/agents").document["agents"]
    assert [(each["name"], each["behind"]) for each in listed] == [
        ("node-2", True),
        ("node-0", True),
        ("a", False),
        ("node-1", False),
    ]


@pytest.mark.parametrize(("seconds", "behind"), [(-5, False), (0, False), (60, False), (60.5, True), (90_000, True)])
def test_an_agent_is_behind_after_a_minute(seconds: float, behind: bool) -> None:  # noqa: FBT001 - a table
    agent = replace(WELL, reported_at=AT - timedelta(seconds=seconds))
    assert agent.behind(AT) is behind
    assert silent_first([WELL, replace(agent, name="z")], AT)[0].name == ("z" if behind else "node-1")


def test_the_api_takes_no_query() -> None:
    with served(reported()) as site:
        assert site.get("/api/v1/agents").document == {"agents": []}
        assert site.get("/api/v1/agents?limit=1").status == 400


def test_without_agents_the_page_says_nothing_of_them() -> None:
    assert "gent" not in page_of(reported()).text()


def test_the_page_shows_who_reports_and_who_does_not_with_shape_and_word() -> None:
    page = page_of(reported(WELL, LATE, LONG_GONE))
    text = page.text()
    for said in (
        "2 of 3 agents are behind: what they look at is not known.",
        "No report for 3 min node-2 2025-12-31 23:58:10 UTC 0 -0.2 s 4800 7",
        "No report for 7 h 0 min node-0 2025-12-31 17:01:30 UTC 12 no data 4800 0",
        "Reports node-1 2026-01-01 00:01:26 UTC (4 s ago) 12 -0.2 s 4800 0",
    ):
        assert said in text
    assert states_of(page)[-3:] == ["state overspent", "state overspent", "state ok"]
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 1 + len(states_of(page))


def test_while_all_agents_report_there_is_no_notice() -> None:
    page = page_of(reported(WELL))
    assert "behind" not in page.text()
    assert ("p", {"class": "notice"}) not in page.elements
    assert "1 of 2 agents is behind" in page_of(reported(WELL, LATE)).text()


def test_of_very_many_agents_those_are_shown_that_are_behind_and_the_others_counted() -> None:
    many = [replace(WELL, name=f"a{number}") for number in range(MOST_AGENTS + 4)]
    text = page_of(reported(*many, LATE)).text()
    assert "No report for 3 min node-2" in text
    assert "And 5 more, at /api/v1/agents" in text


def test_the_name_of_an_agent_is_no_markup() -> None:
    page = page_of(reported(replace(WELL, name="<script>x</script>")))
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script>x</script>" in page.text()


def states_of(page: Page) -> list[str | None]:
    classes = [attributes.get("class") for tag, attributes in page.elements if tag == "span"]
    return [each for each in classes if each and each.startswith("state ")]
