"""SLOs and corrections at a strict Datadog are as ours, whatever happens on the way, and those of others stay."""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exporters.datadog.keeping import LOOK_AGAIN
from exporters.forwarders.datadog import Config, Datadog, build
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.demo.vendors.datadog.standin import DatadogStandIn
from slo.demo.vendors.injection import Injection
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.exporters.datadog.made import NOW, once, recurring, slo

API_KEY, APPLICATION_KEY = "a1" * 16, "b2" * 20
FOREIGN = {"id": "theirs", "name": "gate", "type": "metric", "tags": ["watchkeep_owner:another"], "created_at": 1}
LUNCH = {"slo_id": "theirs", "category": "Other", "description": "lunch", "start": 1, "end": 2, "timezone": "UTC"}


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[DatadogStandIn]:
    keys: dict[str, Any] = {"api_key": API_KEY, "application_key": APPLICATION_KEY, "now": NOW.timestamp}
    async with DatadogStandIn(tmp_path, **keys) as server:
        server.act({"do": "slo", "slo": FOREIGN})
        server.act({"do": "correction", "id": "c", "attributes": LUNCH})
        yield server


def configured(standin: DatadogStandIn, **keys: Any) -> Datadog:
    given = {
        "url": standin.url,
        "api_key": API_KEY,
        "application_key": APPLICATION_KEY,
        "slos": True,
        "owner": "watch-1",
        "timeout": "1s",
        "tls": {"ca_file": str(standin.ca_file)},
    }
    return build(Config.model_validate(given | keys), Context.default(SteadyClock()))


@pytest.fixture
async def forwarder(standin: DatadogStandIn) -> AsyncIterator[Datadog]:
    forwarder = configured(standin)
    yield forwarder
    await forwarder.aclose()


def ours(standin: DatadogStandIn) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Our SLOs by name, each with its corrections; the others are as they were."""
    account = standin.account
    assert (account.slos["theirs"], account.corrections["c"]) == (FOREIGN, LUNCH)
    found = [each for each in account.slos.values() if "watchkeep_owner:watch-1" in each["tags"]]
    assert len({each["name"] for each in found}) == len(found)
    return {
        each["name"]: (each, [c for c in account.corrections.values() if c["slo_id"] == each["id"]]) for each in found
    }


def asked(standin: DatadogStandIn, *methods: str) -> int:
    return sum(request["method"] in methods for request in standin.requests)


async def test_slos_and_corrections_come_change_and_go_with_ours(
    standin: DatadogStandIn, forwarder: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    exclusions = [once(slos=("gate",)), recurring("FREQ=WEEKLY;BYDAY=SU")]
    await forwarder.keep_in_step([slo(), slo("orca")], exclusions, NOW)
    found = ours(standin)
    assert found.keys() == {"gate", "orca"}
    assert [len(corrections) for _, corrections in found.values()] == [2, 1]
    gate, orca = (each["id"] for each, _ in found.values())
    await forwarder.keep_in_step([slo(objective="0.99"), slo("deck")], exclusions[1:], NOW)
    found = ours(standin)
    assert found.keys() == {"gate", "deck"}
    assert (found["gate"][0]["id"], found["gate"][0]["thresholds"][0]["target"]) == (gate, 99.0)
    assert [[c["rrule"] for c in corrections] for _, corrections in found.values()] == [["FREQ=WEEKLY;BYDAY=SU"]] * 2
    assert orca not in standin.account.slos
    assert not caplog.records


async def test_an_slo_that_does_not_say_whose_it_is_is_kept_for_nobody(standin: DatadogStandIn) -> None:
    forwarder = configured(standin, match=["customer!=beta"])
    await forwarder.keep_in_step([slo(), slo("orca", labels={}), slo("deck", labels={"customer": "beta"})], [], NOW)
    assert ours(standin).keys() == {"gate"}
    await forwarder.aclose()


async def test_what_is_in_step_is_looked_at_seldom_and_never_written(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    given: tuple[Sequence[SLO], Sequence[Exclusion]] = [slo(), slo("orca")], [once()]
    await forwarder.keep_in_step(*given, NOW)
    before = len(standin.requests)
    await forwarder.keep_in_step(*given, NOW + timedelta(minutes=5))
    assert len(standin.requests) == before
    standin.act({"do": "delete_slo", "id": ours(standin)["orca"][0]["id"]})
    written = asked(standin, "POST", "PUT", "DELETE")
    await forwarder.keep_in_step(*given, NOW + LOOK_AGAIN)
    assert asked(standin, "POST", "PUT", "DELETE") == written + 2, "the SLO that somebody deleted, and its correction"
    await forwarder.keep_in_step(*given, NOW + 2 * LOOK_AGAIN)
    assert asked(standin, "POST", "PUT", "DELETE") == written + 2


@pytest.mark.parametrize(
    "fault",
    [
        {"reset": True},
        {"reset": True, "processed": True},
        {"status": 503, "body": "{}", "processed": True},
        {"status": 200, "body": "<html>", "processed": True},
    ],
    ids=["not done", "done, not heard", "done, said otherwise", "done, in no words of Datadog"],
)
@pytest.mark.parametrize("request_number", range(9))
async def test_wherever_it_is_cut_short_the_next_time_makes_it_whole_and_nothing_is_there_twice(
    standin: DatadogStandIn, request_number: int, fault: dict[str, Any]
) -> None:
    slos, exclusions = [slo(), slo("orca")], [once()]
    cut = configured(standin)
    if request_number:
        standin.inject(Injection(times=request_number))
    standin.inject(Injection(**fault))
    await cut.keep_in_step(slos, exclusions, NOW)
    await cut.aclose()
    anew = configured(standin)
    await anew.keep_in_step(slos, exclusions, NOW)
    await anew.aclose()
    found = ours(standin)
    assert found.keys() == {"gate", "orca"}
    assert [len(corrections) for _, corrections in found.values()] == [1, 1]


async def test_while_datadog_says_to_wait_nothing_is_asked(standin: DatadogStandIn, forwarder: Datadog) -> None:
    standin.inject(Injection(status=429, ratelimit_reset="30", body="{}"))
    await forwarder.keep_in_step([slo()], [], NOW)
    await forwarder.keep_in_step([slo()], [], NOW + timedelta(seconds=29))
    assert len(standin.requests) == 1
    await forwarder.keep_in_step([slo()], [], NOW + timedelta(seconds=30))
    assert ours(standin).keys() == {"gate"}


async def test_an_absurd_time_to_wait_is_no_reason_to_keep_nothing_in_step_any_more(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    standin.inject(Injection(status=429, ratelimit_reset="999999999", body="{}"))
    await forwarder.keep_in_step([slo()], [], NOW)
    await forwarder.keep_in_step([slo()], [], NOW + timedelta(minutes=15))
    assert ours(standin).keys() == {"gate"}


async def test_many_are_kept_over_many_pages(standin: DatadogStandIn, forwarder: Datadog) -> None:
    slos = [slo(f"slo-{number}") for number in range(120)]
    await forwarder.keep_in_step(slos, [once()], NOW)
    written = asked(standin, "POST", "PUT", "DELETE")
    await forwarder.keep_in_step(slos, [once()], NOW + LOOK_AGAIN)
    assert len(ours(standin)) == 120
    assert (written, asked(standin, "POST", "PUT", "DELETE")) == (240, 240)


async def test_what_datadog_refuses_is_said_and_the_rest_is_done(
    standin: DatadogStandIn, forwarder: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    many = [once(f"move-{number}", begin_hours=10 * number) for number in range(101)]
    await forwarder.keep_in_step([slo(), slo("orca", labels={})], many, NOW)
    assert [len(corrections) for _, corrections in ours(standin).values()] == [100, 100]
    assert [record.getMessage() for record in caplog.records] == ["Datadog refuses an SLO or a correction"]


async def test_an_slo_that_a_dashboard_shows_stays_and_is_said_and_the_others_go(
    standin: DatadogStandIn, forwarder: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    await forwarder.keep_in_step([slo(), slo("orca"), slo("deck")], [], NOW)
    standin.act({"do": "show_slo", "id": ours(standin)["orca"][0]["id"]})
    await forwarder.keep_in_step([slo()], [once()], NOW)
    assert ours(standin).keys() == {"gate", "orca"}
    assert len(ours(standin)["gate"][1]) == 1
    [said] = caplog.records
    assert "referenced by a dashboard" in vars(said)["detail"]


async def test_only_what_matches_is_told_with_the_labels_that_are_added(standin: DatadogStandIn) -> None:
    forwarder = configured(standin, match=['customer="acme"'], labels={"team": "x"})
    await forwarder.keep_in_step([slo(), slo("orca", labels={"customer": "other"})], [], NOW)
    await forwarder.aclose()
    [(gate, _)] = ours(standin).values()
    assert {"team:x", "slo:gate", "customer:acme"} <= set(gate["tags"])


async def test_an_slo_that_does_not_say_whose_it_is_is_there_for_nobody(standin: DatadogStandIn) -> None:
    forwarder = configured(standin, match=["customer!=other"])
    await forwarder.keep_in_step([slo(), slo("secret", labels={"service": "of nobody"})], [], NOW)
    await forwarder.aclose()
    assert ours(standin).keys() == {"gate"}


async def test_another_owner_and_what_people_changed_beside_is_left_alone(
    standin: DatadogStandIn, forwarder: Datadog
) -> None:
    other = configured(standin, owner="watch-12")
    await other.keep_in_step([slo(), slo("orca")], [once()], NOW)
    await other.aclose()
    before = dict(standin.account.slos), dict(standin.account.corrections)
    await forwarder.keep_in_step([slo()], [], NOW)
    gate = ours(standin)["gate"][0]
    standin.act({"do": "slo", "slo": {**gate, "tags": [*gate["tags"], "favourite:yes"]}})
    await forwarder.keep_in_step([slo(objective="0.95")], [], NOW)
    after = ours(standin)["gate"][0]
    assert (after["thresholds"][0]["target"], "favourite:yes" in after["tags"]) == (95.0, True)
    assert before[0].items() <= standin.account.slos.items()
    assert before[1] == standin.account.corrections


async def test_without_slos_nothing_is_asked(standin: DatadogStandIn) -> None:
    forwarder = configured(standin, slos=False)
    await forwarder.keep_in_step([slo()], [once()], NOW)
    await forwarder.aclose()
    assert not standin.requests


async def test_no_key_is_said_to_anybody(
    standin: DatadogStandIn, forwarder: Datadog, caplog: pytest.LogCaptureFixture
) -> None:
    await forwarder.keep_in_step([slo()], [], NOW)
    for name in ("", "datadog_api_client", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    for status in (400, 403, 500, 200):
        standin.inject(Injection(status=status, body=f'{{"data": "{API_KEY} {APPLICATION_KEY}"}}'))
        await forwarder.keep_in_step([slo(f"of-{status}")], [once()], NOW)
    assert "<secret> <secret>" in caplog.text + repr([record.__dict__ for record in caplog.records])
    said = caplog.text + repr([record.__dict__ for record in caplog.records]) + repr(vars(forwarder))
    assert API_KEY not in said
    assert APPLICATION_KEY not in said


@pytest.mark.parametrize("missing", ["application_key", "owner"])
def test_slos_need_a_key_and_an_owner(missing: str) -> None:
    keys = {"api_key": API_KEY, "application_key": APPLICATION_KEY, "slos": True, "owner": "w"}
    del keys[missing]
    with pytest.raises(ValueError, match=f"keeps SLOs without {missing}"):
        Config.model_validate(keys)
