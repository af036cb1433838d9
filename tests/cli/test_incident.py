"""`watchkeep incident`, through a real server and in a real data folder."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.core.alert import Cause, Evidence, FiringPair, Report
from slo.core.delivery import Action
from slo.core.events import Acknowledged, Event, Resolved, Unmuted
from slo.core.policy import Severity
from slo.exposition.catalogue import Telemetry
from slo.router.messages import Teller
from slo.router.people import decide_act
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from tests.router.making import takes_on
from tests.web.served import TOKEN, Served, served
from tests.web.watches import AT, FakeWatch, a_busy_watch, opened


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", TOKEN)
    monkeypatch.setenv("LOGNAME", "kim")


@pytest.fixture
def watch() -> FakeWatch:
    return a_busy_watch()


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one open incident that two destinations were told of, and a resolved one."""
    folder = tmp_path / "data"
    events: list[Event] = [
        opened("2025-0009", slo="orca-latency"),
        Resolved(incident="2025-0009", at=AT, by="", why="clear for 5m"),
        replace(opened(), told=("hook", "chat")),
    ]
    with DataFolder(folder) as taken, closing(Journal(taken.journal, telemetry=Telemetry())) as journal:
        journal.commit(events, (), at=AT)
    return folder


def incident(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["incident", *arguments])


def journalled(data: Path) -> list[Event]:
    with DataFolder(data) as taken, closing(Journal(taken.journal, telemetry=Telemetry())) as journal:
        assert journal.verify() == len(journal.events())
        return [event for _, event in journal.events()]


def lines(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


HEAD = "priority incident slo status response opened summary"
OPEN = "2026-0001 gate-availability {} 2026-01-01 00:01:30 UTC gate-availability burns its budget 200x too fast"


def test_open_incidents_are_listed(site: Served) -> None:
    assert lines(incident("list", "--url", site.url)) == [
        HEAD,
        f"P0 {OPEN.format('triggered due 2026-01-01 01:01:30 UTC')}",
    ]


def test_resolved_ones_are_listed_when_asked_for(site: Served) -> None:
    shown = lines(incident("list", "--all", "--url", site.url))
    assert [line.split()[1] for line in shown] == ["incident", "2026-0001", "2025-0009"]
    assert "resolved" in shown[2]


def test_a_response_that_nobody_gave_in_time_is_listed_as_missed(site: Served, watch: FakeWatch) -> None:
    late = Acknowledged(incident="2026-0001", at=AT + timedelta(hours=2), by="kim")
    watch.events.append(late)
    assert "acknowledged by kim MISSED 2026" in lines(incident("list", "--url", site.url))[1]


def test_a_list_that_was_cut_says_how_many_are_left_out(site: Served) -> None:
    assert lines(incident("list", "--all", "--limit", "1", "--url", site.url))[-1] == "1 more: give a higher --limit."


@pytest.mark.parametrize(
    ("option", "sentence"), [((), "No incident is open."), (("--all",), "There are no incidents.")]
)
def test_no_incidents_are_told_in_words(option: tuple[str, ...], sentence: str) -> None:
    with served(FakeWatch()) as site:
        assert lines(incident("list", *option, "--url", site.url)) == [sentence]


def test_one_incident_is_shown_with_its_evidence_its_timeline_and_its_deliveries(site: Served) -> None:
    assumed = "it was opened before contracts went on record: this is the first that did"
    usual = "P0 1h, P1 1 business day, P2 4 business days; business days of UTC"
    figures = "SLI 99 % of 99.9 % over 30d, budget left -900 %, coverage 50 %"
    assert lines(incident("show", "2026-0001", "--url", site.url)) == [
        "P0 triggered: gate-availability burns its budget 200x too fast",
        "Incident 2026-0001 of SLO gate-availability, opened 2026-01-01 00:01:30 UTC; fires: page 1h/5m, ticket 3d/6h.",
        "Detected 2026-01-01 00:01:30 UTC by the provider, not mitigated yet.",
        f"{figures}; last bad outcome: connect_refused at http://127.0.0.1:8084/health.",
        "Nobody has answered yet: a response is due 2026-01-01 01:01:30 UTC, within 1h.",
        f"Contract: the usual one: {usual} ({assumed}).",
        "Labels: customer=acme, environment=production",
        "Timeline",
        "number at event what",
        "3 2026-01-01 00:01:30 UTC opened P0: gate-availability burns its budget 200x too fast",
        "4 2026-01-01 00:01:30 UTC firing_changed fires: page 1h/5m, ticket 3d/6h",
        "Deliveries",
        "destination action state attempts last reason next attempt",
        "oncall trigger pending 2 rate_limited 2026-01-01 00:01:34 UTC",
    ]


def test_an_incident_of_an_alert_of_others_is_shown_in_its_words(site: Served, watch: FakeWatch) -> None:
    report = Report(summary="it is down", runbook_url="http://r/", source_url="http://p/")
    pair = FiringPair(severity=Severity.PAGE, cause=Cause.ALERT, alert="GateDown")
    event = opened("8", slo="GateDown", summary="GateDown (instance=a): it is down")
    watch.events.append(replace(event, evidence=Evidence(report=report), firing=frozenset({pair})))
    assert lines(incident("show", "8", "--url", site.url))[:6] == [
        "P0 triggered: GateDown (instance=a): it is down",
        "Incident 8 of SLO GateDown, opened 2026-01-01 00:01:30 UTC; fires: page alert GateDown.",
        "Detected 2026-01-01 00:01:30 UTC by the provider, not mitigated yet.",
        "Reported: it is down",
        "Runbook: http://r/",
        "Where the alert comes from: http://p/",
    ]


def test_why_nobody_was_told_and_that_people_are_again_is_in_the_timeline(site: Served, watch: FakeWatch) -> None:
    event = replace(opened("8", summary="it burns"), muted="silence deploy: a new version")
    watch.events += [event, Unmuted(incident="8", at=event.at)]
    assert lines(incident("show", "8", "--url", site.url))[-2:] == [
        "5 2026-01-01 00:01:30 UTC opened P0: it burns (nobody is told: silence deploy: a new version)",
        "6 2026-01-01 00:01:30 UTC unmuted people are told again",
    ]


def test_an_incident_that_a_person_opened_is_shown_with_what_its_priority_followed_from(
    site: Served,
) -> None:
    made = incident(
        "open", "it hangs", "--customer", "acme", "--environment", "production", "--url", site.url, "--json"
    )
    opened_as = json.loads(made.stdout)["id"]
    for minutes in ("5m", "10m"):
        incident("eta", opened_as, "--in", minutes, "--confidence", "low", "--url", site.url)
    assert incident("resolve", opened_as, "--why", "rolled back", "--url", site.url).exit_code == 0
    shown = lines(incident("show", opened_as, "--url", site.url))
    at = "2026-01-01 00:04:30 UTC"
    assert shown[:4] == [
        "P1 resolved: it hangs",
        f"Incident {opened_as}, opened {at} by kim.",
        f"Detected {at} by the provider, mitigated {at}, resolved {at} by kim: rolled back.",
        "P1; it opened with production environment, partial impact, no workaround.",
    ]
    assert [line.partition(",")[0].partition(" recovery")[0] for line in shown if line.startswith("Promised")] == [
        "Promised:",
        "Promised before",
    ]


def test_an_incident_is_acknowledged_by_whoever_is_logged_in(site: Served, watch: FakeWatch) -> None:
    assert lines(incident("ack", "2026-0001", "--url", site.url)) == [
        HEAD,
        f"P0 {OPEN.format('acknowledged by kim in time')}",
    ]
    event = watch.events[-1]
    assert isinstance(event, Acknowledged)
    assert (event.by, event.via) == ("kim", "cli")


def test_an_incident_is_resolved_by_whoever_is_named(site: Served, watch: FakeWatch) -> None:
    result = incident("resolve", "2026-0001", "--by", "Ana Å", "--why", "rolled back", "--url", site.url, "--json")
    assert json.loads(result.stdout)["resolved_by"] == "Ana Å"
    event = watch.events[-1]
    assert isinstance(event, Resolved)
    assert (event.by, event.why) == ("Ana Å", "rolled back")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "nope"), "there is no incident 'nope': see /api/v1/incidents, or `watchkeep incident list`"),
        (("resolve", "2025-0009"), "incident 2025-0009 was resolved at 2025-12-30T00:01:30Z: resolve an open one"),
        (("ack", "2026-0001", "--by", " "), "--by: is empty\n"),
        (("note", "2026-0001", " "), "TEXT: is empty\n"),
        (
            ("eta", "2026-0001", "--at", "10:00"),
            "--at: '10:00' is no time with an offset, write it as 2026-03-01T02:00:00Z\n",
        ),
        (("eta", "2026-0001", "--in", "45m", "--next-update", "soon"), "--next-update: 'soon' is no duration"),
        (("open", "x", "--service", "gate", "--service", " "), "--service: is empty\n"),
        (("open", "x", "--since", "noon"), "--since: 'noon' is no time with an offset"),
        (
            ("open", "x", "--since", "2126-01-01T00:00:00Z"),
            "--since: 2126-01-01T00:00:00Z is to come, write when it was",
        ),
        (("show", "../slos/gate-availability"), "there is no incident '../slos/gate-availability'"),
        (("show", "2026-0001?x=1"), "there is no incident '2026-0001?x=1'"),
    ],
)
def test_what_cannot_be_is_exit_code_2_and_a_sentence(site: Served, arguments: tuple[str, ...], told: str) -> None:
    result = incident(*arguments, "--url", site.url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_what_may_not_have_been_meant_is_told_beside_the_result(site: Served) -> None:
    made = incident("open", "x", "--environment", "live", "--json", "--url", site.url)
    assert made.exit_code == 0
    assert json.loads(made.stdout)["priority"] == "P2"
    assert made.stderr.startswith("warning: no contract says what the environment live is: it is taken for non-prod")


def test_what_a_person_wrote_keeps_its_lines_and_forges_none(site: Served) -> None:
    said = "the disk is full\n9  2026-01-01 00:00:00 UTC  resolved  by kim"
    assert incident("note", "2026-0001", said, "--url", site.url).exit_code == 0
    shown = incident("show", "2026-0001", "--url", site.url).stdout.splitlines()
    begin = next(number for number, line in enumerate(shown) if line.endswith("by kim: the disk is full"))
    first, second = shown[begin : begin + 2]
    assert second == first.index("by kim") * " " + said.splitlines()[1]


def test_without_the_token_nothing_is_changed(site: Served, watch: FakeWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHKEEP_TOKEN")
    result = incident("ack", "2026-0001", "--url", site.url)
    assert result.exit_code == 2
    assert "wants its token: give the file `token` in the data folder of that watch with --token-file" in result.stderr
    assert watch.incidents()[0].acknowledged_at is None


def test_a_data_folder_says_what_the_api_would_say(data: Path) -> None:
    listed = json.loads(incident("list", "--all", "--data", str(data), "--json").stdout)
    shown = json.loads(incident("show", "2026-0001", "--data", str(data), "--json").stdout)
    with served(FakeWatch(events=journalled(data), contracted=False)) as site:
        assert listed == site.get("/api/v1/incidents").document
        assert shown == site.get("/api/v1/incidents/2026-0001").document


def test_an_act_in_a_data_folder_is_in_the_journal_and_waits_for_its_destinations(data: Path) -> None:
    assert lines(incident("ack", "2026-0001", "--data", str(data)))[1] == f"P0 {OPEN.format('acknowledged by kim')}"
    result = incident("resolve", "2026-0001", "--why", "rolled back", "--data", str(data))
    assert lines(result)[1] == f"P0 {OPEN.format('resolved by kim')}"
    *_, acknowledged, resolved = journalled(data)
    assert isinstance(acknowledged, Acknowledged)
    assert isinstance(resolved, Resolved)
    assert (acknowledged.by, acknowledged.via, resolved.why) == ("kim", "cli", "rolled back")
    shown = json.loads(incident("show", "2026-0001", "--data", str(data), "--json").stdout)
    assert [(d["destination"], d["action"], d["state"]) for d in shown["deliveries"]] == [
        ("hook", "acknowledge", "pending"),
        ("chat", "acknowledge", "pending"),
        ("hook", "resolve", "pending"),
        ("chat", "resolve", "pending"),
    ]


def test_the_messages_of_an_act_are_those_that_the_running_watch_would_send(data: Path) -> None:
    before = journalled(data)
    assert incident("ack", "2026-0001", "--by", "kim", "--data", str(data)).exit_code == 0
    with DataFolder(data) as taken, closing(Journal(taken.journal, telemetry=Telemetry())) as journal:
        written = [delivery.message for delivery in journal.deliveries("2026-0001")]
        event = journal.events()[-1][1]
    incidents = {found.id: found for found in FakeWatch(events=before).incidents()}
    act = takes_on("2026-0001", by="kim", via="cli")
    decided = decide_act(act, incidents, teller=Teller(at=event.at))
    assert tuple(written) == decided.messages
    assert {message.action for message in written} == {Action.ACKNOWLEDGE}


def test_an_act_that_changes_nothing_says_so_here_and_there(site: Served, data: Path) -> None:
    for where in (("--url", site.url), ("--data", str(data))):
        assert lines(incident("go-on", "2026-0001", *where))[-1] == (
            "Nothing has changed: incident 2026-0001 is not waiting."
        )
        assert "acknowledged by kim" in lines(incident("ack", "2026-0001", *where))[-1]
        assert lines(incident("ack", "2026-0001", "--by", "ben", *where))[-1] == (
            "Nothing has changed: kim has taken incident 2026-0001 on already."
        )
        document = json.loads(incident("go-on", "2026-0001", "--json", *where).stdout)
        assert document["unchanged"] == "incident 2026-0001 is not waiting"


def test_acknowledging_twice_in_a_data_folder_writes_once(data: Path) -> None:
    for name in ("kim", "ana"):
        assert "acknowledged by kim" in lines(incident("ack", "2026-0001", "--by", name, "--data", str(data)))[1]
    assert sum(isinstance(event, Acknowledged) for event in journalled(data)) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ack", "nope"), "there is no incident nope"),
        (("show", "2026-001"), "there is no incident 2026-001: did you mean 2026-0001?"),
        (("resolve", "2025-0009"), "incident 2025-0009 was resolved"),
        (("resolve", "2026-0001", "--by", " ", "--why", "a\nb"), "--by: is empty\n--why: "),
    ],
)
def test_what_cannot_be_in_a_data_folder_is_told_too(data: Path, arguments: tuple[str, ...], told: str) -> None:
    result = incident(*arguments, "--data", str(data))
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_folder_that_a_watch_runs_on_is_left_to_it(data: Path) -> None:
    with DataFolder(data):
        result = incident("ack", "2026-0001", "--data", str(data))
    assert result.exit_code == 2
    assert "a watch runs on this folder: leave --data away, and name the watch with --url" in result.stderr


def test_a_folder_that_is_none_is_not_made_into_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        result = incident("list", "--data", str(folder))
        assert result.exit_code == 2
        assert "is no data folder of a watch: name the one that `watchkeep run` was given" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_journal_is_told_and_left_as_it_is(data: Path) -> None:
    (data / "journal.db").write_bytes(b"not a database" * 1000)
    result = incident("list", "--data", str(data))
    assert result.exit_code == 1
    assert "journal.db" in result.stderr
    assert "Traceback" not in result.output
    assert (data / "journal.db").read_bytes().startswith(b"not a database")


def test_a_folder_and_an_address_at_once_are_refused(data: Path) -> None:
    result = incident("list", "--data", str(data), "--url", "http://127.0.0.1:9990")
    assert result.exit_code == 2
    assert "give either it, or --url and --token-file" in result.stderr
