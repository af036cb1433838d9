"""`watchkeep exclude`, through a real server and in a real data folder."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from tests.web.served import TOKEN, Served, served
from tests.web.watches import FakeWatch

WHEN = ("--reason", "Patching.", "--start", "2026-03-01T07:00Z", "--duration", "2h")


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", TOKEN)
    monkeypatch.setenv("LOGNAME", "kim")


@pytest.fixture
def site() -> Iterator[Served]:
    with served(FakeWatch()) as site:
        yield site


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with DataFolder(folder) as taken, closing(Journal(taken.journal, telemetry=Telemetry())):
        return folder


@pytest.fixture(params=["--url", "--data"])
def place(request: pytest.FixtureRequest) -> list[str]:
    """A running watch, or a folder that no watch runs on: both answer alike."""
    if request.param == "--url":
        site: Served = request.getfixturevalue("site")
        return ["--url", site.url]
    return ["--data", str(request.getfixturevalue("data"))]


def exclude(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["exclude", *arguments])


def test_what_was_excluded_is_listed_until_it_is_taken_back(place: list[str]) -> None:
    assert exclude("list", *place).output == "Nothing is excluded.\n"
    made = exclude("add", "patching", *WHEN, "--slo", "gate", "--label", "customer=acme", *place)
    assert made.exit_code == 0, made.output
    (line,) = exclude("list", *place).output.splitlines()[1:]
    row = "patching over 2026-03-01T07:00:00Z to 2026-03-01T09:00:00Z gate, customer=acme kim Patching."
    assert " ".join(line.split()) == row
    assert exclude("withdraw", "patching", "--why", "wrong day", *place).exit_code == 0
    assert exclude("list", *place).output == "Nothing is excluded.\n"


def test_it_silences_only_where_that_is_said(place: list[str]) -> None:
    for name, said in (("quiet", ("--silence", "--slo", "gate")), ("loud", ())):
        made = exclude("add", name, *WHEN, *said, "--json", *place)
        assert json.loads(made.stdout)["silence"] == (name == "quiet")


def test_a_rule_is_told_with_its_next_occurrence(place: list[str]) -> None:
    rule = ("--rule", "FREQ=WEEKLY;BYDAY=SU", "--zone", "Europe/London", "--start", "2026-03-01T07:00")
    made = exclude("add", "sundays", "--reason", "Patching.", *rule, "--duration", "2h", "--json", *place)
    document = json.loads(made.stdout)
    assert (document["rule"], document["zone"], document["duration_seconds"]) == (
        "FREQ=WEEKLY;BYDAY=SU",
        "Europe/London",
        7200,
    )
    assert document["next"]["start"][11:] in {"06:00:00Z", "07:00:00Z"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--start", "soon", "--duration", "2h"), "--start: 'soon' is no time"),
        ((*WHEN[2:], "--silence"), "--silence: would hide the alerts of every SLO, name slos or labels"),
        (("--start", "2026-03-01T07:00Z"), "exclude add: has neither end nor duration"),
        (("--start", "2026-03-01T07:00Z", "--duration", "2h", "--label", "acme"), "--label acme: is no label"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_mend(place: list[str], arguments: tuple[str, ...], says: str) -> None:
    result = exclude("add", "patching", "--reason", "Patching.", *arguments, *place)
    assert result.exit_code == 2
    assert says in result.output
    assert not any(line.startswith(":") for line in result.output.splitlines())


def test_a_name_is_given_once_in_a_folder(data: Path) -> None:
    assert exclude("add", "patching", *WHEN, "--data", str(data)).exit_code == 0
    again = exclude("add", "patching", *WHEN, "--data", str(data))
    assert (again.exit_code, again.output) == (
        2,
        "there is an exclusion patching already: give it another name\n",
    )
    assert "there is no exclusion other" in exclude("withdraw", "other", "--data", str(data)).output
