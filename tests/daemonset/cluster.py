"""What an API server keeps: pods, the version of everything, and what changed since, as far as it remembers."""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.daemonset.selectors import Document, Predicate

FIRST_VERSION = 1000

Key = tuple[str, str]
"""Namespace and name."""


class Forgotten(Exception):
    """What is asked for is older than what is remembered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happened to one object at one version; None before it was there, or after it has gone."""

    version: int
    before: Document | None
    after: Document | None

    def event(self, selected: Predicate) -> Document | None:
        """What somebody who watches a selection of the objects is told of it.

        To them an object that is selected no more is deleted, as it was and with the version of the change.
        """
        was = self.before is not None and selected(self.before)
        if self.after is not None and selected(self.after):
            return {"type": "MODIFIED" if was else "ADDED", "object": self.after}
        return {"type": "DELETED", "object": versioned(self.before, self.version)} if was and self.before else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """All objects at one version, in their order."""

    version: int
    objects: Sequence[Document]


class Cluster:
    """The pods. Documents that were handed out are never changed."""

    def __init__(self) -> None:
        self.version = FIRST_VERSION
        self.forgotten = FIRST_VERSION
        """Up to which version changes are not remembered."""
        self._objects: dict[Key, Document] = {}
        self._changes: list[Change] = []
        self.told: list[Callable[[Change], None]] = []
        """Who is told of each change."""

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, key: Key) -> bool:
        return key in self._objects

    def document(self, key: Key) -> Document:
        """An object as it is."""
        return self._objects[key]

    def put(self, document: Document) -> Document:
        """Create an object, or put it in the place of the one of its name, whose uid it keeps."""
        key = key_of(document)
        before = self._objects.get(key)
        self.version += 1
        uid = before["metadata"]["uid"] if before else str(uuid.uuid4())
        after = versioned(document, self.version)
        after["metadata"]["uid"] = uid
        self._objects[key] = after
        self._tell(Change(version=self.version, before=before, after=after))
        return after

    def delete(self, namespace: str, name: str) -> None:
        """Have an object gone."""
        before = self._objects.pop((namespace, name))
        self.version += 1
        self._tell(Change(version=self.version, before=before, after=None))

    def change(self, namespace: str, name: str, **spec: Any) -> Document:
        """Change the spec of an object."""
        document = self._objects[namespace, name]
        return self.put({**document, "spec": {**document["spec"], **spec}})

    def pass_by(self) -> None:
        """Something happens that is of no concern to pods: the version grows."""
        self.version += 1

    def compact(self) -> None:
        """Forget everything that changed."""
        self.forgotten = self.version
        self._changes.clear()

    def since(self, version: int) -> Iterable[Change]:
        """What changed after a version. Raises Forgotten."""
        if version < self.forgotten:
            raise Forgotten
        return [change for change in self._changes if change.version > version]

    def snapshot(self) -> Snapshot:
        """Everything as it is now."""
        return Snapshot(version=self.version, objects=[self._objects[key] for key in sorted(self._objects)])

    def _tell(self, change: Change) -> None:
        self._changes.append(change)
        for tell in self.told:
            tell(change)


def key_of(document: Document) -> Key:
    """Where an object is."""
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


def versioned(document: Document | None, version: int) -> Document:
    """A copy of an object with another version."""
    assert document is not None
    return {**document, "metadata": {**document["metadata"], "resourceVersion": str(version)}}


def line(event: Document) -> bytes:
    """An event as it goes over the wire."""
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"
