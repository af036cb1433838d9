"""What `watchkeep route` says of an alert: who is told, on which terms, and why."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli

MANUAL = Path(__file__).parents[2] / "docs/routing.md"
CONFIG = """
probes: [{name: gate, type: tcp, target: 'gate.example:443'}]
slos:
  - name: gate-availability
    objective: 99.9%
    window: 30d
    sli: {probe: gate}
    labels: {service: gate, customer: acme, environment: production}
    depends_on: [db-availability]
  - name: db-availability
    objective: 99.9%
    window: 30d
    sli: {probe: gate}
    labels: {service: db, customer: acme, environment: production}
  - {name: desk-availability, objective: 99%, window: 30d, sli: {probe: gate}, labels: {service: desk}}
destinations:
  - {name: oncall, type: pagerduty, routing_key: '01234567890123456789012345678901'}
  - {name: second, type: pagerduty, routing_key: '12345678901234567890123456789012'}
  - {name: desk, type: webhook, url: 'http://hooks.example/desk'}
  - {name: audit, type: webhook, url: 'http://hooks.example/audit'}
routes:
  destinations: [desk]
  routes:
    - {match: ['customer=~".+"'], destinations: [audit], continue: true}
    - {match: [customer=globex], destinations: [desk]}
    - match: [customer=acme]
      destinations: [oncall, desk]
      group_by: [customer]
      group_wait: 30s
      escalation: [{after: 50%, destinations: [second]}, {after: 90%, destinations: [second, desk]}]
      routes:
        - {match: [priority=P0], resolve_after: 10m, group_by: [slo, scope], group_wait: 0s}
silences:
  - name: gate-moves
    match: [service=gate]
    reason: The gate moves.
    owner: kim
    start: '2026-03-01T02:00Z'
    duration: 3h
exclusions:
  - name: patching
    reason: Patches.
    author: sam
    start: '2026-03-01T04:00Z'
    duration: 3h
    slos: [gate-availability, desk-availability]
    silence: true
inhibit:
  - {source: [severity=page], target: [severity=ticket], equal: [service, customer]}
"""

CUSTOMERS = """
customers:
  - name: acme
    title: Acme Corporation
    environments: {live: production, production: production}
    hours: {zone: America/New_York, week: {mon-fri: 09:00-17:00}, holidays: {country: US, subdivision: NY}}
    tell:
      - {destinations: [acme-channel], what: [trigger, eta, resolve], priorities: [P0]}
"""

PAGE = """\
P0 page with service="gate", customer="acme", environment="production", slo="gate-availability"
Priority P0: a page in production.
route                       takes it  why
routes                      yes       every alert comes here
routes.routes[0]            tells     customer=~".+" holds
routes.routes[1]            no        customer="globex" does not hold, customer is "acme"
routes.routes[2]            yes       customer="acme" holds
routes.routes[2].routes[0]  tells     priority="P0" holds
Told: audit, oncall, desk.
While nobody answers, of the response time: at 50 % second; at 90 % second, desk.
Response: within 1h by the usual contract (2cd64315e543), so by 2026-03-01 02:59:59 UTC; \
while nobody answers, people are warned at 03-01 02:29, 03-01 02:44, 03-01 02:53.
Grouped with nothing: each incident is told by itself.
Reminded every 4h while nobody has taken it on.
Resolved when it was clear for 10m; each time that it soon comes back this doubles, up to an hour.
Silenced: no. Later: gate-moves, patching.
Suppressed: only while one of these is open, as P0 or more urgent, has paged and is not silenced: db-availability.
"""

TICKET = """\
P1 ticket with service="gate", customer="acme", environment="production", slo="gate-availability"
Priority P1: a ticket in production.
route                       takes it  why
routes                      yes       every alert comes here
routes.routes[0]            tells     customer=~".+" holds
routes.routes[1]            no        customer="globex" does not hold, customer is "acme"
routes.routes[2]            tells     customer="acme" holds
routes.routes[2].routes[0]  no        priority="P0" does not hold, priority is "P1"
Told: audit, desk.
Not told, since it is no page: oncall.
While nobody answers, of the response time: at 50 % second; at 90 % second, desk.
Response: within 1 business day by the usual contract (2cd64315e543), so by 2026-03-02 17:00:00 UTC; \
while nobody answers, people are warned at 03-02 13:00, 03-02 15:00, 03-02 16:12.
Grouped with nothing: each incident is told by itself.
Reminded every 4h while nobody has taken it on.
Resolved when it was clear for 5m; each time that it soon comes back this doubles, up to an hour.
Silenced: by gate-moves of kim, The gate moves. Nobody is told until 2026-03-01 05:00:00 UTC; its incident is recorded.
Suppressed: only while one of these is open, as P1 or more urgent, has paged and is not silenced: db-availability; \
what has severity="page" of the same service, customer.
"""

ELSEWHERE = """\
P1 page with service="desk", slo="desk-availability"
Priority P1: a page without an environment, which is not production.
route             takes it  why
routes            tells     every alert comes here
routes.routes[0]  no        customer=~".+" does not hold, there is no customer
routes.routes[1]  no        customer="globex" does not hold, there is no customer
routes.routes[2]  no        customer="acme" does not hold, there is no customer
Told: desk.
Response: within 1 business day by the usual contract (2cd64315e543), so by 2026-03-02 17:00:00 UTC; \
while nobody answers, people are warned at 03-02 13:00, 03-02 15:00, 03-02 16:12.
Grouped with nothing: each incident is told by itself.
Reminded every 4h while nobody has taken it on.
Resolved when it was clear for 5m; each time that it soon comes back this doubles, up to an hour.
Silenced: by the exclusion patching of sam, Patches. Nobody is told until 2026-03-01 07:00:00 UTC; its incident is \
recorded.
Suppressed: never; it depends on nothing, and no rule has it as a target.
"""


def route(folder: Path, *arguments: str, config: str = CONFIG) -> Result:
    file = folder / "watchkeep.yaml"
    file.write_text(config, encoding="utf-8")
    return CliRunner().invoke(cli, ["route", "-c", str(file), *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label", "slo=gate-availability", "--at", "2026-03-01T01:59:59Z"), PAGE),
        (("--label", "slo=gate-availability", "--label", "severity=ticket", "--at", "2026-03-01T02:00:00Z"), TICKET),
        (("--label", "slo=desk-availability", "--at", "2026-03-01T05:00:00Z"), ELSEWHERE),
    ],
    ids=["a page", "a ticket that is silenced", "somebody else's, silenced by an exclusion"],
)
def test_it_is_said_so_that_it_can_be_read_at_night(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = route(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == said


def test_the_manual_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PD_ROUTING_KEY", "PD_SECOND_KEY"):
        monkeypatch.setenv(name, "0123456789abcdef0123456789abcdef")
    shown, config = re.findall(r"(?ms)^```(?:yaml)?\n(.*?)^```$", MANUAL.read_text(encoding="utf-8"))[:2]
    labels = ("--label", "slo=gate-availability", "--label", "severity=page", "--at", "2026-03-01T02:00:00Z")
    assert route(tmp_path, *labels, config=config).output == shown


def test_an_slo_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = route(tmp_path, "--label", "slo=gate-availabilty")
    assert (result.exit_code, result.stderr) == (
        0,
        "warning: the configuration has no SLO gate-availabilty: did you mean gate-availability?\n",
    )
    stranger = json.loads(route(tmp_path, "--label", "slo=x", "--json").stdout)
    assert stranger["warnings"] == ["the configuration has no SLO x: it has the labels that are given, and no others"]
    assert route(tmp_path, "--label", "service=gate").stderr == ""


def test_what_waits_for_company_says_so_and_a_p0_never_does(tmp_path: Path) -> None:
    config = CONFIG.replace("continue: true", "continue: false, group_by: [customer], group_wait: 30s")
    labels = ("--label", "customer=acme", "--label", "environment=production")
    assert "Grouped with others of the same customer.\n" in route(tmp_path, *labels, config=config).output
    assert (
        "Grouped with others of the same customer; the first waits 30s for others.\n"
        in route(tmp_path, *labels, "--label", "severity=ticket", config=config).output
    )


def test_labels_that_are_given_go_before_those_of_the_slo_and_a_priority_before_its_rule(tmp_path: Path) -> None:
    labels = ("--label", "slo=gate-availability", "--label", "customer=globex", "--label", "priority=P2")
    result = route(tmp_path, *labels, "--json")
    document = json.loads(result.output)
    assert document["labels"] == {
        "service": "gate",
        "customer": "globex",
        "environment": "production",
        "slo": "gate-availability",
        "scope": "",
        "severity": "page",
        "priority": "P2",
    }
    assert (document["priority"], document["priority_why"]) == ("P2", "as it was given")
    assert document["destinations"] == ["audit", "desk"]


def test_the_document_has_all_that_the_sentences_say(tmp_path: Path) -> None:
    asked = ("--label", "slo=gate-availability", "--label", "severity=ticket", "--at", "2026-03-01T02:00:00Z", "--json")
    document = json.loads(route(tmp_path, *asked).output)
    del document["labels"]
    assert document.pop("path")[-1] == {
        "route": "routes.routes[2].routes[0]",
        "taken": False,
        "tells": False,
        "why": 'priority="P0" does not hold, priority is "P1"',
    }
    assert document == {
        "priority": "P1",
        "priority_why": "a ticket in production",
        "destinations": ["audit", "desk"],
        "pages_only": ["oncall"],
        "group_by": ["slo", "scope", "customer"],
        "group_wait_seconds": 0.0,
        "repeat_interval_seconds": 14400.0,
        "resolve_after_seconds": 300.0,
        "escalation": [
            {"after": 0.5, "destinations": ["second"]},
            {"after": 0.9, "destinations": ["second", "desk"]},
        ],
        "warnings": [],
        "at": "2026-03-01T02:00:00Z",
        "response": {
            "contract_digest": "2cd64315e54345aef4fa4f5d554ef2373cb68c0c46351a209956e7417bac8b81",
            "within": "1 business day",
            "due": "2026-03-02T17:00:00Z",
            "warned_at": ["2026-03-02T13:00:00Z", "2026-03-02T15:00:00Z", "2026-03-02T16:12:00Z"],
        },
        "customer": {},
        "silence": "gate-moves",
        "silenced_until": "2026-03-01T05:00:00Z",
        "silences_later": ["patching"],
        "depends_on": ["db-availability"],
        "inhibit": [{"source": ['severity="page"'], "target": ['severity="ticket"'], "equal": ["service", "customer"]}],
    }


def test_nobody_to_tell_is_said_out_loud(tmp_path: Path) -> None:
    config = CONFIG.replace("destinations: [desk]\n  routes", "destinations: []\n  routes")
    assert "Told: nobody.\n" in route(tmp_path, "--label", "service=desk", config=config).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--label", "severity=urgent"), "--label severity=urgent: is no severity: write one of page, ticket\n"),
        (("--label", "priority=P7"), "--label priority=P7: is no priority: write one of P0, P1, P2\n"),
        (("--label", "acme"), "--label acme: is no label with a value: write it as service=gate\n"),
        (("--label", "a=b", "--at", "noon"), "--at noon: is no time: write it as 2026-03-01T02:00:00Z\n"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_mend(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    result = route(tmp_path, *arguments)
    assert (result.exit_code, result.output) == (2, says)


def test_the_contract_gives_the_priority_the_clock_and_the_ears_of_the_customer(tmp_path: Path) -> None:
    ours = CONFIG.replace("labels: {service: desk}", "labels: {service: desk, customer: acme}")
    channel = "  - {name: acme-channel, type: webhook, url: 'http://hooks.example/acme'}"
    config = ours.replace("destinations:\n", f"destinations:\n{channel}\n", 1) + CUSTOMERS
    labels = ("--label", "customer=acme", "--label", "environment=live", "--at", "2026-11-25T22:01:00Z")
    said = route(tmp_path, *labels, config=config).output
    assert "P0 page with" in said
    assert "Priority P0: a page in live, which is production.\n" in said
    assert "The customer's acme-channel hears of: trigger, eta, resolve.\n" in said
    said = route(tmp_path, *labels, "--label", "severity=ticket", config=config).output
    assert re.search(r"by the contract of Acme Corporation \([0-9a-f]{12}\), so by 2026-11-27 22:00:00 UTC;", said)
    unknown = route(tmp_path, "--label", "customer=acne", config=config)
    assert (unknown.exit_code, "there is no such customer: write one of acme" in unknown.output) == (2, True)
