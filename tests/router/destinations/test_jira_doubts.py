"""What Jira may have done although nobody heard so is looked for, and only what was made for this incident is found."""

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.core.delivery import Action, Ambiguous, Lane, Refused, Retry, Sent
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.jira.standin import JiraStandIn
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.destinations.jira import SETTLE_SECONDS, build
from slo.router.tickets.ticket import external_id
from slo.store import backup
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from tests.router.destinations.bad_days import DOUBTFUL, shortly
from tests.router.making import at
from tests.router.tickets.jira_site import ANNA, TOKEN, USER, Make, config, destinations_of, jira_site, ticket


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[JiraStandIn]:
    async with jira_site(tmp_path / "jira") as server:
        yield server


@pytest.fixture
async def make(standin: JiraStandIn, context: Context) -> AsyncIterator[Make]:
    async with destinations_of(standin, context) as make:
        yield make


NOW = datetime(2026, 1, 1, 3, 10, tzinfo=UTC)


async def test_a_lane_that_lost_its_reference_finds_its_issue(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    gone = await destination.deliver(ticket(Action.NOTE), Lane())
    assert gone == Refused(reason="no_ticket", detail="there is no issue to comment on")
    await destination.deliver(ticket(), Lane())
    assert await destination.deliver(ticket(Action.NOTE), Lane()) == Sent(reference="OPS-1")


async def test_a_journal_that_was_begun_anew_does_not_take_the_ticket_of_an_old_one(
    make: Make, standin: JiraStandIn
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    later = ticket(opened_at=at(3600))
    assert await destination.deliver(later, Lane(attempts=1)) != Sent(reference="OPS-1")
    assert await destination.deliver(replace(later, action=Action.NOTE), Lane()) != Sent(reference="OPS-1")
    assert not standin.issues[0].comments


async def test_a_journal_that_was_put_back_finds_the_ticket_that_it_has_not_seen_made(
    make: Make, standin: JiraStandIn, tmp_path: Path
) -> None:
    destination, telemetry = make(), Telemetry()
    with DataFolder(tmp_path / "data") as folder, closing(Journal(folder.journal, telemetry=telemetry)) as journal:
        journal.commit([], [ticket()], at=NOW)
        backup.back_up(folder.path, tmp_path / "kept", version="1", now=NOW)
        assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-1")
    backup.restore(tmp_path / "kept", tmp_path / "new", by="kim", now=NOW)
    with DataFolder(tmp_path / "new") as folder, closing(Journal(folder.journal, telemetry=telemetry)) as journal:
        [pending] = journal.due(NOW)
        lane = journal.begin(pending.sequence, credential="", now=NOW)
    assert await destination.deliver(pending.message, lane) == Sent(reference="OPS-1")
    assert len(standin.issues) == 1


async def test_a_clone_and_a_label_that_somebody_copied_are_not_taken_for_it(make: Make, standin: JiraStandIn) -> None:
    standin.create(ANNA, "looked for first", labels=[external_id(ticket())])
    destination = make()
    assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-2")
    standin.create(ANNA, "CLONE - an incident", labels=[external_id(ticket())])
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-2")


@pytest.mark.parametrize("injection", DOUBTFUL, ids=shortly)
async def test_an_issue_that_was_created_and_not_answered_is_found(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make(timeout="1s" if injection.hang_seconds else "10s")
    standin.inject(injection)
    assert isinstance(await destination.deliver(ticket(), Lane()), Ambiguous | Retry)
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-1")
    assert len(standin.issues) == 1


@pytest.mark.parametrize("injection", DOUBTFUL[:3], ids=shortly)
async def test_a_comment_that_was_made_and_not_answered_is_not_made_again(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    for action, status in ((Action.ACKNOWLEDGE, "In progress"), (Action.RESOLVE, "Resolved")):
        standin.inject(injection)
        await destination.deliver(ticket(action), Lane(reference="OPS-1"))
        again = await destination.deliver(ticket(action), Lane(reference="OPS-1", attempts=1))
        assert again == Sent(reference="OPS-1")
        assert standin.issues[0].status == status
    assert len(standin.issues[0].comments) == 2


class Late:
    """A clock that is moved by hand."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW.timestamp() + self.seconds, tz=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep_until(self, monotonic: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("injection", DOUBTFUL[:3], ids=shortly)
async def test_an_issue_that_the_search_does_not_find_yet_is_not_created_twice(
    tmp_path: Path, context: Context, injection: Injection, *, restarted: bool
) -> None:
    clock = Late()
    lagging = JiraStandIn(tmp_path, user=USER, token=TOKEN, search_lag_seconds=60, monotonic=clock.monotonic)
    async with lagging as standin:
        destination = build(config(standin), replace(context, clock=clock))
        standin.inject(injection)
        assert isinstance(await destination.deliver(ticket(), Lane()), Ambiguous | Retry)
        if restarted:
            await destination.aclose()
            destination = build(config(standin), replace(context, clock=clock))
        for clock.seconds in (1, 30, 59):
            early = await destination.deliver(ticket(), Lane(attempts=1))
            assert isinstance(early, Retry)
            assert (early.reason, early.after_seconds) == ("unsettled", None)
        clock.seconds = 61
        assert await destination.deliver(ticket(), Lane(attempts=4)) == Sent(reference="OPS-1")
        assert len(standin.issues) == 1
        await destination.aclose()


async def test_an_issue_that_was_not_created_is_created_once_the_search_can_be_believed(
    standin: JiraStandIn, context: Context
) -> None:
    clock = Late()
    destination = build(config(standin), replace(context, clock=clock))
    standin.inject(Injection(reset=True))
    await destination.deliver(ticket(), Lane())
    assert isinstance(await destination.deliver(ticket(), Lane(attempts=1)), Retry)
    clock.seconds = SETTLE_SECONDS
    assert await destination.deliver(ticket(), Lane(attempts=2)) == Sent(reference="OPS-1")
    await destination.aclose()


@pytest.mark.parametrize(
    "injection", [Injection(status=429), Injection(status=401), Injection(status=404)], ids=shortly
)
async def test_what_was_clearly_not_taken_is_sent_again_at_once(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make()
    standin.inject(injection)
    await destination.deliver(ticket(), Lane())
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-1")
