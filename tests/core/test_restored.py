"""A journal that was put back says so, and nothing else changes by it."""

from datetime import timedelta

from slo.core.exclusion_events import exclusions_after
from slo.core.folding import fold_all
from slo.core.restored import Restored
from slo.store.records import event_from_text, event_to_text
from tests.store.making import NOW, opened

RESTORED = Restored(incident="", at=NOW + timedelta(hours=2), by="kim", made_at=NOW)


def test_it_is_read_back_as_it_was_written() -> None:
    assert event_from_text(event_to_text(RESTORED)) == RESTORED


def test_it_belongs_to_no_incident_and_is_no_exclusion() -> None:
    assert fold_all([opened("i1"), RESTORED]) == fold_all([opened("i1")])
    assert exclusions_after([RESTORED]) == {}
