"""Customers: their contracts as they are loaded, and how destinations and SLOs belong to them."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from slo.config.load import load
from slo.config.reminders import RemindedConfig
from slo.config.settings import Settings
from slo.core.contract import DEFAULT, BusinessDays, Contract, DayReading, office_hours
from slo.core.delivery import OF_INCIDENTS, Action
from slo.core.priority import EnvironmentClass, Priority
from slo.kinds import Kinds as Installed
from tests.config.making import GATE, Kinds, faults

P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2
PRODUCTION, NON_PRODUCTION = EnvironmentClass.PRODUCTION, EnvironmentClass.NON_PRODUCTION
DESTINATIONS = "destinations: [{name: oncall, type: told, key: k}, {name: theirs, type: told, key: k}]\n"
LABELS = "{customer: acme, environment: live}"


def loaded(text: str, folder: Path, *, today: date = date(2026, 11, 26)) -> Settings:
    file = folder / "watch.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, Kinds(), {}, today=today)


def contract(keys: str, folder: Path, *, today: date = date(2026, 11, 26)) -> Contract:
    return loaded(f"customers: [{{name: acme{keys}}}]\n", folder, today=today).contracts["acme"]


def slo(**keys: str) -> str:
    written = {"name": "a", "objective": "99.9%", "window": "30d", "sli": "{probe: gate}"} | keys
    return f"{GATE}slos: [{{{', '.join(f'{key}: {value}' for key, value in written.items())}}}]\n"


def test_a_contract_that_says_nothing_is_the_usual_one(tmp_path: Path) -> None:
    found = contract("", tmp_path)
    assert (found.customer, found.title) == ("acme", "acme")
    assert found.responses == {P0: timedelta(hours=1), P1: BusinessDays(count=1), P2: BusinessDays(count=4)}
    assert found.days is DayReading.BUSINESS_HOURS
    assert found.hours == DEFAULT.hours == office_hours("UTC")
    assert found.ticket_update_within == timedelta(minutes=15)
    assert found.holidays_version == ""
    assert not found.tell


def test_no_customers_make_no_contracts(tmp_path: Path) -> None:
    assert loaded(slo(), tmp_path).contracts == {}


def test_what_a_contract_says_is_what_it_is(tmp_path: Path) -> None:
    settings = load(
        Path(__file__).parent / "good" / "everything.yaml", Installed.installed(), {}, today=date(2026, 11, 26)
    )
    found = settings.contracts["acme"]
    assert found.title == "Acme Corporation"
    assert [found.class_of(name) for name in ("production", "live", "staging", "elsewhere")] == [
        PRODUCTION,
        PRODUCTION,
        NON_PRODUCTION,
        NON_PRODUCTION,
    ]
    assert found.responses == {P0: timedelta(minutes=30), P1: BusinessDays(count=1), P2: timedelta(hours=96)}
    assert found.days is DayReading.END_OF_NTH_DAY
    assert found.hours.zone == "America/New_York"
    assert [[str(span) for span in found.hours.week.get(day, ())] for day in range(7)] == [
        *[["09:00-17:00"]] * 4,
        ["09:00-12:00", "13:00-15:00"],
        [],
        ["22:00-24:00"],
    ]
    assert {date(2026, 11, 26), date(2026, 12, 25), date(2026, 12, 31)} <= found.hours.closed
    assert {day: [str(span) for span in spans] for day, spans in found.hours.special.items()} == {
        date(2026, 12, 24): ["09:00-13:00"],
        date(2027, 7, 5): [],
    }
    assert found.destinations_for(Action.RESOLVE, P1) == ("acme-hook",)
    assert found.destinations_for(Action.NOTE, P2) == ("acme-hook",)
    assert found.destinations_for(Action.RESOLVE, P2) == ()
    assert found.ticket_update_within == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [("mon-fri", range(5)), ("sat", [5]), ("sun-thu", [6, 0, 1, 2, 3]), ("mon-sun", range(7)), ("fri-fri", [4])],
)
def test_weekdays_follow_one_another_also_over_the_end_of_a_week(
    weekdays: str, days: list[int], tmp_path: Path
) -> None:
    hours = contract(f", hours: {{zone: UTC, week: {{{weekdays}: 10:00-12:30}}}}", tmp_path).hours
    assert sorted(hours.week) == sorted(days)
    assert {str(span) for spans in hours.week.values() for span in spans} == {"10:00-12:30"}


def test_holidays_are_those_of_the_years_around_today(tmp_path: Path) -> None:
    keys = ", hours: {zone: Europe/London, holidays: {country: GB, subdivision: ENG}}"
    found = contract(keys, tmp_path, today=date(2026, 1, 1))
    assert {day for day in found.hours.closed if day.year == 2026} == {
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 4),
        date(2026, 5, 25),
        date(2026, 8, 31),
        date(2026, 12, 25),
        date(2026, 12, 26),
        date(2026, 12, 28),
    }
    assert {day.year for day in found.hours.closed} == {2025, 2026, 2027, 2028, 2029, 2030, 2031}
    assert found.holidays_version == version("holidays")


@pytest.mark.parametrize(
    ("opened", "country", "zone", "due"),
    [
        ("2026-11-25T17:01-05:00", "US", "America/New_York", "2026-11-27T17:00-05:00"),
        ("2026-12-24T16:00Z", "GB, subdivision: ENG", "Europe/London", "2026-12-29T16:00Z"),
        ("2026-04-02T12:00+01:00", "GB, subdivision: ENG", "Europe/London", "2026-04-07T12:00+01:00"),
    ],
)
def test_the_worked_examples_come_out_of_a_configuration(
    opened: str, country: str, zone: str, due: str, tmp_path: Path
) -> None:
    found = contract(f", hours: {{zone: {zone}, holidays: {{country: {country}}}}}", tmp_path)
    assert found.due(P1, datetime.fromisoformat(opened).astimezone(UTC)) == datetime.fromisoformat(due)


def test_the_package_of_holidays_is_loaded_only_where_there_are_any(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from slo.config.load import load; from slo.kinds import Kinds;"
        " load(Path(sys.argv[1]), Kinds.installed(), {}); print('holidays' in sys.modules)"
    )
    for keys, loads in (("", "False\n"), (", hours: {zone: UTC, holidays: {country: US}}", "True\n")):
        file = tmp_path / "watch.yaml"
        file.write_text(f"customers: [{{name: acme{keys}}}]\n", encoding="utf-8")
        command = [sys.executable, "-c", code, str(file)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == loads


# SLOs and destinations


def test_an_slo_has_a_customer_that_is_there(tmp_path: Path) -> None:
    customers = "customers: [{name: acme}]\n"
    assert faults(slo(labels="{customer: acme}") + customers, tmp_path) == []
    assert faults(slo(labels="{customer: acmee}") + customers, tmp_path) == [
        "2:88: slos[a].labels.customer: there is no customer 'acmee'; did you mean acme?"
    ]
    assert faults(slo() + customers, tmp_path) == [
        "2:8: slos[a]: has no label customer, so that no contract is known for it; write one of customers, as acme"
    ]


def test_an_slo_that_groups_by_customer_has_the_label_from_its_series(tmp_path: Path) -> None:
    grouped = slo(sli="{counters: {total: a_total, bad: b_total}}", group_by="[customer]")
    assert faults(grouped + "customers: [{name: acme}]\n", tmp_path) == []


def test_a_customer_whose_name_has_a_fault_makes_no_strangers(tmp_path: Path) -> None:
    found = faults(slo(labels="{customer: acme inc}") + "customers: [{name: acme inc}]\n", tmp_path)
    assert len(found) == 1
    assert "customers[0].name: 'acme inc' is no name" in found[0]


@pytest.mark.parametrize(
    ("environments", "warned"), [("{}", True), ("{live: production}", False), ("{live: non-production}", False)]
)
def test_an_environment_that_no_contract_knows_is_warned_of(environments: str, warned: object, tmp_path: Path) -> None:
    text = slo(labels=LABELS) + f"customers: [{{name: acme, environments: {environments}}}]\n"
    problems = [warning.problem for warning in loaded(text, tmp_path).warnings]
    expected = "'live' is no environment of acme, so that it is taken for non-production"
    assert problems == ([expected] if warned else [])


def test_without_routes_those_are_told_that_no_customer_has_for_itself(tmp_path: Path) -> None:
    text = DESTINATIONS + "customers: [{name: acme, tell: [{destinations: [theirs]}]}]\n"
    assert loaded(text, tmp_path).routes.destinations == ("oncall",)
    assert loaded(DESTINATIONS, tmp_path).routes.destinations == ("oncall", "theirs")


def test_a_customers_destination_needs_no_route(tmp_path: Path) -> None:
    text = DESTINATIONS + "routes: {destinations: [oncall]}\n"
    assert [warning.path for warning in loaded(text, tmp_path).warnings] == ["destinations[theirs]"]
    text += "customers: [{name: acme, tell: [{destinations: [theirs]}]}]\n"
    assert loaded(text, tmp_path).warnings == ()


def test_a_telling_names_destinations_that_are_there(tmp_path: Path) -> None:
    text = DESTINATIONS + "customers: [{name: acme, tell: [{destinations: [thiers]}]}]\n"
    assert faults(text, tmp_path) == [
        "2:49: customers[acme].tell[0].destinations[0]: there is no destination 'thiers'; did you mean theirs?"
    ]


def test_a_telling_is_of_everything_unless_it_says_what(tmp_path: Path) -> None:
    text = (
        DESTINATIONS + "customers: [{name: acme, tell: [{destinations: [theirs, oncall]}, {destinations: [theirs]}]}]\n"
    )
    found = loaded(text, tmp_path).contracts["acme"]
    for action in OF_INCIDENTS:
        for priority in Priority:
            assert found.destinations_for(action, priority) == ("theirs", "oncall")


@pytest.mark.parametrize(
    ("tell", "keys", "reminders"),
    [
        ("", "", True),
        ("{destinations: [other]}", "", True),
        ("{destinations: [chat]}", "", False),
        ("{destinations: [chat], what: [trigger, eta]}", "", False),
        ("{destinations: [chat], what: [trigger, remind]}", "", True),
        ("{destinations: [chat]}, {destinations: [chat], what: [remind], priorities: [P0]}", "", True),
        ("{destinations: [chat]}", ", reminders: true", True),
        ("", ", reminders: false", False),
    ],
)
def test_a_channel_hears_reminders_unless_a_customer_reads_it_or_somebody_says_so(
    tell: str,
    keys: str,
    reminders: bool,  # noqa: FBT001 - a column of the table
    tmp_path: Path,
) -> None:
    file = tmp_path / "watch.yaml"
    file.write_text(
        f"customers: [{{name: acme, tell: [{tell}]}}]\n"
        "destinations:\n"
        "  - {name: other, type: webhook, url: 'http://127.0.0.1:9/'}\n"
        f"  - {{name: chat, type: slack, token: x, channel: C0123456789{keys}}}\n"
    )
    settings = load(file, Installed.installed(), {})
    (chat,) = [entry.config for entry in settings.destinations if entry.name == "chat"]
    assert isinstance(chat, RemindedConfig)
    assert chat.reminders is reminders
