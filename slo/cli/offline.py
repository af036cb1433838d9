"""A data folder that no watch runs on: the journal itself, by the functions that the watch uses.

What is decided here is told to the destinations when a watch runs on the folder again.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError

from slo.cli.client import DEFAULT_URL
from slo.cli.context import named
from slo.cli.figures import Document
from slo.cli.place import journal_in
from slo.config.exclusion_keys import ExclusionKeys
from slo.config.silence_keys import SilenceKeys
from slo.core.acts import Target
from slo.core.contract_events import ContractsOnRecord
from slo.core.exclusion import Exclusion
from slo.core.exclusion_events import NO_INCIDENT, ExclusionAdded, ExclusionWithdrawn, exclusions_after
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.silence import Silence
from slo.core.silence_events import SilenceExpired, silence_added, silences_after
from slo.errors import StoreBusy, UsageError
from slo.exposition.catalogue import Telemetry
from slo.router.messages import Teller
from slo.router.people import decide_act
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from slo.web.act import ACTS, faults_of
from slo.web.documents import in_order, incident_document, incident_with_history
from slo.web.exclusions import exclusion_document
from slo.web.silences import silence_document

K = TypeVar("K", bound=BaseModel)


class Offline:
    """The incidents, exclusions and silences of one journal; its answers are those of the API."""

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
        with _refusals():
            act = ACTS.validate_json(json.dumps(keys)).act(Target(incident=incident), now)
        incidents, contracts = self._on_record()

        def due(incident: Incident) -> datetime | None:
            response = contracts.response(incident)
            return response.due if response else None

        decision = decide_act(act, incidents, teller=Teller(at=now, due=due))
        if decision:
            self._journal.commit(decision.events, decision.messages, at=now)
        after = self._on_record()[0][incident]
        return incident_document(after, response=contracts.response(after))

    def exclusions(self) -> Document:
        """Those that people made; what a configuration excludes is not in the folder."""
        now = datetime.now(UTC)
        return {"exclusions": [exclusion_document(each, now) for each in self._excluded().values()]}

    def exclude(self, keys: Document) -> Document:
        """Make one. Raises UsageError for what the API would refuse too."""
        exclusion = _read(ExclusionKeys, keys).exclusion(created_at=None)
        now, taken = datetime.now(UTC), self._excluded()
        if exclusion.name in taken:
            raise UsageError(f"there is an exclusion {exclusion.name} already: give it another name")
        event = ExclusionAdded.of(exclusion, at=now)
        self._journal.commit([event], [], at=now)
        return exclusion_document(event.exclusion, now)

    def withdraw(self, name: str, *, by: str, why: str) -> Document:
        """Take one back. Raises UsageError for one that is not there."""
        now, exclusion = datetime.now(UTC), named(name, self._excluded(), "exclusion")
        event = ExclusionWithdrawn(incident=NO_INCIDENT, at=now, name=name, by=by, why=why)
        self._journal.commit([event], [], at=now)
        return exclusion_document(exclusion, now)

    def silences(self) -> Document:
        """Those that people made; what a configuration silences is not in the folder."""
        now = datetime.now(UTC)
        return {"silences": [silence_document(each, now) for each in self._silenced().values()]}

    def silence(self, keys: Document) -> Document:
        """Make one. Raises UsageError for what the API would refuse too."""
        now, silence = datetime.now(UTC), _read(SilenceKeys, keys).silence(created_at=None)
        event = silence_added(silence, self._silenced().values(), at=now)
        self._journal.commit([event], [], at=now)
        return silence_document(event.silence, now)

    def expire(self, name: str, *, by: str, why: str) -> Document:
        """End one early. Raises UsageError for one that is not there."""
        now, silence = datetime.now(UTC), named(name, self._silenced(), "silence")
        event = SilenceExpired(incident=NO_INCIDENT, at=now, name=name, by=by, why=why)
        self._journal.commit([event], [], at=now)
        return silence_document(silence, now)

    def _silenced(self) -> dict[str, Silence]:
        return silences_after(event for _, event in self._journal.events(NO_INCIDENT))

    def _excluded(self) -> dict[str, Exclusion]:
        return exclusions_after(event for _, event in self._journal.events(NO_INCIDENT))

    def _on_record(self) -> tuple[dict[str, Incident], ContractsOnRecord]:
        events = [event for _, event in self._journal.events()]
        return fold_all(events), ContractsOnRecord(events)


def _read(model: type[K], keys: Document) -> K:
    """What the API would read. Raises UsageError with its faults."""
    with _refusals():
        return model.model_validate_json(json.dumps(keys))


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What is wrong with keys, as the sentences of the API."""
    try:
        yield
    except ValidationError as error:
        raise UsageError("\n".join(": ".join(filter(None, told)) for told in faults_of(error))) from error
