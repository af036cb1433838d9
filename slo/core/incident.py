"""Incidents: what people work on, as the state that `slo.core.folding` makes of events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from slo.core.acts import Responsibility
from slo.core.alert import Evidence, FiringPair
from slo.core.delivery import Action
from slo.core.eta import ETA
from slo.core.events import Promised
from slo.core.incident_key import incident_mark
from slo.core.policy import Severity
from slo.core.priority import Circumstances, Priority
from slo.core.response import Turn
from slo.core.routing import alert_labels

REPORTED = "reported"
"""What stands for the SLO of an incident that a person opened."""

OWN_PREFIX = "watchkeep-"
"""How the names begin that stand for the SLO where the watch speaks about itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """The state of one incident: the fold of its events.

    `generation` is that of its last page, or of its opening before there was one. `firing` is followed after the
    resolution too, so that an alert that a person closed while it fired opens nothing anew until another pair fires.
    `page_clear_since` and `clear_since` are since when no page, and nothing at all, fires; None while it does.
    `page_open` is whether a page is open under `page_key` at the paging destinations `paged_to`, and `page_answered`
    whether a person has acknowledged that one; `told` are the others, which know the incident under `key`. The page is
    `page_of_alert` where the alert fired a page at the time, and ends with it; any other ends with the incident. Where
    a person made it a P0 it is `urged`, so that nothing mutes it, and `needs_page` until it has paged.

    `hears` has the destinations that hear of some things only, `muted` is why nobody is told, empty where people are.
    `pages` are the times at which its alert paged, `told_at` is when people were last told of it by the watch, and
    `told_as` its priority when it was last found who is to hear of it; None since it was muted.

    `contract_digest` names the contract that it was opened under, as in `Opened`.

    `acknowledged_at` is when the first person took it on, `responded_at` when the first one answered in any way.
    `turns` are what its response clock is made of. `etas` are all that were promised, the last one last.
    `updated_at` is when people last heard something of a person. `sources` are the acts of others that were done.
    `warned` is the share of the response time that people were last warned at, which was planned for `warned_for`, and
    `missed_at` when it ran out without an answer; `promises_missed` are those of its last promise that were told as
    missed, `update` or `recovery`, and `chat_missed_at` is the last end of a chat that was.
    """

    id: str
    slo: str
    scope: str
    generation: int
    key: str
    severity: Severity
    priority: Priority
    summary: str
    labels: Mapping[str, str]
    firing: frozenset[FiringPair]
    evidence: Evidence
    opened_at: datetime
    opened_by: str = ""
    found_by: str = "provider"
    created_at: datetime | None = None
    contract_digest: str = ""
    circumstances: Circumstances | None = None
    services: tuple[str, ...] = ()
    destination: str = ""
    reference: str = ""
    paged_at: datetime | None = None
    page_open: bool = False
    page_key: str = ""
    page_answered: bool = False
    page_of_alert: bool = False
    urged: bool = False
    needs_page: bool = False
    paged_to: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    hears: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)
    muted: str = ""
    pages: tuple[datetime, ...] = ()
    told_at: datetime | None = None
    told_as: Priority | None = None
    page_clear_since: datetime | None = None
    clear_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    responded_at: datetime | None = None
    responded_by: str = ""
    turns: tuple[Turn, ...] = ()
    warned: float = 0.0
    warned_for: datetime | None = None
    missed_at: datetime | None = None
    etas: tuple[Promised, ...] = ()
    promises_missed: tuple[str, ...] = ()
    waiting: bool = False
    owner: str = ""
    responsibility: Responsibility | None = None
    chat_ended_at: datetime | None = None
    chat_missed_at: datetime | None = None
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str = ""
    resolved_why: str = ""
    sent_directly: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()

    @property
    def age(self) -> tuple[datetime, int, str]:
        """What sorts the older one first; it ends with the id."""
        return self.opened_at, len(self.id), self.id

    @property
    def open(self) -> bool:
        """Whether people still work on it."""
        return self.resolved_at is None

    @property
    def settled(self) -> bool:
        """Whether nothing becomes of it by itself any more: it is over, and so are its clocks."""
        answered = self.responded_at is not None or self.missed_at is not None
        return not self.open and answered and self.chat_ended_at in (None, self.chat_missed_at)

    @property
    def status(self) -> str:
        """`triggered`, `acknowledged` or `resolved`; a page that nobody has answered is `triggered` again."""
        if not self.open:
            return "resolved"
        unanswered = self.acknowledged_at is None or (self.page_open and not self.page_answered)
        return "triggered" if unanswered else "acknowledged"

    @property
    def unheard(self) -> bool:
        """Whether there may be people who are to hear of it and have not: it was muted, or is more urgent by now."""
        if self.told_as is self.priority:
            return False
        return self.told_as is None or self.priority.rank < self.told_as.rank

    @property
    def mark(self) -> str:
        """What no other incident is marked with."""
        return incident_mark(self.id, self.opened_at)

    @property
    def customer(self) -> str:
        """Whose incident it is; empty where nobody said."""
        return self.labels.get("customer", "")

    @property
    def detected_at(self) -> datetime:
        """When it was first known: when the ticket was written, or the alert fired."""
        return self.created_at or self.opened_at

    @property
    def mitigated_at(self) -> datetime | None:
        """Since when nobody suffers from it: nothing fires any more, or a person declared it over."""
        return self.clear_since or self.resolved_at

    @property
    def eta(self) -> ETA | None:
        """What was promised last."""
        return self.etas[-1].eta if self.etas else None

    @property
    def human(self) -> bool:
        """Whether a person opened it: then no alert is about it, and only a person ends it."""
        return self.slo == REPORTED

    @property
    def alert_labels(self) -> dict[str, str]:
        """What routes, silences and inhibition look at."""
        return alert_labels(self.labels, slo=self.slo, scope=self.scope, severity=self.severity, priority=self.priority)
