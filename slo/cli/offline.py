"""A data folder that no watch runs on: the journal itself, by the functions that the watch uses.

What is decided here is told to the destinations when a watch runs on the folder again.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from slo.cli.client import DEFAULT_URL
from slo.cli.context import named
from slo.cli.figures import Document
from slo.cli.offline_timed import KeptExclusions, KeptSilences, refusals
from slo.cli.place import journal_in
from slo.cli.timed import Entries, Kind
from slo.core.acts import Target
from slo.core.contract_events import ContractsOnRecord
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.errors import StoreBusy, UsageError
from slo.exposition.catalogue import Telemetry
from slo.router.already import already
from slo.router.messages import Teller
from slo.router.people import decide_act
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from slo.web.act import ACTS
from slo.web.documents import act_document, in_order, incident_document, incident_with_history


class Offline:
    """The incidents of one journal, its silences and exclusions; its answers are those of the API."""

    def __init__(self, journal: Journal, where: Path) -> None:
        self.where = str(where)
        self._journal = journal

    @classmethod
    @contextlib.contextmanager
    def opened(cls, data: Path) -> Iterator[Self]:
        """Take the folder while the block runs. Raises UsageError where there is none, or a watch has it."""
        journal_in(data)
        try:
            folder = DataFolder(data)
        except StoreBusy as error:
            raise UsageError(
                f"--data {data}: a watch runs on this folder: leave --data away, and name the watch with --url "
                f"({DEFAULT_URL} without it)"
            ) from error
        with folder, contextlib.closing(Journal(folder.journal, telemetry=Telemetry())) as journal:
            yield cls(journal, data)

    def listed(self, *, everything: bool, limit: int) -> Document:
        """Open ones first."""
        incidents, contracts = self._on_record()
        chosen = [incident for incident in incidents.values() if everything or incident.open]
        return {
            "incidents": [
                incident_document(each, response=contracts.response(each)) for each in in_order(chosen)[:limit]
            ],
            "total": len(chosen),
        }

    def shown(self, incident: str) -> Document:
        """One, with its timeline and deliveries."""
        incidents, contracts = self._on_record()
        found = named(incident, incidents, "incident")
        events, deliveries = self._journal.events(found.id), self._journal.deliveries(found.id)
        return incident_with_history(found, events, deliveries, contracts.response(found))

    def open(self, _keys: Document) -> Document:
        """Refused: who is told stands in the configuration of a watch that runs."""
        raise UsageError(
            f"--data {self.where}: an incident is opened by a watch that runs, which knows whom to tell: start it, and "
            "leave --data away"
        )

    def act(self, incident: str, keys: Document) -> Document:
        """Its new state. Raises UsageError for what the API would refuse too."""
        now = datetime.now(UTC)
        with refusals():
            act = ACTS.validate_json(json.dumps(keys)).act(Target(incident=incident), now)
        incidents, contracts = self._on_record()

        def due(incident: Incident) -> datetime | None:
            response = contracts.response(incident)
            return response.due if response else None

        decision = decide_act(act, incidents, teller=Teller(at=now, due=due))
        if decision:
            self._journal.commit(decision.events, decision.messages, at=now)
        after = self._on_record()[0][incident]
        return act_document(after, already(act, incidents[incident]), contracts.response(after))

    def entries(self, kind: Kind) -> Entries:
        """The silences, or the exclusions, that people made; those of a configuration are not in the folder."""
        if kind is Kind.SILENCES:
            return KeptSilences(self._journal, self.where)
        return KeptExclusions(self._journal, self.where)

    def _on_record(self) -> tuple[dict[str, Incident], ContractsOnRecord]:
        events = [event for _, event in self._journal.events()]
        return fold_all(events), ContractsOnRecord(events)
