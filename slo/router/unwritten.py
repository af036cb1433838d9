"""What has been decided and is not in the journal yet.

Decisions are made on the state that includes it, so that nothing that happens while the journal cannot be written is
lost or decided twice. When the process is killed it is gone, and the next process decides the same again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from slo.core.delivery import Message
from slo.core.events import Event, FiringChanged
from slo.core.folding import fold, fold_all
from slo.core.incident import Incident
from slo.router.incidents import Incidents
from slo.router.messages import Decision


@dataclass(frozen=True, slots=True)
class _Entry:
    event: Event
    before: Incident | None


class Unwritten:
    """The incidents as they stand, and the events and messages that the journal still lacks of them."""

    def __init__(self, journalled: Iterable[Event]) -> None:
        self._incidents = Incidents(fold_all(journalled).values())
        self._entries: list[_Entry] = []
        self._messages: list[Message] = []
        self._taken = (0, 0)
        self._first = (0, 0)

    @property
    def incidents(self) -> Incidents:
        """Every incident by id, oldest first."""
        return self._incidents

    def holds(self, incident: str) -> bool:
        """Whether the journal still lacks anything of the incident."""
        return any(entry.event.incident == incident for entry in self._entries)

    def holds_message(self, message: Message) -> bool:
        """Whether the journal still lacks that message."""
        return any(waiting.id == message.id for waiting in self._messages)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, decision: Decision) -> None:
        """Fold its events, and keep them and its messages for the journal."""
        for event in decision.events:
            self._add(event)
        self._messages += decision.messages

    def part(self) -> None:
        """What is here by now does not wait for what comes later: it is taken by itself."""
        self._first = len(self._entries), len(self._messages)

    def take(self) -> tuple[list[Event], list[Message]]:
        """What is to be written now. It stays here until `drop`, and is not changed any more."""
        self._taken = self._first if any(self._first) else (len(self._entries), len(self._messages))
        events, messages = self._taken
        return [entry.event for entry in self._entries[:events]], self._messages[:messages]

    def drop(self) -> None:
        """The journal has what was taken."""
        events, messages = self._taken
        del self._entries[:events], self._messages[:messages]
        self._first = max(0, self._first[0] - events), max(0, self._first[1] - messages)
        self._taken = (0, 0)

    def restore(self) -> None:
        """The journal does not have what was taken."""
        self._taken = (0, 0)

    def _add(self, event: Event) -> None:
        if not event.incident:
            self._entries.append(_Entry(event, None))
            return
        before = self._incidents.get(event.incident)
        after = fold(before, event)
        self._incidents.put(after)
        earlier = self._superfluous(event, after)
        if earlier is not None:
            before = self._entries.pop(earlier).before
            self._first = self._first[0] - (earlier < self._first[0]), self._first[1]
        self._entries.append(_Entry(event, before))

    def _superfluous(self, event: Event, after: Incident) -> int | None:
        """Where the change of firing pairs stands that `event` makes pointless, if there is one.

        An alert that flaps while the disk is full for a night would otherwise fill the memory.
        """
        if not isinstance(event, FiringChanged):
            return None
        for index in range(len(self._entries) - 1, self._taken[0] - 1, -1):
            entry = self._entries[index]
            if entry.event.incident == event.incident:
                same = isinstance(entry.event, FiringChanged) and fold(entry.before, event) == after
                return index if same else None
        return None
