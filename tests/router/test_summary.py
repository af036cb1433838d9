"""The sentence that wakes an engineer."""

from dataclasses import replace

import pytest

from slo.core.alert import Alert, Evidence, FiringPair
from slo.core.contract_events import ContractEnded, ContractsOnRecord
from slo.core.exclusion_events import ExclusionAdded, ExclusionWithdrawn
from slo.core.policy import Severity
from slo.core.restored import Restored
from slo.core.silence_events import SilenceAdded, SilenceExpired
from slo.router.summary import SCOPE_LIMIT, SUMMARY_LIMIT, burning, one_line, over
from slo.router.words import told as words
from slo.store.records import EVENTS as KINDS
from tests.core.test_exclusion_events import AT, exclusion
from tests.core.test_silence import silence
from tests.router.making import EVIDENCE, FEW_EVENTS, LOST, LOST_PAGE, PAGE, REPORT, REPORTED, SLOW_PAGE, TICKET, alert
from tests.web.test_documents import EVENTS
from tests.web.watches import opened


def told(alert: Alert, **evidence: object) -> Alert:
    return replace(alert, evidence=replace(alert.evidence, **evidence))  # type: ignore[arg-type]


SHORT = FiringPair(severity=Severity.PAGE, long="5m", short="1m")


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (
            told(alert(SHORT), objective=0.995, burn_rates={"1m": 200.0}),
            (
                "gate-availability (acme, production) burns 200x its budget: 100 % of the last 1m failed"
                " (connect_refused at http://10.0.0.7:8084/health)"
            ),
        ),
        (
            alert(PAGE, SLOW_PAGE, TICKET),
            (
                "gate-availability (acme, production) burns 1000x its budget: 100 % of the last 5m failed"
                " (connect_refused at http://10.0.0.7:8084/health)"
            ),
        ),
        (
            told(alert(TICKET), burn_rates={"2h": 2.0}, reason="status", detail="500, not 2xx", target="http://a/"),
            (
                "gate-availability (acme, production) burns 2x its budget: 0.2 % of the last 2h failed"
                " (status: 500, not 2xx, at http://a/)"
            ),
        ),
        (
            told(alert(TICKET), burn_rates={"2h": 1.444}, reason="latency", target=""),
            "gate-availability (acme, production) burns 1.44x its budget: 0.144 % of the last 2h failed (latency)",
        ),
        (
            told(alert(TICKET, labels={}, scope="eu"), burn_rates={"2h": 14.4}, reason=""),
            "gate-availability (eu) burns 14.4x its budget: 1.44 % of the last 2h failed",
        ),
        (
            told(alert(PAGE, labels={"environment": "staging"}), burn_rates={"5m": None}, reason=""),
            "gate-availability (staging) burns its budget too fast",
        ),
        (
            alert(LOST_PAGE, FEW_EVENTS),
            (
                "gate-availability (acme, production): its SLI lost its data"
                " (connect_refused at http://10.0.0.7:8084/health)"
            ),
        ),
        (told(alert(LOST, labels={}), reason=""), "gate-availability: its SLI lost its data"),
        (
            told(alert(LOST, TICKET), burn_rates={"2h": 2.0}, reason=""),
            "gate-availability (acme, production) burns 2x its budget: 0.2 % of the last 2h failed",
        ),
        (
            told(alert(TICKET, labels={}), objective=0.99999, burn_rates={"2h": 2.0}, reason=""),
            "gate-availability burns 2x its budget: less than 0.01 % of the last 2h failed",
        ),
        (
            told(alert(REPORTED, TICKET), report=REPORT),
            "gate-availability (acme, production): gate answers nobody",
        ),
        (
            replace(alert(REPORTED, slo="GateDown", scope="instance=a"), evidence=Evidence(report=REPORT)),
            "GateDown (instance=a): gate answers nobody",
        ),
        (
            replace(alert(REPORTED, slo="GateDown", scope="x" * 999), evidence=Evidence(report=REPORT)),
            f"GateDown ({'x' * (SCOPE_LIMIT - 1)}…): gate answers nobody",
        ),
    ],
)
def test_it_says_who_how_fast_how_much_and_why(of: Alert, sentence: str) -> None:
    assert burning(of) == sentence


def test_the_log_has_words_for_every_event() -> None:
    excluded = ExclusionAdded.of(exclusion(), at=AT)
    withdrawn = ExclusionWithdrawn(incident="", at=AT, name="patching", by="kim", why="it was tomorrow")
    silenced = SilenceAdded.of(silence(), at=AT)
    expired = SilenceExpired(incident="", at=AT, name="move", by="kim", why="it is done")
    restored = Restored(incident="", at=AT, by="kim", made_at=AT)
    contracts = ContractsOnRecord()
    (promised,) = contracts.news({}, at=AT, via="start")
    ended = ContractEnded(incident="", at=AT, customer="acme", via="reload")
    agreed = [excluded, withdrawn, silenced, expired, restored, promised, ended]
    events = [*(event for event, _ in EVENTS), *agreed]
    assert {type(event).__name__ for event in events} == {kind.__name__ for kind in KINDS}
    said = [words(event) for event in events]
    assert len(set(said)) == len(said)
    assert words(opened(slo="gate")).startswith("P0 opened: gate burns")
    assert words(silenced) == 'kim silences service="gate", severity!="page" as move: The gate moves.'


def test_it_is_one_line_within_the_limit_whatever_the_target_says() -> None:
    hostile = told(alert(PAGE), target="http://x/\n\x1b[31m\u202e\ud800" + "y" * 5000)
    sentence = burning(hostile)
    assert len(sentence) == SUMMARY_LIMIT
    assert sentence.isprintable()
    assert sentence.encode()
    assert sentence.endswith("…")


def test_the_end_says_by_whom_and_why() -> None:
    assert over("gate", by="", why="clear for 5m") == "gate is resolved: clear for 5m"
    assert over("gate", by="anna", why="a drill") == "gate is resolved by anna: a drill"
    assert over("gate", by="anna", why="") == "gate is resolved by anna"


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert one_line("größer als 99 %", 15) == "größer als 99 %"
    assert one_line("größer als 99 %", 14) == "größer als 99…"
    assert EVIDENCE.reason in burning(alert(PAGE))
