"""Other configurations while the watch runs: a bad one changes nothing, a good one loses nothing."""

import signal
from pathlib import Path

from tests.e2e.pagerduty import ROUTING_KEY, PagerDuty
from tests.e2e.stage import FIRST_KEY, SECOND_KEY, Watch, configuration, until
from tests.services import StartNginx

OTHER_KEY = "0123456789abcdef0123456789abcdef"
SUCCESSFUL = "watchkeep_config_last_reload_successful"


def names(watch: Watch) -> list[str]:
    return [slo["name"] for slo in watch.get("/api/v1/slos")["slos"]]


def test_a_bad_configuration_is_refused_and_the_old_one_stays_until_a_good_one_comes(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    port = nginx().port
    good = configuration(pagerduty.destination(), port=port)
    watch.configure(good)
    watch.start()
    watch.good()
    assert watch.sample(SUCCESSFUL) == 1

    watch.configure(good | {"slos": [good["slos"][0] | {"objective": "100%"}]})
    watch.send(signal.SIGHUP)
    until("the refusal", lambda: watch.sample(SUCCESSFUL) == 0)
    status, refusal = watch.post("/-/reload")
    assert status == 400
    assert [fault["path"] for fault in refusal["faults"]] == ["slos[gate-availability].objective"]
    assert f"{watch.config}:1:" in watch.said
    assert names(watch) == ["gate-availability"]
    watch.good()

    watch.configure(configuration(pagerduty.destination(), port=port, names=("gate", "deck")))
    watch.send(signal.SIGHUP)
    until("the new configuration", lambda: watch.sample(SUCCESSFUL) == 1)
    assert names(watch) == ["gate-availability", "deck-availability"]
    until("rounds of the new probe", lambda: watch.slo("deck-availability")["totals"]["good"] >= 2)
    watch.configure(configuration(pagerduty.destination(), port=port, names=("deck",)))
    assert watch.post("/-/reload") == (200, {"reloaded": True})
    assert names(watch) == ["deck-availability"]
    assert watch.stop() == 0
    assert pagerduty.requests == []


def test_a_signal_to_reload_that_comes_before_it_watches_is_heard_then(watch: Watch, pagerduty: PagerDuty) -> None:
    watch.configure(configuration(pagerduty.destination(), port=1))
    watch.begin()
    until("it holds the signal back", lambda: blocks_reloads(watch.pid))
    watch.send(signal.SIGHUP)
    until("it reads the configuration anew", lambda: "configuration reloaded" in watch.said)
    assert watch.stop() == 0


def blocks_reloads(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (blocked,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk:")]
    return bool(blocked >> (signal.SIGHUP - 1) & 1)


def test_an_slo_that_is_removed_resolves_its_incident_and_opens_the_next_when_it_comes_back(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint = nginx()
    both = configuration(pagerduty.destination(), port=endpoint.port, names=("gate", "deck"))
    watch.configure(both)
    watch.start()
    watch.good()
    endpoint.stop()
    until("both pages", lambda: len(pagerduty.accepted("trigger")) == 2)
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port, names=("deck",)))
    assert watch.post("/-/reload")[0] == 200
    (resolve,) = until("the resolve", lambda: pagerduty.accepted("resolve"))
    removed = next(incident for incident in watch.incidents() if incident["key"] == FIRST_KEY)
    assert resolve["dedup_key"] == FIRST_KEY
    assert removed["resolved_why"] == "the SLO was removed from the configuration"
    watch.configure(both)
    assert watch.post("/-/reload")[0] == 200
    until("the next page", lambda: len(pagerduty.accepted("trigger")) == 3)
    assert watch.stop() == 0
    assert [event["dedup_key"] for event in pagerduty.accepted("trigger")].count(SECOND_KEY) == 1
    assert [incident["status"] for incident in pagerduty.incidents].count("triggered") == 2
    assert watch.verify() > 0
    assert watch.faults == []


def test_an_incident_keeps_the_routing_key_that_it_began_with_and_the_next_one_takes_the_new(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()
    endpoint.stop()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    watch.configure(configuration(pagerduty.destination(routing_key=OTHER_KEY), port=endpoint.port))
    assert watch.post("/-/reload")[0] == 200
    endpoint.start()
    until("the resolve on record", lambda: watch.delivered("resolve"))
    watch.good()
    endpoint.stop()
    until("the next trigger", lambda: len(pagerduty.accepted("trigger")) == 2)
    assert watch.stop() == 0
    keys = [
        (event["event_action"], event["dedup_key"], event["routing_key"])
        for event in (request["event"] for request in pagerduty.requests)
    ]
    assert keys == [
        ("trigger", FIRST_KEY, ROUTING_KEY),
        ("resolve", FIRST_KEY, ROUTING_KEY),
        ("trigger", SECOND_KEY, OTHER_KEY),
    ]
    assert watch.faults == []
