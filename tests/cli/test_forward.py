"""`watchkeep forward`, through a real server and in a real data folder."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.core.telemetry import Rank
from slo.exposition.catalogue import Telemetry
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from slo.store.spool import SpoolFile
from slo.store.spooled import DeadLetter, New
from tests.web.served import TOKEN, Served, served
from tests.web.watches import FakeForwarders, FakeWatch


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", TOKEN)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with DataFolder(folder) as taken, closing(Journal(taken.journal, telemetry=Telemetry())):
        taken.spools.mkdir()
        with closing(SpoolFile(taken.spools / "acme.spool")) as spool:
            spool.append([New(rank=Rank.OUTCOME, at=1.0, body=b'{"is":"logged"}')] * 3, {})
            batch = spool.head(most=2, most_bytes=100)
            assert batch is not None
            letters = [
                DeadLetter(record=each, reason="rejected", detail="bad", refused_at=2.0) for each in batch.records
            ]
            spool.settle([], letters)
        return folder


@pytest.fixture
def site(data: Path) -> Iterator[Served]:
    with (
        closing(SpoolFile(data / "spools" / "acme.spool")) as spool,
        served(FakeWatch(forwarders=FakeForwarders(spools={"acme": spool}))) as site,
    ):
        yield site


@pytest.fixture(params=["--url", "--data", "--data of an agent"])
def place(request: pytest.FixtureRequest, data: Path) -> list[str]:
    """A running watch, or a folder that no watch or no agent runs on: all answer alike."""
    if request.param == "--url":
        site: Served = request.getfixturevalue("site")
        return ["--url", site.url]
    if request.param == "--data of an agent":
        for file in data.glob("journal.db*"):
            file.unlink()
    return ["--data", str(data)]


def forward(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["forward", *arguments])


def test_what_was_refused_is_shown_and_sent_again(place: list[str]) -> None:
    listed = forward("status", *place)
    assert listed.exit_code == 0, listed.output
    row = listed.output.splitlines()[1].split()
    assert row[0] == "acme"
    assert row[row.index("MB") + 1] == "2"
    shown = forward("status", "acme", *place)
    assert shown.output.count("rejected") == 2
    assert '{"is":"logged"}' in shown.output
    retried = forward("retry", "acme", *place)
    assert (retried.exit_code, retried.output) == (0, "2 records will be sent again to acme.\n")
    assert "Nothing was refused." in forward("status", "acme", *place).output
    document = json.loads(forward("status", "--json", *place).output)["forwarders"][0]
    assert (document["waiting"], document["dead"]) == ({"outcome": 3}, {})


def test_what_was_refused_and_never_will_be_taken_is_forgotten(place: list[str]) -> None:
    discarded = forward("discard", "acme", *place)
    assert (discarded.exit_code, discarded.output) == (0, "2 records that acme refused are forgotten.\n")
    assert "Nothing was refused." in forward("status", "acme", *place).output
    document = json.loads(forward("status", "--json", *place).output)["forwarders"][0]
    assert (document["waiting"], document["dead"]) == ({"outcome": 1}, {})


def test_where_there_are_none_that_is_said(tmp_path: Path) -> None:
    with served(FakeWatch()) as site:
        assert forward("status", "--url", site.url).output == "There are no forwarders.\n"


def test_a_folder_that_an_agent_runs_on_is_left_alone(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data") as taken:
        taken.spool("centre")
        result = forward("status", "--data", str(taken.path))
    assert result.exit_code == 2
    assert "holds this data folder" in result.output


@pytest.mark.parametrize("action", ["status", "retry", "discard"])
def test_a_forwarder_that_is_not_there_is_a_mistake_of_the_caller(action: str, place: list[str]) -> None:
    result = forward(action, "acmee", *place)
    assert result.exit_code == 2
    assert "acmee" in result.output


def test_a_damaged_spool_hides_no_other(data: Path) -> None:
    (data / "spools" / "beta.spool").write_bytes(b"x" * 8192)
    result = forward("status", "--data", str(data), "--json")
    assert result.exit_code == 0, result.output
    acme, beta = json.loads(result.output)["forwarders"]
    assert (acme["name"], acme["dead"], acme["last_failure"]) == ("acme", {"rejected": 2}, None)
    assert (beta["name"], beta["fails"]) == ("beta", True)
    assert "does not read as it was written" in beta["last_failure"]


@pytest.mark.parametrize("arguments", [["status", "acme"], ["retry", "acme"], ["discard", "acme"]])
def test_a_damaged_spool_is_said_and_left_alone(arguments: list[str], data: Path) -> None:
    spool = data / "spools" / "acme.spool"
    spool.write_bytes(b"x" * 8192)
    result = forward(*arguments, "--data", str(data))
    assert result.exit_code == 1
    assert "does not read as it was written" in result.output
    assert [path.name for path in spool.parent.iterdir()] == ["acme.spool"]
    assert spool.read_bytes() == b"x" * 8192
