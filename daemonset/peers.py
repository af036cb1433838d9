"""The agents as they know one another: each has a Lease that it renews, and follows those of the others.

How long all of this takes, and why, is in docs/decisions.md.
"""

import asyncio
import random
from collections.abc import Callable

from daemonset.api_client import APIClient, within
from daemonset.attendance import Attendance
from daemonset.lease import LEASE, LEASE_EVENT, Lease, LeaseDocument, Leases
from daemonset.own_lease import OwnLease
from daemonset.reflector import Collection, Facts, Patience, Reflector
from daemonset.seats import Seat, seated
from daemonset.share import owner
from daemonset.view import Latest
from slo.core.delivery import backoff_seconds
from slo.core.protocols import Clock
from slo.errors import Fault

RELEASE = "watchkeep-agent"

LEASE_SECONDS = 20
"""How long we count as there after a renewal."""

RENEW_SECONDS = 4.0
"""Between two renewals."""

WRITE_SECONDS = 5.0
"""How long a renewal may take: two may fail so, and a third comes in time."""

LEAVE_SECONDS = 10.0
"""How long giving up our Lease may take, a renewal that is under way included."""

LOOK_SECONDS = 1.0
"""Between two looks at who is there."""

LONGEST_ASKED_SECONDS = 5.0
"""How long the server may have us wait while others count on us: twice, and the third renewal still comes in time.

No longer before we look at the others again, or their share would be nobody's.
"""

LONGEST_WAIT_SECONDS = 30.0
"""Between two tries to get a Lease that we never had: nobody counts on us."""

TIDY_SECONDS = 60.0
TIDIED_AT_ONCE = 10
"""Leases of nodes that have gone are deleted so many in so long."""

PATIENCE = Patience(answer_seconds=5.0, idle_seconds=15.0, asked_seconds=LONGEST_ASKED_SECONDS)
"""Somebody renews all the time, we ourselves at least: a watch that says nothing for so long is dead."""


class Peers:
    """`run` has others know of us, and follows who is there; `agents` has who shares what is not in the cluster.

    Until the first set is known nothing is to be begun. An empty one says that nobody can be heard of, and that we are
    not known either: then everything is ours. Who is in it and who knows of it is certain only within seconds, so that
    some targets may be checked twice for a while.
    """

    def __init__(
        self,
        client: APIClient,
        me: str,
        namespace: str,
        *,
        clock: Clock,
        release: str = RELEASE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`me` is the name of our node. Agents of another `release` in the same namespace are none of ours.

        `jitter` gives random numbers in [0, 1).
        """
        self._me = me
        self._clock = clock
        self._jitter = jitter
        leases = Leases(namespace=namespace, release=release)
        collection = Collection(
            rule=leases.rule,
            path=leases.path,
            selector={"labelSelector": ",".join(f"{name}={value}" for name, value in leases.labels.items())},
            document=LEASE,
            event=LEASE_EVENT,
            keep=leases.kept,
        )
        self._followed = Reflector[LeaseDocument, Lease](
            collection, client, clock=clock, patience=PATIENCE, jitter=jitter
        )
        self._own = OwnLease(client, leases, me, seconds=LEASE_SECONDS, clock=clock)
        self._writing = asyncio.Lock()
        self._attendance = Attendance()
        self._seat = Seat(me)
        self._announced = False
        self.agents: Latest[frozenset[str]] = Latest(frozenset())

    @property
    def facts(self) -> Facts:
        """How the Leases are followed."""
        return self._followed.facts

    def announce(self) -> None:
        """We are ready for a share. Others hear so as soon as we know who of them is there."""
        self._announced = True

    async def withdraw(self) -> None:
        """We are about to go: have others take our share at once. Ends within `LEAVE_SECONDS`, whatever happens.

        What cannot be given up runs out by itself.
        """
        self._announced = False
        try:
            async with within(LEAVE_SECONDS, "timeout", "the Lease was not given up"), self._writing:
                await self._own.give_up()
        except Fault:
            return
        finally:
            if self._followed.view.known:
                self._show()

    async def run(self, failed: Callable[[Fault], None]) -> None:
        """Renew and follow for good. `failed` is told what goes wrong; who was known then stays."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._followed.run(failed))
            group.create_task(self._look())
            group.create_task(self._renew(failed))
            group.create_task(self._tidy(failed))

    async def _look(self) -> None:
        """Show who is there, time after time."""
        began = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            if self._followed.view.known:
                leases = (lease for lease in self._followed.view.now.values() if lease.agent != self._me)
                self._attendance.look(leases, now=now, heard_at=self._followed.heard_at or now)
                self._show()
            elif now - began >= LEASE_SECONDS:
                self.agents.become(frozenset())
            await self._pause(LOOK_SECONDS)

    def _show(self) -> None:
        ours = {self._me} if self._own.held else set()
        self.agents.become(seated(self._attendance.ready | ours))

    async def _renew(self, failed: Callable[[Fault], None]) -> None:
        """Have our Lease while we are to have a seat, and none otherwise."""
        failures = 0
        while True:
            wait = LOOK_SECONDS
            try:
                async with within(WRITE_SECONDS, "timeout", "our Lease was not written"), self._writing:
                    if self._wanted():
                        await self._own.renew()
                        wait = RENEW_SECONDS
                    else:
                        await self._leave()
                failures = 0
            except Fault as fault:
                failed(fault)
                failures += 1
                wait = self._wait_after(fault, failures)
            await self._pause(wait)

    def _wanted(self) -> bool:
        if not self._announced or not self.agents.known or not self._followed.view.known:
            return False
        if not self._own.held and not self._attendance.settled:
            return False
        return self._seat.wanted(self._attendance.there, held=self._own.held, now=self._clock.monotonic())

    async def _leave(self) -> None:
        """Have no Lease: not the one of whoever was here before us either, since he is not there any more."""
        await self._own.give_up()
        left = next((lease for lease in self._followed.view.now.values() if lease.agent == self._me), None)
        if left is not None:
            await self._own.delete(self._me, left.version)

    def _wait_after(self, fault: Fault, failures: int) -> float:
        """While others count on us, we come back before they take us for gone, whatever the server asks for."""
        held = self._own.held
        after = getattr(fault, "after_seconds", None)
        return backoff_seconds(
            failures,
            after_seconds=min(after, LONGEST_ASKED_SECONDS) if after is not None and held else after,
            jitter=self._jitter(),
            cap_seconds=RENEW_SECONDS if held else LONGEST_WAIT_SECONDS,
        )

    async def _tidy(self, failed: Callable[[Fault], None]) -> None:
        """Delete what is left of nodes that have gone; each Lease has one agent that does so."""
        while True:
            await self._pause(TIDY_SECONDS)
            agents = self.agents.now
            ours = [
                lease for lease in self._attendance.long_gone if agents and owner(("", lease.agent), agents) == self._me
            ]
            try:
                for lease in ours[:TIDIED_AT_ONCE]:
                    async with within(WRITE_SECONDS, "timeout", "an old Lease was not deleted"):
                        await self._own.delete(lease.agent, lease.version)
            except Fault as fault:
                failed(fault)

    async def _pause(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.monotonic() + seconds)
