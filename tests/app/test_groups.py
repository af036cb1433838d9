"""Groups that servers have: watched once they are heard of, and there again after a restart for as long as a day."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slo.app.books import Books
from slo.app.groups import SOURCE, WatchedGroups
from slo.config.load import load
from slo.config.settings import Settings
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.sources.grouping import MOST_GROUPS
from tests.app.making import Time, sample

DAY = 86_400


def settings(folder: Path, *group_by: str, name: str = "api") -> Settings:
    """An SLO over the sums of counters that a server has."""
    slo = {
        "name": name,
        "objective": "99%",
        "window": "30d",
        "group_by": group_by,
        "sli": {"prometheus": {"server": "one", "total": "requests_total", "bad": 'requests_total{code="500"}'}},
    }
    servers = [{"name": "one", "url": "http://one.example:9090"}]
    (folder / "watchkeep.yaml").write_text(json.dumps({"servers": servers, "slos": [slo]}), encoding="utf-8")
    return load(folder / "watchkeep.yaml", Kinds.installed(), {})


class Watching:
    """The groups of one run of a watch."""

    def __init__(self, folder: Path, time: Time, settings: Settings) -> None:
        self.telemetry = Telemetry()
        (self.slo,) = settings.slos
        self.books = Books(
            folder / "ledger.db",
            slot_seconds=10,
            retention=timedelta(days=90),
            max_bytes=10**9,
            clock=time.clock(),
            telemetry=self.telemetry,
        )
        self.groups = WatchedGroups(self.books, time.clock(), self.telemetry)
        self.groups.configure(settings, ())
        self.books.open(self.groups.slos)

    @property
    def scopes(self) -> list[str]:
        return [slo.scope for slo in self.groups.slos]


@contextmanager
def watching(folder: Path, time: Time, settings: Settings) -> Iterator[Watching]:
    run = Watching(folder, time, settings)
    yield run
    run.books._backlog.store.close()


async def test_groups_are_new_once_and_each_is_an_slo_of_its_own(tmp_path: Path) -> None:
    with watching(tmp_path, Time(), settings(tmp_path, "cluster", "zone")) as run:
        assert (run.scopes, run.groups.take_new()) == ([], False)
        run.groups.heard(run.slo, [("us", "a"), ("eu", "")])
        assert run.scopes == ["cluster=eu,zone=", "cluster=us,zone=a"]
        assert (run.groups.take_new(), run.groups.take_new()) == (True, False)
        run.groups.heard(run.slo, [("us", "a")])
        run.groups.heard(replace(run.slo, name="another"), [("us", "b")])
        assert not run.groups.take_new()
        assert run.groups.slos[0].labels == {"cluster": "eu", "zone": ""}


async def test_groups_are_there_again_after_a_restart_until_they_were_gone_for_a_day(tmp_path: Path) -> None:
    time, configured = Time(), settings(tmp_path, "cluster")
    with watching(tmp_path, time, configured) as run:
        run.groups.heard(run.slo, [("us",), ("eu",)])
        await run.books.write()
        time.passes(DAY - 7200)
        run.groups.heard(run.slo, [("us",)])
        await run.books.write()
        run.groups.configure(configured, ())
        assert run.scopes == ["cluster=eu", "cluster=us"], "it may be down, which is when it is needed"
    time.passes(7200)
    with watching(tmp_path, time, configured) as run:
        assert run.scopes == ["cluster=us"]
        assert not run.groups.take_new(), "the books are opened with it"


async def test_what_is_remembered_belongs_to_the_labels_and_the_slo_that_it_was_heard_of(tmp_path: Path) -> None:
    with watching(tmp_path, Time(), settings(tmp_path, "cluster")) as run:
        run.groups.heard(run.slo, [("us",)])
        run.groups.configure(settings(tmp_path, "region"), ())
        assert run.scopes == []
        run.groups.configure(settings(tmp_path, "cluster", name="other"), ())
        assert run.scopes == []
        assert run.books.watermarks(SOURCE) == {}


@pytest.mark.parametrize("mark", [b"", b"7", b"[]", b"[[7, 7]]", b'[[["us"], "x"]]', b'[[["us"], 7]]'])
async def test_what_cannot_be_understood_of_it_is_passed_over_and_found_again(tmp_path: Path, mark: bytes) -> None:
    with watching(tmp_path, Time(), settings(tmp_path, "cluster")) as run:
        run.groups.heard(run.slo, [("eu",)])
        (key,) = run.books.watermarks(SOURCE)
        run.books.mark({(SOURCE, key): mark})
        run.groups.configure(settings(tmp_path, "cluster"), ())
        assert run.scopes == []
        run.groups.heard(run.slo, [("us",)])
        assert run.scopes == ["cluster=us"]


async def test_more_groups_than_may_be_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with watching(tmp_path, Time(), settings(tmp_path, "user")) as run:
        for _ in range(2):
            run.groups.heard(run.slo, [(f"u{number:03}",) for number in range(MOST_GROUPS + 5)])
        assert len(run.scopes) == MOST_GROUPS
        assert sample(run.telemetry, "watchkeep_slo_groups", slo="api") == MOST_GROUPS
        assert sample(run.telemetry, "watchkeep_slo_groups_refused", slo="api") == 1
        assert len([record for record in caplog.records if "more groups than are watched" in record.message]) == 1
        (mark,) = run.books.watermarks(SOURCE).values()
        assert len(json.loads(mark)) == MOST_GROUPS
