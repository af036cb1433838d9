"""Acts of people, done: which incident they mean, what they open, and when it can be relied on that it is done.

What an act comes to is decided in `slo.router.people`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from slo.core.acts import Act, Look, Open, Target
from slo.core.folding import fold
from slo.core.incident import Incident
from slo.errors import StoreBusy, UsageError
from slo.router.decide import decide_pages
from slo.router.draft import Draft
from slo.router.messages import Decision
from slo.router.opening import opened_before, opening_of, refuse_stranger
from slo.router.outbox import Outbox
from slo.router.people import decide_act, named_by
from slo.router.unwritten import Unwritten


class PeoplesActs:
    """Does what people want to the incidents of one router.

    `draft` begins a decision of this moment over incidents, and `take` makes decisions part of the state.
    """

    def __init__(
        self,
        unwritten: Unwritten,
        outbox: Outbox,
        *,
        draft: Callable[[Mapping[str, Incident]], Draft],
        take: Callable[..., Awaitable[None]],
    ) -> None:
        self._unwritten = unwritten
        self._outbox = outbox
        self._draft = draft
        self._take = take

    async def do(self, act: Act) -> Incident:
        """Do what a person wants; the incident afterwards.

        Raises UsageError for what cannot be, and StoreBusy where it is only held in memory so far.
        """
        if isinstance(act, Open):
            return await self._open(act)
        incident = await self._meant(act.target)
        meant = replace(act, target=replace(act.target, incident=incident))
        incidents = self._unwritten.incidents
        decision = decide_act(meant, incidents, teller=self._draft(incidents).teller)
        if isinstance(act, Look):  # there is nothing to wait for
            return incidents[incident]
        return await self._do(incident, decision)

    async def _open(self, act: Open) -> Incident:
        before = opened_before(act, self._unwritten.incidents)
        if before is not None:
            return await self._do(before.id, Decision())
        draft = self._draft(self._unwritten.incidents)
        refuse_stranger(act, draft.audience.customers)
        contract = draft.audience.contract(act.customer)
        opened = draft.open(opening_of(act, draft.take_id(), at=draft.now, contract=contract))
        return await self._do(opened.id, draft.decision)

    async def _do(self, incident: str, decision: Decision) -> Incident:
        """Make a person's decision part of the state, with the pages that follow from it.

        Raises StoreBusy as long as the journal lacks anything of the incident: also where the same is done again.
        """
        after = self._unwritten.incidents.fork()
        for event in decision.events:
            after.put(fold(after.get(event.incident), event))
        draft = self._draft(after)
        decide_pages(draft)
        await self._take(decision, draft.decision)
        if self._unwritten.holds(incident):
            raise StoreBusy(
                "the journal cannot be written now: this is held in memory and written as soon as possible,"
                " look at the incident again before you rely on it"
            )
        return self._unwritten.incidents[incident]

    async def _meant(self, target: Target) -> str:
        """The id of the incident that a target names."""
        if named := named_by(target, self._unwritten.incidents):
            return named
        journal = self._outbox.journal
        found = await self._outbox.read(
            journal.incident_of, target.destination, key=target.key, reference=target.reference
        )
        if found is None:
            what = target.key or target.reference
            raise UsageError(f"{target.destination} knows {what!r}, and no incident is known by that here")
        return found
