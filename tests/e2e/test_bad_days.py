"""PagerDuty on its bad days: one outage, told to many of them, and each has a day of another kind.

Nothing is lost, none has a second incident, none keeps the others waiting, and each reason is on `/metrics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from slo.demo.vendors.injection import Injection
from tests.e2e.pagerduty import ROUTING_KEY, PagerDuty, beside
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx, free_port

IMPATIENT = "5s"
"""Long enough for a good answer on a busy machine."""
LONG = 30.0


@dataclass(frozen=True, kw_only=True)
class Day:
    """What happens to the trigger, the reason that it is given, how often it is asked for then, and how often taken."""

    reason: str = ""
    injection: Injection | None = None
    timeout: str = "10s"
    asked: int = 2
    taken: int = 1


DAYS: Mapping[str, Day] = {
    "good": Day(asked=1),
    "slow": Day(injection=Injection(slow_seconds=1), asked=1),
    "down": Day(reason="connect_refused", asked=1),
    "another-authority": Day(reason="tls_verify", asked=1),
    "limited": Day(reason="rate_limited", injection=Injection(status=429, retry_after="2")),
    "broken": Day(reason="server_error", injection=Injection(status=500, times=2), asked=3),
    "in-between": Day(reason="unexpected_status", injection=Injection(status=403)),
    "reset": Day(reason="reset", injection=Injection(reset=True)),
    "reset-when-taken": Day(reason="reset", injection=Injection(reset=True, processed=True), taken=2),
    "hangs": Day(reason="timeout", injection=Injection(hang_seconds=LONG, reset=True), timeout=IMPATIENT),
    "hangs-when-taken": Day(reason="timeout", injection=Injection(hang_seconds=LONG), timeout=IMPATIENT, taken=2),
    "trickles": Day(reason="timeout", injection=Injection(slow_seconds=LONG), timeout=IMPATIENT, taken=2),
    "mumbles": Day(
        reason="response_malformed", injection=Injection(status=202, body="<html>", processed=True), taken=2
    ),
    "refuses": Day(reason="rejected", injection=Injection(status=400, body="invalid event"), asked=1, taken=0),
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """The story's end: what each of them was told, and what the watch says of it."""

    vendors: Mapping[str, PagerDuty]
    failures: Mapping[str, float]
    deliveries: Mapping[str, list[str]]
    watch: Watch


def apart(config: dict[str, Any]) -> dict[str, Any]:
    """What the watch says about its own deliveries goes to the good one alone: it has no bad day to use up."""
    config["routes"]["routes"] = [{"match": ["source=watchkeep"], "destinations": ["good"]}]
    return config


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, nginx: StartNginx) -> Told:
    folder = tmp_path_factory.mktemp("bad-days")
    endpoint = nginx()
    with beside(*(folder / name for name in DAYS)) as standins, Watch(folder, free_port()) as watch:
        vendors = dict(zip(DAYS, standins, strict=True))
        given = {name: vendors[name].destination(name, timeout=day.timeout) for name, day in DAYS.items()}
        mended = apart(configuration(*given.values(), port=endpoint.port))
        wrong = given | {"another-authority": given["another-authority"] | {"ca_file": given["good"]["ca_file"]}}
        watch.configure(apart(configuration(*wrong.values(), port=endpoint.port)))
        watch.start()
        watch.good()
        vendors["down"].down()
        for name, day in DAYS.items():
            if day.injection:
                vendors[name].inject(day.injection)

        endpoint.stop()
        for name, day in DAYS.items():
            if day.reason:
                until(f"{name} to fail", lambda name=name: failures(watch, name))  # type: ignore[misc]
        assert vendors["good"].accepted("trigger"), "a good one waited for a bad one"
        assert watch.sample('watchkeep_outbox_depth{destination="down"}') == 1
        vendors["down"].up()
        watch.configure(mended)
        assert watch.post("/-/reload") == (200, {"reloaded": True})
        for name, day in DAYS.items():
            until(f"{name} to be told", lambda name=name, day=day: taken(vendors[name], "trigger") >= day.taken)  # type: ignore[misc]
        seen = {name: failures(watch, name) for name in DAYS}

        endpoint.start()
        for name, day in DAYS.items():
            if day.taken:
                until(f"{name} to hear the end", lambda name=name: taken(vendors[name], "resolve"))  # type: ignore[misc]
        until("nothing to wait", lambda: not any(waiting(watch, name) for name in DAYS))
        (incident,) = [each for each in watch.incidents() if each["slo"] == "gate-availability"]
        sent = watch.get(f"/api/v1/incidents/{incident['id']}")["deliveries"]
        assert watch.stop() == 0
    states = {
        name: [f"{each['action']} {each['state']}" for each in sent if each["destination"] == name] for name in DAYS
    }
    return Told(vendors=vendors, failures=seen, deliveries=states, watch=watch)


def taken(vendor: PagerDuty, action: str) -> int:
    return len(about_the_outage(vendor.accepted(action)))


def about_the_outage(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["dedup_key"] == FIRST_KEY]


def failures(watch: Watch, name: str) -> float:
    """How often `/metrics` says that it failed for the reason of its day."""
    reason = DAYS[name].reason
    return watch.sample(f'watchkeep_delivery_failures_total{{destination="{name}",reason="{reason}"}}')


def waiting(watch: Watch, name: str) -> float:
    return watch.sample(f'watchkeep_outbox_depth{{destination="{name}"}}')


@pytest.mark.parametrize("name", [name for name, day in DAYS.items() if day.taken])
def test_it_has_one_incident_in_the_end_and_it_is_resolved(name: str, told: Told) -> None:
    vendor = told.vendors[name]
    (incident,) = [each for each in vendor.incidents if each["dedup_key"] == FIRST_KEY]
    assert (incident["dedup_key"], incident["routing_key"]) == (FIRST_KEY, ROUTING_KEY)
    assert (incident["status"], incident["triggers"]) == ("resolved", DAYS[name].taken)
    assert len(about_the_outage(vendor.asked("trigger"))) == DAYS[name].asked
    assert len(about_the_outage(vendor.asked("resolve"))) == 1
    assert told.deliveries[name] == ["trigger sent", "resolve sent"]


def test_what_is_refused_is_not_sent_again_and_not_followed_by_a_resolve(told: Told) -> None:
    refusing = told.vendors["refuses"]
    assert len(refusing.requests) == 1
    assert refusing.incidents == []
    assert told.deliveries["refuses"] == ["trigger refused", "resolve superseded"]


@pytest.mark.parametrize("name", [name for name, day in DAYS.items() if day.injection and day.reason])
def test_its_reason_is_counted_as_often_as_it_failed(name: str, told: Told) -> None:
    day = DAYS[name]
    assert day.injection
    assert told.failures[name] == day.injection.times


def test_who_asks_for_time_is_given_it(told: Told) -> None:
    first, second = (request["at"] for request in told.vendors["limited"].requests[:2])
    assert (at(second) - at(first)) >= 2


def test_nothing_but_the_refusal_is_an_error_of_the_watch(told: Told) -> None:
    (refusal,) = told.watch.faults
    assert "destination=refuses" in refusal
    assert "reason=rejected" in refusal
    assert told.watch.verify() > 0


def at(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
