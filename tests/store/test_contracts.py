"""Contracts on record: an export has those of its incidents, and a check sees that what is named is there."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slo.core.contract import DEFAULT, Contract
from slo.core.contract_events import ContractRecorded, ContractsOnRecord
from slo.core.events import Acknowledged, Event, Opened
from slo.core.priority import Priority
from slo.core.written_contract import WrittenContract
from slo.errors import StoreDamaged
from slo.store import audit, export
from slo.store.audit import Choice, Chosen
from tests.store.making import at, journal, opened

ACME = replace(DEFAULT, customer="acme", title="Acme")
LATER = replace(ACME, responses={**ACME.responses, Priority.P0: timedelta(hours=2)})
OTHER = replace(ACME, customer="other", title="Other", ticket_update_within=timedelta(hours=1))


def digest_of(contract: Contract) -> str:
    return WrittenContract.of(contract).digest


def opening(incident: str, customer: str, contract: Contract | None) -> Opened:
    return replace(
        opened(incident),
        labels={"customer": customer},
        contract_digest=digest_of(contract) if contract else "",
    )


def written(path: Path, events: Sequence[Event]) -> Path:
    with journal(path) as store:
        store.commit(events, [], at=at(0))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """1 is from before there were contracts on record. Then: 2 the usual one, 3 and 4 of acme, 5 of other.

    6 is opened under 3, 7 under 4, 8 for nobody who has a contract, and 9 is about 1.
    """
    record = ContractsOnRecord()
    recorded: list[Event] = []
    for seconds, contracts in ((10, {"acme": ACME}), (20, {"acme": LATER}), (30, {"acme": LATER, "other": OTHER})):
        for event in record.news(contracts, at=at(seconds), via="start"):
            record.take(event)
            recorded.append(event)
    incidents: list[Event] = [
        opening("i2", "acme", ACME),
        opening("i3", "acme", LATER),
        opening("i4", "stranger", DEFAULT),
        Acknowledged(incident="i1", at=at(60), by="Zoë", via="page"),
    ]
    return written(tmp_path / "journal.db", [opening("i1", "acme", None), *recorded, *incidents])


def exported(path: Path, choice: Choice) -> list[dict[str, object]]:
    into = io.StringIO()
    with audit.reading(path) as connection:
        export.write(Chosen(connection, path, choice), choice.conditions, into, form="jsonl", now=at(0))
    return [json.loads(line) for line in into.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("choice", "found", "without"),
    [
        (Choice(incident="i1"), [1, 3, 9], 1),
        (Choice(incident="i2"), [3, 6], 0),
        (Choice(incident="i3"), [4, 7], 0),
        (Choice(incident="i4"), [2, 8], 0),
        (Choice(incident="i3", since=at(3600)), [4], 0),
        (Choice(customer="acme"), [1, 3, 4, 6, 7, 9], 1),
        (Choice(customer="acme", incident="i4"), [], 0),
        (Choice(customer="stranger"), [2, 8], 0),
        (Choice(customer="other"), [5], 0),
        (Choice(since=at(60)), [2, 3, 4, 5, 9], 0),
    ],
)
def test_with_incidents_go_the_contracts_that_they_were_opened_under(
    path: Path, choice: Choice, found: list[int], without: int
) -> None:
    *events, last = exported(path, choice)
    assert [event["number"] for event in events] == found
    assert last["opened_without_contract"] == without


def test_an_export_has_all_that_tells_what_an_incident_was_promised(path: Path) -> None:
    contract, opening, _ = (json.loads(str(line.get("body", "{}"))) for line in exported(path, Choice(incident="i3")))
    assert opening["contract_digest"] == contract["digest"] == digest_of(LATER)
    assert contract["contract"]["response"] == {"P0": "2h", "P1": "1 business day", "P2": "4 business days"}


def test_a_journal_with_the_contracts_that_it_names_is_whole(path: Path) -> None:
    assert audit.verified(path).events == 9


def test_an_opening_under_a_contract_that_is_not_on_record_is_found(tmp_path: Path) -> None:
    (usual,) = ContractsOnRecord().news({}, at=at(0), via="start")
    events = [opening("i1", "acme", ACME), usual]
    with pytest.raises(StoreDamaged, match=f"event 2 names the contract {digest_of(LATER)}, which is not on record"):
        audit.verified(written(tmp_path / "journal.db", [usual, opening("i1", "acme", LATER)]))
    assert digest_of(ACME) == digest_of(DEFAULT)
    with pytest.raises(StoreDamaged, match="event 1 names the contract"):
        audit.verified(written(tmp_path / "late.db", events))


def test_a_contract_that_is_not_the_one_of_its_digest_is_found(tmp_path: Path) -> None:
    (usual,) = ContractsOnRecord().news({}, at=at(0), via="start")
    assert isinstance(usual, ContractRecorded)
    object.__setattr__(usual, "digest", "f" * 64)  # what writes such a one is no Watchkeep
    with pytest.raises(StoreDamaged, match="event 1 is not the contract that it says it is"):
        audit.verified(written(tmp_path / "journal.db", [usual]))
