"""SLOs and corrections at Datadog, kept in step with ours: looks at what is there, and does what a plan says.

What is to be done is done one request after the other, each once; the next look finds what became of one that nobody
heard of. Each waits its turn beside the batches of telemetry, which have the same thread.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from exporters.datadog.calls import Calls, Unanswered
from exporters.datadog.corrections import corrections, known_by, plan_corrections
from exporters.datadog.objectives import Present, mark_of, objectives, plan
from exporters.datadog.slo_api import act, correct, present_corrections, present_slos, take_back
from exporters.forwarding.selection import Selection
from slo.core.delivery import RETRY_AFTER_CAP_SECONDS, Ambiguous, Refused, Retry
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.exposition.sparing import Sparing

if TYPE_CHECKING:
    from datadog_api_client import ApiClient

LOOK_AGAIN = timedelta(minutes=10)
"""How long what was put in step is believed to be so, while nothing changes here."""

COMPLAIN_EVERY_SECONDS = 3_600.0

logger = logging.getLogger(__name__)


class Keeping:
    """Keeps what is there for one owner: of the SLOs of which `selection` takes the counts."""

    def __init__(self, calls: Calls, *, owner: str, selection: Selection, shown: str) -> None:
        self._calls = calls
        self._owner = owner
        self._selection = selection
        self._shown = shown
        self._settled: tuple[Sequence[SLO], Sequence[Exclusion]] | None = None
        self._look_at: datetime | None = None
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    async def keep(self, slos: Sequence[SLO], exclusions: Sequence[Exclusion], now: datetime) -> None:
        """Put everything in step. What cannot be done now is said, and done another time."""
        asked = [slo for slo in slos if self._selection.takes(slo.labels)], list(exclusions)
        if self._look_at is not None and now < self._look_at and self._settled in (asked, None):
            return
        self._settled, self._look_at = None, None
        try:
            await self._keep(*asked, now)
        except Unanswered as error:
            self._complain("SLOs at Datadog cannot be kept in step now", error)
            if isinstance(error.verdict, Retry | Ambiguous) and error.verdict.after_seconds:
                self._look_at = now + timedelta(seconds=min(error.verdict.after_seconds, RETRY_AFTER_CAP_SECONDS))
            return
        self._settled, self._look_at = asked, now + LOOK_AGAIN

    async def _keep(self, slos: Sequence[SLO], exclusions: Sequence[Exclusion], now: datetime) -> None:
        """Raises Unanswered where Datadog does not answer."""
        wanted = objectives(slos, owner=self._owner, labelled=self._selection.labelled, now=now)
        present = await self._present()
        actions = plan(wanted, present)
        for action in actions:
            await self._do(partial(act, action))
        if actions:
            present = await self._present()
        ids = {each.objective.mark: each.id for each in present}
        by_id = {ids[mark]: slo for slo in slos if (mark := mark_of(self._owner, slo.key)) in ids}
        if by_id:
            await self._keep_corrections(by_id, exclusions, now)

    async def _keep_corrections(self, slos: Mapping[str, SLO], exclusions: Sequence[Exclusion], now: datetime) -> None:
        present = await self._calls.use(present_corrections)
        to_do = plan_corrections(
            corrections(exclusions, slos, owner=self._owner, now=now),
            present,
            owner=self._owner,
            slos=slos.keys(),
            known=known_by(exclusions),
            now=now,
        )
        for id_ in to_do.delete:
            await self._do(partial(take_back, id_))
        for correction in to_do.create:
            await self._do(partial(correct, correction))

    async def _do(self, work: "Callable[[ApiClient], object]") -> None:
        """Do one thing. What Datadog refuses is said, and the others are done. Raises Unanswered where it is away."""
        try:
            await self._calls.use(work)
        except Unanswered as error:
            if not isinstance(error.verdict, Refused):
                raise
            self._complain("Datadog refuses an SLO or a correction", error)

    async def _present(self) -> list[Present]:
        return await self._calls.use(lambda client: present_slos(client, self._owner))

    def _complain(self, message: str, error: Unanswered) -> None:
        verdict = error.verdict
        self._log.tell(
            logging.WARNING,
            message,
            key=verdict.reason,
            extra={"to": self._shown, "reason": verdict.reason, "detail": verdict.detail},
        )
