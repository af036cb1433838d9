"""`watchkeep silence`, through a real server and in a real data folder."""

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

MOVE = ("--match", "service=gate", "--match", "severity=page", "--reason", "The gate moves.")
LATER = (*MOVE, "--start", "2099-03-01T07:00Z", "--duration", "2h")


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


def silence(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["silence", *arguments])


def test_what_is_silenced_from_now_on_is_listed_until_somebody_ends_it(place: list[str]) -> None:
    assert silence("list", *place).output == "Nothing is silenced.\n"
    made = silence("add", "move", *MOVE, "--duration", "2h", *place)
    assert made.exit_code == 0, made.output
    (line,) = silence("list", *place).output.splitlines()[1:]
    words = " ".join(line.split())
    assert words.startswith("move now 20")
    assert words.endswith('service="gate", severity="page" kim The gate moves.')
    ended = silence("expire", "move", "--why", "it is done", *place)
    assert (ended.exit_code, ended.output) == (0, "move is ended: what still fires is told.\n")
    assert silence("list", "--all", *place).output == "Nothing is silenced.\n"


def test_one_that_is_to_come_says_when(place: list[str]) -> None:
    made = json.loads(silence("add", "move", *LATER, "--by", "sam", "--json", *place).stdout)
    assert (made["start"], made["end"], made["owner"]) == ("2099-03-01T07:00:00Z", "2099-03-01T09:00:00Z", "sam")


def test_one_that_recurs_needs_a_start_and_an_end(place: list[str]) -> None:
    rule = ("--rule", "FREQ=DAILY", "--duration", "1h", "--zone", "Europe/London")
    result = silence("add", "move", *MOVE, *rule, *place)
    assert (result.exit_code, result.output) == (
        2,
        "--rule: write --start too, the first time that it may occur, in the time of --zone\n",
    )
    started = (*rule, "--start", "2026-03-01T07:00")
    assert "until is missing" in silence("add", "move", *MOVE, *started, *place).output
    result = silence("add", "move", *MOVE, *started, "--until", "2099-01-01", *place)
    assert (result.exit_code, "FREQ=DAILY Europe/London, next 20" in result.output) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--match", "service", "--duration", "2h"), "no operator after service"),
        (("--match", "service=gate"), "has neither end nor duration"),
        (("--match", 'service!="gate"', "--duration", "2h"), "match holds for every alert"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_mend(place: list[str], arguments: tuple[str, ...], says: str) -> None:
    result = silence("add", "move", "--reason", "The gate moves.", *arguments, *place)
    assert result.exit_code == 2
    assert says in result.output


def test_a_name_is_given_once_and_what_is_over_is_not_made_in_a_folder(data: Path) -> None:
    place = ("--data", str(data))
    assert silence("add", "move", *LATER, *place).exit_code == 0
    again = silence("add", "move", *LATER, *place)
    assert (again.exit_code, again.output) == (
        2,
        "there is a silence move already: give it another name, or end that one first\n",
    )
    over = silence("add", "old", *MOVE, "--start", "2026-01-01T00:00Z", "--duration", "1h", *place)
    assert "the silence old is over before it begins" in over.output
    assert "there is no silence other" in silence("expire", "other", *place).output
