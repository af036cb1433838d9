"""The page, as a browser without scripts gets it."""

import base64
import hashlib
import html
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from slo.core.priority import Priority
from slo.web.pages import MOST_INCIDENTS, headline
from tests.web.served import served
from tests.web.watches import AT, FakeWatch, a_busy_watch, a_month, a_status, an_slo, opened

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """The elements of a page in order, its text, and whether every element that was opened is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style" and data.strip():
            self.texts.append(" ".join(data.split()))

    def text(self) -> str:
        return " ".join(self.texts)


def page_of(watch: FakeWatch) -> Page:
    with served(watch) as site:
        return Page(site.get("/").body.decode())


def test_the_state_of_everything_is_in_the_title() -> None:
    with served(a_busy_watch()) as site:
        source = site.get("/").body.decode()
    title = html.unescape(re.search("<title>(.*)</title>", source)[1])  # type: ignore[index]
    assert title.replace("\N{NO-BREAK SPACE}", " ") == "1 burning, 1 overspent, 1 no data, 1 up - Watchkeep"


@pytest.mark.parametrize(
    ("states", "words"),
    [((), "No SLOs"), (("ok", "ok"), "All up"), (("ok", "no_data"), "1 no data, 1 up"), (("burning",), "1 burning")],
)
def test_the_headline_counts_what_needs_people_first(states: tuple[str, ...], words: str) -> None:
    assert headline([a_status(state=state) for state in states]).replace("\N{NO-BREAK SPACE}", " ") == words


def test_what_needs_people_most_comes_first_each_state_with_shape_and_word() -> None:
    page = page_of(a_busy_watch())
    states = [text for text in page.texts if text in {"Burning", "Overspent", "No data", "Up"}]
    assert states == ["Burning", "Overspent", "No data", "Up"]
    drawn = [tag for tag, _ in page.elements if tag == "svg"]
    assert len(drawn) == 1 + len(states)
    classes = [attributes["class"] for tag, attributes in page.elements if tag == "span" and "class" in attributes]
    assert [name for name in classes if name and name.startswith("state ")] == [
        "state burning",
        "state overspent",
        "state no_data",
        "state ok",
    ]


def test_the_figures_of_an_slo_are_there() -> None:
    text = page_of(a_busy_watch()).text()
    for figure in ("gate-availability", "99.9 %", "95.238 %", "-940 % (overspent)", "5m 200x", "6.2 of 30 days"):
        assert figure in text
    assert "Last not good: connect_refused at http://127.0.0.1:8084/health" in text


def test_a_budget_that_will_be_spent_says_when() -> None:
    status = a_status(remaining=0.4)
    watch = FakeWatch(slos=[replace(status, budgets=(replace(status.budget, exhaustion=AT + timedelta(hours=30)),))])
    assert "40 % spent in 1 d 6 h at this rate" in page_of(watch).text()


def test_the_budget_over_further_windows_is_there_under_its_period() -> None:
    status = a_status()
    watch = FakeWatch(slos=[replace(status, budgets=(*status.budgets, a_month(), a_month(remaining=None)))])
    assert "100 % 2026-11 25 % 2026-11 no data" in page_of(watch).text()


def test_an_slo_without_data_never_shows_a_figure_for_it() -> None:
    text = page_of(FakeWatch(slos=[a_status(state="no_data", remaining=None)])).text()
    assert "99.9 % no data no data no data 0.0 of 30 days" in text
    assert "100 %" not in text


def test_open_incidents_are_there_with_an_anchor_and_resolved_ones_are_not() -> None:
    page = page_of(a_busy_watch())
    assert "P0 gate-availability burns its budget 200x too fast" in page.text()
    assert "Nobody has acknowledged it" in page.text()
    anchors = [attributes["id"] for tag, attributes in page.elements if tag == "tr" and "id" in attributes]
    assert anchors == ["incident-2026-0001"]


def test_of_very_many_open_incidents_the_most_urgent_are_shown_and_the_others_counted() -> None:
    tickets = [replace(opened(f"{n}", slo=f"disk-{n}"), priority=Priority.P2) for n in range(MOST_INCIDENTS + 4)]
    page = page_of(FakeWatch(events=[*tickets, opened("p")]))
    anchors = [attributes["id"] for tag, attributes in page.elements if tag == "tr" and "id" in attributes]
    assert (len(anchors), anchors[0]) == (MOST_INCIDENTS, "incident-p")
    assert "And 5 more, at /api/v1/incidents" in page.text()


def test_an_open_incident_of_a_group_names_the_group() -> None:
    watch = FakeWatch(events=[replace(opened(), scope="cluster=eu")])
    assert "200x too fast gate-availability{cluster=eu} Nobody" in page_of(watch).text()


def test_a_watch_that_is_not_ready_says_so_on_top() -> None:
    watch = a_busy_watch()
    watch.reasons = ["no slot was evaluated for 40s"]
    assert "The watch is not ready: no slot was evaluated for 40s" in page_of(watch).text()


@pytest.mark.parametrize("watch", [FakeWatch(), FakeWatch(slos=[a_status()])], ids=["no SLOs", "no incidents"])
def test_an_empty_part_says_so(watch: FakeWatch) -> None:
    text = page_of(watch).text()
    assert "None." in text
    assert watch.slos or "The configuration has no SLOs." in text


def test_nothing_from_outside_becomes_markup() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}'
    status = a_status(an_slo(f"slo{evil}", label=evil), state="burning", last_reason=evil, last_target=evil)
    watch = FakeWatch(slos=[status], events=[opened(f"id{evil}", slo=evil, summary=evil)], reasons=[evil])
    page = page_of(watch)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img"})
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.text().count("{{ 7 * 7 }}") >= 6
    assert all((a["href"] or "").startswith("/api/v1/") for tag, a in page.elements if tag == "a")


def test_the_policy_allows_our_style_and_nothing_else() -> None:
    with served(a_busy_watch()) as site:
        answer = site.get("/")
    source = answer.body.decode()
    style = re.search("<style>(.*)</style>", source, re.DOTALL)[1]  # type: ignore[index]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in source.replace("<style>", "")
    assert "<script" not in source


def test_the_page_asks_again_by_itself_and_follows_the_wishes_of_its_reader() -> None:
    with served(a_busy_watch()) as site:
        source = site.get("/").body.decode()
    assert '<meta http-equiv="refresh" content="15">' in source
    assert "prefers-color-scheme: dark" in source
    assert "transition" not in source
    assert "animation" not in source
