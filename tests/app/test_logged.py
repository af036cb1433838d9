"""What is told to others as logs can be kept, whatever it is."""

from datetime import UTC, datetime, timedelta

from slo.app.logged import logged_event
from slo.core.events import Acknowledged
from slo.core.folding import fold
from slo.core.telemetry_document import read, written
from tests.store.making import opened, recorded

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_contract_on_record_is_told_with_what_it_promises() -> None:
    log = logged_event(1, recorded(), None)
    assert read(written(log)) == log
    assert (log.dataset, log.action, log.labels) == ("watchkeep.audit", "contract_recorded", {"customer": "acme"})
    promised = log.fields["contract"]
    assert isinstance(promised, dict)
    assert promised["response"]["P0"] == "1h"


def test_every_event_of_an_incident_has_the_labels_of_its_slo_and_its_name() -> None:
    first = opened(slo="gate-availability")
    incident = fold(None, first)
    later = Acknowledged(incident=first.incident, at=AT + timedelta(minutes=1), by="on-call engineer")
    for number, event in enumerate((first, later), start=1):
        labels = logged_event(number, event, incident).labels
        assert labels == {"service": "gate", "customer": "acme", "slo": "gate-availability"}
