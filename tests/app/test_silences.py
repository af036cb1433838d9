"""Silences that people make while a watch runs: in force at once, in the journal, and gone when they are ended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slo.core.exclusion import Exclusion, Once
from slo.core.matching import parse_matcher
from slo.core.silence import Silence, silenced_by
from slo.errors import UsageError
from tests.app.making import START, Time
from tests.app.played import PlayedWatch, configuration

BEGIN = datetime.fromtimestamp(START, UTC)
HOUR = timedelta(hours=1)
LABELS = {"service": "gate", "slo": "gate", "severity": "page"}


def silence(name: str = "move", *, start: datetime = BEGIN, length: timedelta = HOUR) -> Silence:
    return Silence(
        name=name,
        matchers=(parse_matcher("service=gate"),),
        reason="The gate moves.",
        owner="kim",
        when=Once(start=start, end=start + length),
    )


async def test_it_is_in_force_until_somebody_ends_it(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        silences = played.watch.desk.silences
        assert silenced_by(LABELS, silences, BEGIN) is None
        made = await silences.add(silence())
        assert made.created_at is not None
        assert silenced_by(LABELS, silences, BEGIN) == made
        assert silenced_by(LABELS | {"service": "deck"}, silences, BEGIN) is None
        assert silenced_by(LABELS | {"source": "watchkeep"}, silences, BEGIN) is None
        assert silenced_by(LABELS, silences, BEGIN + HOUR) is None
        await silences.expire("move", by="kim", why="it is done")
        assert silenced_by(LABELS, silences, BEGIN) is None


async def test_it_outlives_a_kill_and_its_name_is_taken_while_it_is_not_over(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time) as played:
        await played.watch.desk.silences.add(silence())
    async with PlayedWatch(tmp_path, time) as played:
        silences = played.watch.desk.silences
        assert [each.name for each in silences] == ["move"]
        with pytest.raises(UsageError, match="there is a silence move already: give it another name"):
            await silences.add(silence())
        time.passes(2 * 3600)
        later = await silences.add(silence(start=BEGIN + 2 * HOUR))
        assert list(silences) == [later]


async def test_an_exclusion_that_silences_does_so_while_it_is_in_force_and_there(tmp_path: Path) -> None:
    patching = Exclusion(
        name="patching",
        reason="Machines are patched.",
        author="kim",
        created_at=None,
        when=Once(start=BEGIN, end=BEGIN + HOUR),
        labels={"service": "gate"},
        silence=True,
    )
    async with PlayedWatch(tmp_path, Time()) as played:
        silences = played.watch.desk.silences
        await played.watch.exclude(patching)
        found = silenced_by(LABELS, silences, BEGIN)
        assert found is not None
        assert (found.name, found.exclusion) == ("patching", "patching")
        with pytest.raises(UsageError, match="patching comes with the exclusion of that name"):
            await silences.expire("patching", by="kim", why="")
        await played.watch.withdraw_exclusion("patching", by="kim", why="")
        assert silenced_by(LABELS, silences, BEGIN) is None


async def test_those_of_the_configuration_come_and_go_with_a_reload(tmp_path: Path) -> None:
    config = configuration("gate")
    written = {
        "name": "standing",
        "match": ["service=gate"],
        "reason": "The gate moves.",
        "owner": "kim",
        "start": "2026-01-01T00:00Z",
        "duration": "1h",
    }
    async with PlayedWatch(tmp_path, Time(), config | {"silences": [written]}) as played:
        found = silenced_by(LABELS, played.watch.desk.silences, BEGIN)
        assert found is not None
        assert (found.name, found.created_at) == ("standing", None)
        played.configure(config)
        await played.watch.reload()
        assert silenced_by(LABELS, played.watch.desk.silences, BEGIN) is None


async def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time()) as played:
        silences = played.watch.desk.silences
        silences.configured = [silence("standing")]
        with pytest.raises(UsageError, match="there is a silence standing already"):
            await silences.add(silence("standing"))
        with pytest.raises(UsageError, match="standing stands in the configuration: take it out there, and reload"):
            await silences.expire("standing", by="kim", why="")
        with pytest.raises(UsageError, match="there is no silence other"):
            await silences.expire("other", by="kim", why="")
        with pytest.raises(UsageError, match="the silence late is over before it begins"):
            await silences.add(silence("late", start=BEGIN - 9 * HOUR))
        assert [each.name for each in silences] == ["standing"]
