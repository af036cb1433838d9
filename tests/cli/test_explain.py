"""What `watchkeep explain` says of an SLO, by what it is made of."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli

CONFIG = """
slot: 10s
probes: [{name: gate, type: tcp, target: 'gate.example:443', interval: 10s}]
servers: [{name: prod, url: 'http://prometheus.example', interval: 5m}]
scrapes: [{name: api, url: 'http://api.example/metrics'}]
collectors:
  - {name: orders, type: service, url: 'http://orders.example/health'}
slos:
  - {name: inside, objective: 99%, window: 30d, sli: {collector: orders}}
  - {name: probed, objective: 99.9%, window: 30d, sli: {probe: gate}}
  - {name: quick, objective: 99%, window: 30d, sli: {probe: gate, latency: 300ms}}
  - name: scraped
    objective: 99%
    window: {calendar: month, zone: Europe/London}
    more_windows: [7d]
    group_by: [cluster, zone]
    sli: {counters: {total: requests_total, bad: 'requests_total{code="500"}'}}
    burn_policy: google-30d
  - name: tickets
    objective: 99%
    window: 30d
    sli: {counters: {total: requests_total, bad: 'requests_total{code="500"}'}}
    burn_policy: [{long: 1d, short: 2h, budget: 10%, severity: ticket}]
  - name: asked
    objective: 99%
    window: 30d
    sli: {prometheus: {server: prod, total: sum(a), bad: sum(b)}}
    burn_policy: [{long: 1d, short: 2h, budget: 10%, severity: page}]
  - {name: both, objective: 99%, window: 30d, sli: {all_of: [probed, quick]}}
  - {name: all-scraped, objective: 99%, window: 30d, sli: {all_of: [probed, hourly]}}
  - {name: mean, objective: 99%, window: 30d, sli: {weighted: {probed: 3, quick: 1}}}
  - name: sliced
    objective: 99%
    window: 30d
    sli: {probe: gate}
    budgeting: {method: timeslices, slice: 1m, target: 95%, no_data: bad}
  - name: counted-in-slices
    objective: 99%
    window: 30d
    sli: {counters: {total: requests_total, bad: 'requests_total{code="500"}'}}
    budgeting: {method: timeslices, slice: 5m, target: 95%}
  - name: hourly
    objective: 99.9%
    window: 30d
    sli: {counters: {total: requests_total, bad: 'requests_total{code="500"}'}}
    burn_policy: [{long: 1h, short: 5m, budget: 2%, severity: page}]
  - {name: dated, objective: 98%, window: 30d, sli: {probe: gate}, effective_from: 2024-03-01}
  - {name: dated, objective: 97%, window: 30d, sli: {probe: gate}}
  - {name: dated, objective: 96%, window: 30d, sli: {probe: gate}, effective_from: 2999-03-01}
  - {name: ahead, objective: 96%, window: 30d, sli: {probe: gate}, effective_from: 2999-03-01}
  - {name: ahead, objective: 95%, window: 30d, sli: {probe: gate}, effective_from: 2998-03-01}
exclusions:
  - {name: patches, reason: agreed, author: me, slos: [quick], start: '2026-03-01T02:00:00Z', duration: 2h}
"""


def explained(folder: Path, *arguments: str) -> Result:
    file = folder / "watchkeep.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return CliRunner().invoke(cli, ["explain", "-c", str(file), *arguments])


SAID = {
    "probed": [
        "99.9 % of the rounds of probe gate are good, over a rolling window of 30d.",
        "43.2 minutes of full outage in 30d; of 259,200 rounds (one every 10s), 259 may fail.",
        "A full outage pages after 1m and opens a ticket after 4m20s.",
        "has none at all for 5m is an alert of its own: a ticket.",
    ],
    "quick": [
        "99 % of the rounds of probe gate are good and take no longer than 300ms, over",
        "Excluded time counts for nothing: patches.",
    ],
    "inside": ["99 % of the rounds of collector orders are good, over a rolling window of 30d."],
    "scraped": [
        "There is one such SLO for each combination of values of cluster, zone.",
        "Its budget is also shown over a rolling window of 7d.",
        "an alert of its own: a page where its target cannot be scraped, a ticket where we are at fault.",
    ],
    "tickets": [
        "has none at all for 5m is an alert of its own: a ticket.",
    ],
    "asked": [
        "99 % of the events that `sum(a)` counts on prod are good; `sum(b)` counts the bad ones, over",
        "an observation adds at most 5m, and prod is asked 5m late; slots of 10s.",
        "has none at all for 13m is an alert of its own: a ticket.",
    ],
    "both": [
        "99 % of the slots are good for all of probed, quick, over",
        "has none at all for 5m is an alert of its own: a ticket.",
        "of 259,200 slots (one every 10s), 2,592 may fail.",
    ],
    "all-scraped": [
        "an alert of its own: a page where its target cannot be scraped",
        "To each of these a round adds at most 15s; slots of 10s.",
    ],
    "mean": [
        "99 % of the events are good, as the weighted mean of probed x 3, quick x 1, over",
    ],
    "sliced": [
        "Time is counted in slices of 1m: one is good if 95 % of its events are; without traffic it is not",
        "432.0 minutes of full outage in 30d; of 43,200 slices (one every 1m), 432 may be bad.",
        "from 3 bad slices on",
    ],
    "counted-in-slices": [
        "An outage of 1 % is never told: it fits the budget.",
        "of 8,640 slices (one every 5m), 86 may be bad.",
    ],
    "dated": [
        "dated: 98 % of the rounds",
        "This is its definition from 2024-03-01 00:00 UTC on.",
        "It has other definitions as well: at first, from 2999-03-01 00:00 UTC on.",
    ],
    "ahead": [
        "ahead: 95 % of the rounds",
    ],
    "hourly": [
        "An outage of 1 % is never told, and would spend the budget in 3d; a pair below 10x tells it.",
    ],
}


@pytest.mark.parametrize(("slo", "said"), SAID.items(), ids=SAID)
def test_it_is_said_in_sentences(slo: str, said: list[str], tmp_path: Path) -> None:
    result = explained(tmp_path, slo)
    assert result.exit_code == 0, result.output
    assert [sentence for sentence in said if sentence not in result.output] == []


def test_the_figures_are_a_document_too(tmp_path: Path) -> None:
    document = json.loads(explained(tmp_path, "probed", "--json").output)
    assert (document["slo"], document["budget_seconds"], document["budget_events"]) == ("probed", 2592.0, 259.2)
    assert document["outages"][0] == {"share": 1.0, "page_seconds": 60.0, "ticket_seconds": 260.0}


def test_an_slo_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    result = explained(tmp_path, "probde")
    assert result.exit_code == 2
    assert "there is no SLO probde: did you mean probed?" in result.output
