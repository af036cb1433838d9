"""The outbox against a model of it in plain lists."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slo.core.delivery import Action, Ambiguous, Message, Refused, Retry, Sent, Verdict
from slo.core.priority import Priority
from tests.store.making import NOW, REFUSED, journal, message, put


@dataclass
class Entry:
    """What the model below knows of one message."""

    sequence: int
    message: Message
    not_before: datetime
    state: str = "pending"
    attempts: int = 0

    @property
    def lane(self) -> tuple[str, str]:
        return self.message.destination, self.message.key


class Outbox(RuleBasedStateMachine):
    """The outbox against a model of it in plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.made = journal(self.path)
        self.store = self.made.__enter__()
        self.entries: list[Entry] = []
        self.now = NOW

    def teardown(self) -> None:
        self.made.__exit__(None, None, None)
        self.folder.cleanup()

    @rule(
        what=st.lists(
            st.tuples(st.sampled_from(Action), st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from(Priority)),
            min_size=1,
            max_size=4,
        )
    )
    def put(self, what: list[tuple[Action, str, str, Priority]]) -> None:
        messages = []
        for action, destination, key, priority in what:
            name = f"m{len(self.entries)}"
            each = message(name, action, destination=destination, key=key, priority=priority)
            entry = Entry(len(self.entries) + 1, each, self.now)
            triggers = [old for old in self.entries if old.lane == entry.lane and old.message.action is Action.TRIGGER]
            if action is not Action.TRIGGER and triggers and triggers[-1].state == "refused":
                entry.state = "superseded"
            self.entries.append(entry)
            messages.append(each)
        put(self.store, *messages, now=self.now)

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.made.__exit__(None, None, None)
        self.made = journal(self.path)
        self.store = self.made.__enter__()

    @precondition(lambda self: self.heads())
    @rule(
        verdict=st.sampled_from([Sent(), REFUSED, Retry(reason="reset"), Ambiguous(reason="timeout")]),
        wait=st.integers(0, 20),
        data=st.data(),
    )
    def attempt(self, verdict: Verdict, wait: int, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.heads()))
        self.store.begin(entry.sequence, credential="c", now=self.now)
        not_before = self.now + timedelta(seconds=wait)
        self.store.finish(entry.sequence, verdict, now=self.now, not_before=not_before)
        entry.attempts += 1
        match verdict:
            case Sent():
                entry.state = "sent"
            case Refused():
                entry.state = "refused"
                if entry.message.action is Action.TRIGGER:
                    for later in self.entries[entry.sequence :]:
                        if later.lane == entry.lane:
                            if later.message.action is Action.TRIGGER:
                                break
                            later.state = "superseded" if later.state == "pending" else later.state
            case Retry() | Ambiguous():
                entry.not_before = not_before

    def heads(self) -> list[Entry]:
        first: dict[tuple[str, str], Entry] = {}
        for entry in self.entries:
            if entry.state == "pending":
                first.setdefault(entry.lane, entry)
        return [entry for entry in first.values() if entry.not_before <= self.now]

    @invariant()
    def what_is_due_is_as_the_model_says(self) -> None:
        expected = sorted(self.heads(), key=lambda entry: (entry.message.priority.rank, entry.sequence))
        assert [(each.sequence, each.attempts) for each in self.store.due(self.now)] == [
            (entry.sequence, entry.attempts) for entry in expected
        ]
        found = {each.sequence: each.state for each in self.store.deliveries("i1")}
        assert found == {entry.sequence: entry.state for entry in self.entries}


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=15, stateful_step_count=25)
