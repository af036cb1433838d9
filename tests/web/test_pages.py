"""The page, as a browser without scripts gets it."""

import base64
import hashlib
import html
import re
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from slo.core.acts import Responsibility
from slo.core.eta import ETA, Confidence
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    Event,
    Muted,
    Noted,
    Opened,
    Promised,
    Resolved,
    ResponseMissed,
)
from slo.core.incident import REPORTED
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Priority, circumstances_of
from slo.errors import StoreError
from slo.web.incident_page import MOST_EVENTS
from slo.web.pages import MOST_INCIDENTS
from slo.web.shapes import COLOURS
from slo.web.status_page import headline
from tests.web.served import served
from tests.web.watches import AT, FakeWatch, a_busy_watch, a_delivery, a_month, a_status, an_slo, opened

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


def page_of(watch: FakeWatch, path: str = "/") -> Page:
    with served(watch) as site:
        return Page(site.get(path).body.decode())


PERSON = "on-call engineer"
INCIDENT = "2026-0001"
A_LIFE: list[Event] = [
    replace(
        opened(at=AT - timedelta(minutes=20)),
        circumstances=circumstances_of(Severity.PAGE, EnvironmentClass.PRODUCTION),
        services=("gate",),
        labels={"customer": "acme", "environment": "production", "cluster": "eu-1"},
    ),
    Acknowledged(incident=INCIDENT, at=AT - timedelta(minutes=17), by=PERSON, via="team"),
    Assigned(incident=INCIDENT, at=AT - timedelta(minutes=16), by=PERSON, owner="second engineer"),
    Promised(
        incident=INCIDENT,
        at=AT - timedelta(minutes=15),
        by=PERSON,
        eta=ETA(recover_at=AT - timedelta(minutes=1), confidence=Confidence.LOW),
        text="the disk is full",
    ),
    Promised(
        incident=INCIDENT,
        at=AT - timedelta(minutes=2),
        by=PERSON,
        eta=ETA(
            recover_at=AT + timedelta(minutes=25),
            confidence=Confidence.HIGH,
            next_update_at=AT + timedelta(minutes=10),
        ),
    ),
    Attributed(incident=INCIDENT, at=AT, by=PERSON, responsibility=Responsibility.THIRD_PARTY, why="the cloud"),
]
"""A P0 that was opened, taken on, given away, promised to be over twice, and is the part of somebody else."""


def reported() -> Opened:
    """An issue that a customer wrote a ticket about, an hour before it was opened here."""
    return Opened(
        incident="8",
        at=AT,
        slo=REPORTED,
        scope="8",
        generation=1,
        key="reported:8",
        severity=Severity.TICKET,
        priority=Priority.P1,
        summary="Pipelines hang",
        labels={"customer": "acme", "environment": "production"},
        firing=frozenset(),
        by="service desk",
        found_by="customer",
        created_at=AT - timedelta(hours=1),
    )


def test_the_state_of_everything_is_in_the_title() -> None:
    with served(a_busy_watch()) as site:
        source = site.get("/").body.decode()
    title = html.unescape(re.search("<title>(.*)</title>", source)[1])  # type: ignore[index]
    assert title.replace("\N{NO-BREAK SPACE}", " ") == "1 P0 open, 1 burning, 1 overspent, 1 no data, 1 up - Watchkeep"


@pytest.mark.parametrize(
    ("states", "words"),
    [((), "No SLOs"), (("ok", "ok"), "All up"), (("ok", "no_data"), "1 no data, 1 up"), (("burning",), "1 burning")],
)
def test_the_headline_counts_what_needs_people_first(states: tuple[str, ...], words: str) -> None:
    assert headline([a_status(state=state) for state in states]).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize("states", [(), ("ok",)], ids=["no SLOs", "all up"])
def test_an_incident_that_no_slo_shows_is_in_the_title(states: tuple[str, ...]) -> None:
    watch = FakeWatch(slos=[a_status(state=state) for state in states], events=[reported(), *A_LIFE])
    page = page_of(watch)
    title = page.texts[0].replace("\N{NO-BREAK SPACE}", " ")
    assert title.startswith("1 P0 open, 1 P1 open")
    assert "All up" not in title
    assert ("h1", {"class": "overspent"}) in page.elements


def in_a_p1(*events: Event) -> list[Event]:
    return [replace(opened(), priority=Priority.P1), *events]


MISSED = ResponseMissed(incident=INCIDENT, at=AT, due=AT)
TAKEN_ON = Acknowledged(incident=INCIDENT, at=AT, by=PERSON)


@pytest.mark.parametrize(
    ("states", "events", "state"),
    [
        ((), [], "no_data"),
        (("ok",), [], "ok"),
        (("ok", "no_data"), [], "no_data"),
        (("ok", "no_data", "burning"), [], "burning"),
        (("burning", "overspent"), [], "overspent"),
        (("ok",), in_a_p1(), "burning"),
        (("overspent",), in_a_p1(), "overspent"),
        (("ok",), in_a_p1(MISSED), "overspent"),
        (("ok",), in_a_p1(MISSED, TAKEN_ON), "burning"),
        (("ok",), [opened()], "overspent"),
        (("burning",), [opened()], "overspent"),
        ((), [opened(), TAKEN_ON], "overspent"),
        (("ok",), [opened(), Resolved(incident=INCIDENT, at=AT, by=PERSON, why="")], "ok"),
    ],
)
def test_the_heading_is_as_bad_as_the_worst_of_slos_and_open_incidents(
    states: tuple[str, ...], events: list[Event], state: str
) -> None:
    page = page_of(FakeWatch(slos=[a_status(state=each) for each in states], events=events))
    assert ("h1", {"class": state}) in page.elements
    (icon,) = [attributes["href"] for tag, attributes in page.elements if tag == "link"]
    assert icon is not None
    assert quote(COLOURS[state]) in icon


def test_what_needs_people_most_comes_first_each_state_with_shape_and_word() -> None:
    page = page_of(replace(a_busy_watch(), events=[]))
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
    assert "Triggered owner: nobody yet due in 1 h 0 min (promised: 1h) not promised yet" in page.text()
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
    assert "200x too fast gate-availability{cluster=eu} Triggered" in page_of(watch).text()


def test_an_open_incident_says_who_answered_when_it_recovers_and_why_nobody_is_told() -> None:
    muted = Muted(incident=INCIDENT, at=AT, why="silence gate-moves is in force")
    text = page_of(FakeWatch(events=[*A_LIFE, muted])).text()
    for said in (
        "Nobody is told: silence gate-moves is in force",
        "Acknowledged by on-call engineer owner: second engineer",
        "answered after 3 min (promised: 1h) by on-call engineer",
        "2026-01-01 00:26:30 UTC (in 25 min), high confidence",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("opened_minutes_ago", "answered_minutes_ago", "said", "state"),
    [
        (10, None, "due in 50 min (promised: 1h)", "burning"),
        (60, None, "MISSED: was due 0 s ago, nobody has answered", "overspent"),
        (125, None, "MISSED: was due 1 h 5 min ago, nobody has answered", "overspent"),
        (125, 60, "MISSED: answered after 1 h 5 min (promised: 1h) by on-call engineer", "overspent"),
        (125, 65, "answered after 1 h 0 min (promised: 1h) by on-call engineer", "ok"),
    ],
)
def test_a_response_clock_has_a_shape_and_says_how_it_stands(
    opened_minutes_ago: int, answered_minutes_ago: int | None, said: str, state: str
) -> None:
    events: list[Event] = [opened(at=_ago(opened_minutes_ago))]
    if answered_minutes_ago is not None:
        events.append(Acknowledged(incident=INCIDENT, at=_ago(answered_minutes_ago), by=PERSON))
    watch = FakeWatch(events=events)
    for path in ("/", f"/incidents/{INCIDENT}"):
        page = page_of(watch, path)
        assert said in page.text()
        assert ("span", {"class": f"state {state}"}) in page.elements


def test_the_page_of_an_incident_holds_all_that_a_ticket_has_to() -> None:
    sent = [replace(a_delivery(opened(), state=state)) for state in ("sent", "refused", "pending")]
    text = page_of(FakeWatch(events=A_LIFE, sent=sent), f"/incidents/{INCIDENT}").text()
    for said in (
        "Acknowledged · P0 · incident 2026-0001 gate-availability burns its budget 200x too fast",
        "Not told: oncall refused the trigger (rate_limited)",
        "Customer acme Environment production Cluster eu-1 Affected gate SLO gate-availability",
        "Detected 2025-12-31 23:41:30 UTC Found by the provider Opened 2025-12-31 23:41:30 UTC",
        "Acknowledged 2025-12-31 23:44:30 UTC by on-call engineer Mitigated not yet Resolved not yet",
        "Promised within 1h, from 2025-12-31 23:41:30 UTC Due 2026-01-01 00:41:30 UTC",
        "Contract the usual one: P0 1h, P1 1 business day, P2 4 business days; business days of UTC",
        "Owner second engineer Responsibility third party",
        "Recovery 2026-01-01 00:26:30 UTC (in 25 min), high confidence",
        "Next update 2026-01-01 00:11:30 UTC",
        "Environment class production Impact severe Workaround none is known Security issue no",
        "SLI 99 % of 99.9 % over 30d Budget left -900 % Coverage 50 % Burn rates 5m 200x, 1h no data",
        "Figures of now /api/v1/slos/gate-availability Last not good connect_refused at http://127.0.0.1:8084/health",
        "2025-12-31 23:46:30 UTC on-call engineer 2026-01-01 00:00:30 UTC low none promised the disk is full",
        "2025-12-31 23:59:30 UTC on-call engineer 2026-01-01 00:26:30 UTC high 2026-01-01 00:11:30 UTC",
        "2025-12-31 23:44:30 UTC acknowledged on-call engineer acknowledged via team 2",
        "oncall trigger pending 2 rate_limited 2026-01-01 00:01:34 UTC",
    ):
        assert said in text


def test_the_page_of_an_incident_that_a_customer_reported_says_what_they_said_and_shows_no_figures() -> None:
    end = Resolved(incident="8", at=AT, by=PERSON, why="a queue was full")
    page = page_of(FakeWatch(events=[reported(), end]), "/incidents/8")
    assert "Resolved · P1 · incident 8 Pipelines hang" in page.text()
    assert "Detected 2025-12-31 23:01:30 UTC Found by the customer" in page.text()
    assert "2026-01-01 00:01:30 UTC by on-call engineer Why a queue was full" in page.text()
    assert "SLI" not in page.text()
    assert ("meta", {"http-equiv": "refresh", "content": "15"}) not in page.elements, "what is over does not change"


def test_of_a_very_long_timeline_the_newest_events_are_shown_and_the_others_counted() -> None:
    notes = [Noted(incident=INCIDENT, at=AT, by=PERSON, text=f"note {n}") for n in range(MOST_EVENTS + 4)]
    text = page_of(FakeWatch(events=[opened(), *notes]), f"/incidents/{INCIDENT}").text()
    assert "5 earlier ones are at /api/v1/incidents/2026-0001" in text
    assert "said: note 3 " not in text
    assert f"said: note {MOST_EVENTS + 3} " in text


def test_an_incident_is_shown_without_its_timeline_while_the_journal_cannot_be_read() -> None:
    class Unread(FakeWatch):
        async def history(self, incident: str) -> list[tuple[int, Event]]:
            raise StoreError(f"{incident}: the disk is gone")

    text = page_of(Unread(events=A_LIFE), f"/incidents/{INCIDENT}").text()
    assert "The journal cannot be read now: 2026-0001: the disk is gone" in text
    assert "Owner second engineer" in text


def test_there_is_no_page_for_an_incident_that_there_is_not() -> None:
    with served(FakeWatch()) as site:
        answer = site.get("/incidents/nope")
    assert (answer.status, answer.document["error"]) == (
        404,
        "there is no incident 'nope': see /api/v1/incidents, or `watchkeep incident list`",
    )


def _ago(minutes: int) -> datetime:
    return AT - timedelta(minutes=minutes)


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
    said = [Noted(incident="1", at=AT, by=evil, text=evil), Assigned(incident="1", at=AT, by=evil, owner=evil)]
    alone = FakeWatch(events=[replace(opened("1", slo=evil, summary=evil), labels={"customer": evil}), *said])
    shown = [page_of(watch), page_of(alone, "/incidents/1")]
    for page in shown:
        assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "form"})
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
        assert page.text().count("{{ 7 * 7 }}") >= 6
        links = [a["href"] or "" for tag, a in page.elements if tag == "a"]
        assert all(link == "/" or link.startswith(("/api/v1/", "/incidents/")) for link in links)


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
