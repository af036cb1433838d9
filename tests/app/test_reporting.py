"""What an agent says of its rounds is what the watch can read, and nobody is gone whom another agent looks at."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from exporters.forwarding.spool import Spool
from slo.app.reporting import Reporting
from slo.core.batch import Gone, Observed
from slo.core.batch_document import LONGEST_TEXT, record_of
from slo.core.outcome import CheckKey, Outcome
from slo.core.reason import State
from slo.store.spooled import New
from tests.exporters.clocks import SetClock


class Kept:
    """A spool that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Observed | Gone] = []

    def add(self, records: Iterable[New]) -> None:
        for each in records:
            record = record_of(json.loads(each.body))
            assert each.at == (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()
            self.records.append(record)


def reporting(kept: Kept, *wanted: CheckKey) -> Reporting:
    return Reporting(cast("Spool", kept), clock=SetClock(), wanted=lambda key: key in wanted)


def test_a_round_is_reported_as_it_was() -> None:
    kept, outcome = Kept(), an_outcome(labels={"pod": "web-0"}, detail="refused")
    reporting(kept).observe(outcome)
    assert kept.records == [Observed(outcome=outcome)]


def test_a_text_that_the_watch_would_not_take_is_cut() -> None:
    kept = Kept()
    reporting(kept).observe(an_outcome(labels={"workload": "w" * 5_000}, detail="d" * 5_000))
    (record,) = kept.records
    assert isinstance(record, Observed)
    assert record.outcome.labels == {"workload": "w" * LONGEST_TEXT}
    assert record.outcome.detail == "d" * LONGEST_TEXT


def test_a_target_that_another_agent_looks_at_now_is_not_gone() -> None:
    kept = Kept()
    reporting(kept, ("door", "moved")).change(gone=[("door", "moved"), ("door", "gone")], watched=())
    assert [each.target for each in kept.records if isinstance(each, Gone)] == ["gone"]


def an_outcome(*, labels: dict[str, str], detail: str) -> Outcome:
    return Outcome(
        check="door",
        target="10.0.0.7:80",
        module="tcp",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        state=State.BAD,
        reason="connect_refused",
        detail=detail,
        labels=labels,
        number=7,
    )
