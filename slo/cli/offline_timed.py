"""The silences and the exclusions in a data folder that no watch runs on: those that people made."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from slo.cli.context import named
from slo.cli.faults import in_options
from slo.cli.figures import Document
from slo.config.exclusion_keys import ExclusionKeys
from slo.config.silence_keys import SilenceKeys
from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.exclusion_events import NO_INCIDENT, ExclusionAdded, ExclusionWithdrawn, exclusions_after
from slo.core.silence import Silence
from slo.core.silence_events import SilenceExpired, silence_added, silences_after
from slo.errors import UsageError
from slo.store.journal import Journal
from slo.web.act import faults_of
from slo.web.exclusions import exclusion_document
from slo.web.silences import silence_document

K = TypeVar("K", bound=BaseModel)

UNKNOWN: Document = {"warnings": []}
"""What people may not have meant: without the configuration nobody can tell."""


class _Kept:
    """What the journal has of no incident. Every method that changes it raises UsageError where the API refuses."""

    def __init__(self, journal: Journal, where: str) -> None:
        self.where = where
        self._journal = journal

    def _events(self) -> Iterator[Event]:
        return (event for _, event in self._journal.events(NO_INCIDENT))

    def _write(self, event: Event) -> None:
        self._journal.commit([event], [], at=event.at)


class KeptSilences(_Kept):
    """The silences."""

    def listed(self) -> Document:
        """All that nobody has ended."""
        now = datetime.now(UTC)
        return {"silences": [silence_document(each, now) for each in self._silences().values()]}

    def add(self, keys: Mapping[str, object]) -> Document:
        """Make one."""
        now, silence = datetime.now(UTC), _read(SilenceKeys, keys).silence(created_at=None)
        event = silence_added(silence, self._silences().values(), at=now)
        self._write(event)
        return {**silence_document(event.silence, now), **UNKNOWN}

    def end(self, name: str, *, by: str, why: str) -> Document:
        """End one early."""
        now, silence = datetime.now(UTC), named(name, self._silences(), "silence")
        self._write(SilenceExpired(incident=NO_INCIDENT, at=now, name=name, by=by, why=why))
        return silence_document(silence, now)

    def _silences(self) -> dict[str, Silence]:
        return silences_after(self._events())


class KeptExclusions(_Kept):
    """The exclusions."""

    def listed(self) -> Document:
        """All in force."""
        now = datetime.now(UTC)
        return {"exclusions": [exclusion_document(each, now) for each in self._exclusions().values()]}

    def add(self, keys: Mapping[str, object]) -> Document:
        """Make one."""
        exclusion = _read(ExclusionKeys, keys).exclusion(created_at=None)
        now = datetime.now(UTC)
        if exclusion.name in self._exclusions():
            raise UsageError(f"there is an exclusion {exclusion.name} already: give it another name")
        event = ExclusionAdded.of(exclusion, at=now)
        self._write(event)
        return {**exclusion_document(event.exclusion, now), **UNKNOWN}

    def end(self, name: str, *, by: str, why: str) -> Document:
        """Take one back."""
        now, exclusion = datetime.now(UTC), named(name, self._exclusions(), "exclusion")
        self._write(ExclusionWithdrawn(incident=NO_INCIDENT, at=now, name=name, by=by, why=why))
        return exclusion_document(exclusion, now)

    def _exclusions(self) -> dict[str, Exclusion]:
        return exclusions_after(self._events())


def _read(model: type[K], keys: Mapping[str, object]) -> K:
    """What the API would read. Raises UsageError with its faults."""
    with refusals():
        return model.model_validate_json(json.dumps(keys))


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """What is wrong with keys, as the sentences of the API."""
    try:
        yield
    except ValidationError as error:
        raise UsageError(in_options(faults_of(error))) from error
