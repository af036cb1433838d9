"""Paths: where messages go that their own destination does not take, and the alert that it does not.

Driven by levels, as the decisions are: each look reads from the outbox what is overdue or refused and has no copy on
its way yet. The copies have ids that follow from the messages, so that whatever is killed, there is one of each.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from slo.core.alert import Alert, Cause, Evidence, FiringPair, Report
from slo.core.delivery import Action, Message
from slo.core.incident import Incident
from slo.core.paths import DELIVERY, DeliveryPath, Passage, copy_id
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.protocols import Clock
from slo.core.slo import slo_key
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.router.draft import Draft
from slo.router.outbox import Outbox
from slo.router.summary import one_line

LOOK_SECONDS = 5.0
"""How often the outbox is looked at."""

LOST_BEATS = 3
"""A heartbeat of which nothing was taken for so many intervals does not get through."""

OWN_LABELS: Mapping[str, str] = {"source": "watchkeep", "environment": "production"}
"""The labels of what the watch says about itself. A path that carries pages is production, whatever is watched."""

logger = logging.getLogger(__name__)


def diverted(strays: Iterable[Message], paths: Mapping[str, DeliveryPath]) -> list[Message]:
    """The copies of messages for their fallbacks. Of pages that are the same there, the first is copied."""
    begun: dict[tuple[str, str], str] = {}
    copies = []
    for message in strays:
        fallback = paths[message.destination].fallback
        first = begun.setdefault((fallback, message.key), message.destination)
        if first != message.destination:
            continue
        instead = f"{message.summary} (told here, since {message.destination} did not take it)"
        copies.append(
            replace(
                message,
                id=copy_id(message.id, fallback),
                destination=fallback,
                summary=one_line(instead) if message.action is Action.TRIGGER else message.summary,
                reference="",
                instead_of=message.destination,
            )
        )
    return copies


def with_own(alerts: Iterable[Alert], paths: "Paths", draft: Draft) -> list[Alert]:
    """The alerts with those of the watch about its own paths, of which nobody else says anything."""
    own = paths.alerts(draft.incidents.unsettled(), draft.now)
    return [*(alert for alert in alerts if alert.slo != DELIVERY), *own]


class Paths:
    """Watches the path to each destination. `diverted` is called when something was sent another way."""

    def __init__(self, outbox: Outbox, *, clock: Clock, telemetry: Telemetry, diverted: Callable[[], None]) -> None:
        self.paths: Mapping[str, DeliveryPath] = {}
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._diverted = diverted
        self._began = clock.now()
        self._settled = 0
        self._passages: dict[str, Passage] = {}
        self._failing: dict[str, frozenset[Priority]] | None = None
        self._whys: dict[str, str] = {}

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError:
                pass  # the outbox has said so
            except Exception:
                logger.exception("the paths cannot be watched")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """See what does not get through, and send it another way. Raises StoreError."""
        paths, now = self.paths, self._clock.now()
        look = await self._outbox.read(self._outbox.journal.look, self._settled, paths, now)
        copies = diverted(look.strays, paths)
        if copies:
            await self._outbox.write(self._outbox.journal.commit, (), copies, at=now)
            self._diverted()
            for copy in copies:
                logger.error(
                    "a message goes another way",
                    extra={
                        "destination": copy.instead_of,
                        "fallback": copy.destination,
                        "incident": copy.incident,
                        "action": str(copy.action),
                    },
                )
                self._telemetry.diverted.labels(copy.instead_of, copy.destination).inc()
        self._settled = look.settled
        self._passages = {
            name: look.passages.get(name, Passage()).after(self._passages.get(name, Passage()))
            for name in look.passages.keys() | self._passages.keys()
        }
        failing = {name: self._failing_at(name, path, now) for name, path in paths.items()}
        for name, priorities in failing.items():
            if priorities and name not in self._whys:
                self._whys[name] = await self._why(name)
            elif not priorities:
                self._whys.pop(name, None)
        self._failing = dict.fromkeys(self._failing or (), frozenset[Priority]()) | failing
        self._show()

    def alerts(self, incidents: Iterable[Incident], now: datetime) -> list[Alert]:
        """One for each destination: whether what it is to be told gets through. Nothing before the first look.

        Of one that the configuration does not have nothing is said: what waits for it is given up, and no path is left
        to be mended.
        """
        if self._failing is None:
            return []
        opened = {incident.scope for incident in incidents if incident.slo == DELIVERY and incident.open}
        return [self._alert(name, now) for name in sorted((self._failing.keys() | opened) & self.paths.keys())]

    @property
    def subjects(self) -> set[str]:
        """What stands for the SLO of the path to each destination, as keys."""
        return {slo_key(DELIVERY, name) for name in self.paths}

    def _failing_at(self, name: str, path: DeliveryPath, now: datetime) -> frozenset[Priority]:
        passage = self._passages.get(name, Passage())
        if path.beats_every is None:
            return passage.failing(path, now)
        last = max(passage.sent_at or self._began, self._began)
        return frozenset({Priority.P1} if now - last > LOST_BEATS * path.beats_every else ())

    def _alert(self, name: str, now: datetime) -> Alert:
        priorities = (self._failing or {}).get(name, frozenset())
        firing: frozenset[FiringPair] = frozenset()
        if priorities:
            severity = Severity.PAGE if Priority.P0 in priorities else Severity.TICKET
            firing = frozenset({FiringPair(severity=severity, cause=Cause.UNDELIVERED)})
        why = self._whys.get(name, "")
        what = "the heartbeat" if self._beats(name) else "what is to be told there"
        summary = one_line(f"{what} does not get through to {name}{f' ({why})' if why else ''}")
        evidence = Evidence(report=Report(summary=summary))
        return Alert(slo=DELIVERY, scope=name, at=now, firing=firing, labels=OWN_LABELS, evidence=evidence)

    async def _why(self, name: str) -> str:
        reason, detail = await self._outbox.read(self._outbox.journal.why, name)
        return f"{reason}: {detail}" if detail else reason

    def _beats(self, name: str) -> timedelta | None:
        path = self.paths.get(name)
        return path.beats_every if path else None

    def _show(self) -> None:
        for name, priorities in (self._failing or {}).items():
            self._telemetry.path_broken.labels(name).set(bool(priorities))
            sent_at = self._passages.get(name, Passage()).sent_at
            if self._beats(name) and sent_at:
                self._telemetry.heartbeat_at.labels(name).set(sent_at.timestamp())
