"""What people did to pages, asked of PagerDuty in case no webhook told it."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from slo.core.acts import Acknowledge, Resolve, Target
from slo.demo.vendors.injection import Injection
from slo.errors import DestinationFault
from slo.net.context import Context
from slo.router.pagerduty.log import PAGES_AT_ONCE
from tests.router.destinations.pagerduty_account import EMAIL, KEY, Account, account


@pytest.fixture
async def pd(tmp_path: Path, context: Context) -> AsyncIterator[Account]:
    async with account(tmp_path / "pagerduty", context) as made:
        yield made


async def test_who_acknowledged_or_resolved_a_page_is_found_in_its_log(pd: Account) -> None:
    await pd.page()
    pd.standin.act(KEY, "acknowledge", by="anna")
    pd.standin.act(KEY, "annotate", by="anna", text="looking")
    pd.standin.act(KEY, "resolve", by="bert")
    acknowledged, resolved = await pd.destination().acts_on([KEY])
    [one], [other] = pd.did("acknowledge"), pd.did("resolve")
    about: dict[str, Any] = {"target": Target(key=KEY), "via": "pagerduty"}
    first = about | {"source": f"pagerduty:{one['id']}", "acted_at": datetime.fromisoformat(one["at"])}
    second = about | {"source": f"pagerduty:{other['id']}", "acted_at": datetime.fromisoformat(other["at"])}
    assert acknowledged == Acknowledge(**first, by="anna")
    assert resolved == Resolve(**second, by="bert", why="resolved at PagerDuty")


@pytest.mark.parametrize(("agent", "by"), [("integration", "x"), ("none", "x"), ("user", EMAIL)])
async def test_what_a_program_did_is_no_act(pd: Account, agent: str, by: str) -> None:
    await pd.page()
    for action in ("acknowledge", "resolve"):
        pd.standin.act(KEY, action, by=by, agent=agent)
    assert await pd.destination().acts_on([KEY]) == []


async def test_asked_twice_it_gives_the_same_acts(pd: Account) -> None:
    await pd.page()
    pd.standin.act(KEY, "acknowledge", by="anna")
    destination = pd.destination()
    assert await destination.acts_on([KEY]) == await destination.acts_on([KEY])


async def test_a_page_that_nobody_has_answered_or_that_does_not_exist_has_no_acts(pd: Account) -> None:
    await pd.page()
    assert await pd.destination().acts_on([KEY, "acme:other:-:g1"]) == []
    assert await pd.destination().acts_on([]) == []


async def test_the_incident_that_is_open_is_meant_and_not_an_older_one(pd: Account) -> None:
    await pd.page()
    pd.standin.act(KEY, "resolve", by="anna")
    await pd.page()
    assert await pd.destination().acts_on([KEY]) == []


async def test_an_incident_of_several_alerts_answers_the_page_of_each(tmp_path: Path, context: Context) -> None:
    async with account(tmp_path, context, grouped=True) as pd:
        for key in ("k1", "k2"):
            await pd.page(key)
        pd.standin.act("k1", "acknowledge", by="anna")
        acts = await pd.destination().acts_on(["k1", "k2"])
    assert [(act.target.key, act.by) for act in acts] == [("k1", "anna"), ("k2", "anna")]
    assert len({act.source for act in acts}) == 1


async def test_an_incident_that_was_merged_into_another_is_not_over(pd: Account) -> None:
    await pd.page()
    pd.standin.act(KEY, "resolve", by="anna")
    merged = (
        '{"incidents": [{"id": "Q0000000000001", "status": "resolved", "resolve_reason":'
        ' {"type": "merge_resolve_reason", "incident": {"id": "Q2", "type": "incident_reference"}}}]}'
    )
    pd.standin.inject(Injection(status=200, body=merged))
    [act] = await pd.destination().acts_on([KEY])
    assert isinstance(act, Acknowledge)


@pytest.mark.parametrize(
    ("injection", "reason"),
    [
        (Injection(status=429, retry_after="30"), "rate_limited"),
        (Injection(status=500), "server_error"),
        (Injection(status=401), "unexpected_status"),
        (Injection(status=403), "rejected"),
        (Injection(status=200, body="<html>"), "response_malformed"),
        (Injection(status=200, body='{"incidents": 7}'), "response_malformed"),
        (Injection(reset=True), "reset"),
        (Injection(hang_seconds=30), "timeout"),
    ],
)
async def test_where_pagerduty_does_not_say_that_is_said(pd: Account, injection: Injection, reason: str) -> None:
    await pd.page()
    pd.standin.inject(injection)
    with pytest.raises(DestinationFault) as failed:
        await pd.destination(timeout="500ms" if injection.hang_seconds else "5s").acts_on([KEY])
    assert failed.value.reason == reason


async def test_what_was_found_before_it_failed_is_kept_and_the_rest_is_asked_next(pd: Account) -> None:
    for key in ("k1", "k2"):
        await pd.page(key)
        pd.standin.act(key, "acknowledge", by="anna")
    destination = pd.destination()
    pd.standin.inject(Injection(times=2))
    pd.standin.inject(Injection(status=500))
    assert [act.target.key for act in await destination.acts_on(["k1", "k2"])] == ["k1"]
    assert [act.target.key for act in await destination.acts_on(["k1", "k2"])] == ["k2", "k1"]


async def test_a_round_is_bounded_and_every_page_has_its_turn(pd: Account) -> None:
    keys = [f"k{number}" for number in range(PAGES_AT_ONCE + 10)]
    await pd.page(keys[-1])
    pd.standin.act(keys[-1], "acknowledge", by="anna")
    destination = pd.destination()
    assert await destination.acts_on(keys) == []
    assert len(pd.asked) == 2 * PAGES_AT_ONCE
    assert [act.target.key for act in await destination.acts_on(keys)] == [keys[-1]]


async def test_without_a_token_nobody_is_asked(pd: Account) -> None:
    await pd.page()
    assert await pd.destination(api_token=None, from_email=None, api_url=None).acts_on([KEY]) == ()
    assert pd.asked == []


async def test_garbage_in_the_log_is_nobodys_act(pd: Account) -> None:
    await pd.page()
    entries = (
        '{"log_entries": [{}, {"type": "acknowledge_log_entry"}, {"type": "acknowledge_log_entry", "agent": 7},'
        ' {"id": 7, "type": "resolve_log_entry", "agent": {"type": "user_reference", "id": "P1"}},'
        ' {"id": "R", "type": ["resolve_log_entry"], "agent": {"type": "user_reference", "id": "P1"}}]}'
    )
    pd.standin.inject(Injection())
    pd.standin.inject(Injection(status=200, body=entries))
    assert await pd.destination().acts_on([KEY]) == []
