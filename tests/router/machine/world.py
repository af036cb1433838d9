"""The world: a watch that is killed and started again on one journal, its vendors, and the people around it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from slo.core.acts import Act
from slo.core.alert import FiringPair
from slo.core.events import Event
from slo.core.exclusion import Once
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.matching import parse_matcher
from slo.core.silence import Silence
from slo.errors import DestinationFault, Forged, StoreBusy, StoreError, UsageError
from tests.router.machine.boundaries import Boundaries, Boundary
from tests.router.machine.life import Gone, Life
from tests.router.machine.times import Times
from tests.router.machine.town import Letter, Town
from tests.router.making import PRODUCTION, STAGING, alert, takes_on

SLOS = {"gate": PRODUCTION, "deck": STAGING | {"service": "deck"}}
CLEAR = frozenset[FiringPair]()
ROUNDS = 60
"""After so many moments of waiting something is wrong with whatever still waits."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A letter that was not taken yet; what a person did to an incident, where it is that."""

    letter: Letter
    incident: str = ""
    needs_open: bool = False


class World:
    """To be used as a context manager. One process lives at any time; what it was told and did not do is told again."""

    def __init__(self, folder: Path, doom: Boundary | None = None) -> None:
        self.path = folder / "journal.db"
        self.times = Times()
        self.town = Town(folder, self.times)
        self.doom = doom
        self.firing = dict.fromkeys(SLOS, CLEAR)
        self.answered: set[str] = set()
        """The incidents to which a person did something that has arrived."""
        self.perhaps: set[str] = set()
        """Those to which a person did something that came too late, or of which only PagerDuty knows."""
        self.touched: set[str] = set()
        """The keys under which a person did something at PagerDuty; their incidents may not be on record yet."""
        self.closed_there: set[str] = set()
        """The keys under which somebody, or something, closed a page at PagerDuty."""
        self.seen: set[str] = set()
        """The SLOs of which something fired at a slot end that a process lived through."""
        self.deaths = 0
        self._post: list[_Sent] = []
        self._taken: Letter | None = None

    def __enter__(self) -> Self:
        self.town.__enter__()
        self.life = Life(self.path, self.times, self.town, Boundaries(self.doom))
        return self

    def __exit__(self, *_: object) -> None:
        self.life.is_killed()
        self.town.__exit__()

    # The machine

    def slot_ends(self) -> None:
        """The engine says what fires."""
        alerts = [alert(*self.firing[slo], slo=slo, labels=labels) for slo, labels in SLOS.items()]
        with self.mortal():
            self.life.judges(alerts, set(SLOS))
            if self.life.journal.trouble is None:
                self.seen |= {slo for slo, firing in self.firing.items() if firing}

    def rests(self) -> None:
        """What can be delivered now is, and the post is taken in."""
        self.post_comes()
        with self.mortal():
            self.life.rests()
        self.post_comes()

    def is_killed(self) -> None:
        """`kill -9`, and a new process."""
        self.life.is_killed()
        self._starts()

    def restarts(self) -> None:
        """A stop in order, and a new process."""
        try:
            self.life.stops()
        except Gone:
            self.life.is_killed()
        self._starts()

    @contextlib.contextmanager
    def mortal(self) -> Iterator[None]:
        """Whoever dies here is followed by a new process."""
        try:
            yield
        except Gone:
            self.is_killed()
            self.deaths += 1

    def _starts(self) -> None:
        """Start, however often that is cut short: it writes nothing before it runs."""
        self.life = Life(self.path, self.times, self.town, Boundaries())

    # People

    def acts(self, act: Act) -> None:
        """A person acts by the command line, again where it was cut short; what is not on record may be later."""
        for _ in range(2):
            self.perhaps.add(act.target.incident)
            try:
                self.life.does(self.life.router.act(act))
            except Gone:
                self.is_killed()
                self.deaths += 1
            except (StoreBusy, UsageError):
                return
            else:
                self.answered.add(act.target.incident)
                return

    def acknowledges(self, incident: str) -> None:
        """Somebody takes it on by the command line."""
        self.acts(takes_on(incident, source=f"cli:{self.times.now()}"))

    def acts_at_pagerduty(self, key: str, action: str, agent: str, **about: str) -> None:
        """A person, or a program, does something to what is open under a key there."""
        self.touched |= {key} if agent == "user" else set()
        did = self.town.call(self.town.pagerduty.act, key, action, by="anna", agent=agent, **about)
        if did and action == "resolve":
            self.closed_there.add(key)
        self._collect(self.incident_of(key) if agent == "user" else "", ends=action == "resolve")

    def presses(self, ts: str, button: str, user: dict[str, str], incident: str) -> None:
        """Somebody presses a button in Slack; a program's press is one that Slack says a bot made."""
        self._post.append(_Sent(self.town.press(ts, button, user), incident))
        self.post_comes()

    def fills_in(self, ts: str, form: str, values: dict[str, object], user: dict[str, str], incident: str) -> None:
        """Somebody opens a form in Slack and sends it; if it does not open, that is all."""
        before = {view["id"] for view in self.town.slack.views}
        self._post.append(_Sent(self.town.press(ts, form, user)))
        self.post_comes()
        for view in self.town.slack.views:
            if view["id"] not in before:
                self._post.append(_Sent(self.town.submit(view["id"], values, user), incident, needs_open=form == "eta"))
        self.post_comes()

    def comments(self, issue: str, by: dict[str, str], text: str, incident: str, *, answers: bool) -> None:
        """Somebody comments on a ticket."""
        self.town.call(self.town.jira.comment, issue, by, text)
        self._collect(incident if answers else "")

    def moves(self, issue: str, by: dict[str, str], status: str, incident: str) -> None:
        """Somebody, or an automation, sets the status of a ticket."""
        self.town.call(self.town.jira.change, issue, by, "status", status)
        self._collect(incident, ends=True)

    def loses_the_post(self) -> None:
        """PagerDuty's webhooks do not arrive; the watch asks PagerDuty later."""
        self._post = [sent for sent in self._post if sent.letter.way != "pagerduty"]

    def asks_pagerduty(self) -> None:
        """The watch asks PagerDuty who has answered the P0s that nobody answered."""
        with self.mortal(), contextlib.suppress(StoreError):
            self.life.reconciles()

    def _collect(self, incident: str, *, ends: bool = False) -> None:
        self._post += [_Sent(letter, incident, needs_open=ends) for letter in self.town.new_post()]

    def post_comes(self) -> None:
        """Every vendor tells what it has to tell, again where that was not taken."""
        self._collect("")
        waiting, self._post = self._post, []
        for sent in waiting:
            about = self.life.router.incidents.get(sent.incident)
            too_late = sent.needs_open and about is not None and not about.open
            try:
                self.life.receives(sent.letter)
            except Gone:
                self.is_killed()
                self.deaths += 1
                self._again(sent)
            except (StoreError, DestinationFault):
                self._again(sent)
            except Forged:
                assert sent.letter.way == "slack", "only Slack signs a time"
                assert abs(self.times.ahead_seconds) > 300
            else:
                self._taken = sent.letter if sent.letter.way != "slack" else self._taken
                (self.perhaps if too_late else self.answered).update({sent.incident} - {""})

    def last_comes_again(self) -> None:
        """A vendor sends once more what was taken last: its answer was lost."""
        if self._taken is not None:
            self._post.append(_Sent(self._taken))

    def _again(self, sent: _Sent) -> None:
        """PagerDuty and Jira send again what was not taken. In Slack a person sees that a press failed; it may be on
        record all the same.
        """
        self.perhaps |= {sent.incident} - {""}
        if sent.letter.way != "slack":
            self._post.append(sent)

    # Silences

    def silences(self, slo: str, seconds: int) -> None:
        """Somebody silences an SLO for a time."""
        now = self.times.now().replace(microsecond=0)
        silence = Silence(
            name=f"quiet {now}",
            matchers=(parse_matcher(f'slo="{slo}"'),),
            reason="a drill",
            owner="anna",
            when=Once(start=now, end=now + timedelta(seconds=seconds)),
        )
        with self.mortal(), contextlib.suppress(StoreError):
            self.life.does(self.life.silences.add(silence))

    # The end

    def mended(self) -> None:
        """Good days, right clocks, and as much time as everything takes that waits."""
        self.town.mend()
        self.times.ahead_seconds = 0.0
        self.life.journal.trouble = None
        for _ in range(ROUNDS):
            self.slot_ends()
            self.rests()
            if not self.life.journal.depth(self.times.now()) and not self._post:
                return
            self.times.let_pass(30)
        raise AssertionError(f"these wait without end: {self.pending()}, {self._post}")

    def ends(self) -> None:
        """Nothing fires any more, and as long as that takes to be believed."""
        self.firing = dict.fromkeys(SLOS, CLEAR)
        self.mended()
        for _ in range(3):  # what was late for the first makes an incident of its path, which has to be clear as well
            self.times.let_pass(6 * 3600)
            self.mended()

    # What is on record

    def events(self) -> list[Event]:
        """Everything that happened."""
        return [event for _, event in self.life.journal.events()]

    def incidents(self) -> dict[str, Incident]:
        """The incidents as the journal has them."""
        return fold_all(self.events())

    def pending(self) -> list[str]:
        """What waits in the outbox."""
        rows = [row for incident in self.incidents() for row in self.life.journal.deliveries(incident)]
        return [f"{row.message.id}: {row.last_reason}" for row in rows if row.state == "pending"]

    def may_be_answered(self) -> set[str]:
        """The incidents to which any person did anything."""
        return self.answered | self.perhaps | {self.incident_of(key) for key in self.touched}

    def incident_of(self, key: str) -> str:
        """The incident that PagerDuty knows under a key."""
        return self.life.journal.incident_of("pagerduty", key=key) or ""

    def buttons(self, called: str) -> list[tuple[str, str]]:
        """The messages in Slack that have such a button: their timestamps and their incidents."""
        return [
            (message["ts"], message["metadata"]["event_payload"]["incident"])
            for message in self.town.slack.messages
            for block in message["blocks"]
            if any(element.get("action_id") == called for element in block.get("elements", ()))
        ]

    def tickets(self) -> list[tuple[str, str]]:
        """The tickets in Jira: their keys and their incidents."""
        find = self.life.journal.incident_of
        found = [(issue.key, find("jira", reference=issue.key)) for issue in self.town.jira.issues]
        return [(key, incident) for key, incident in found if incident]
