"""The Lease of this agent: written and renewed while it has its share, and given up when it goes."""

from datetime import datetime, timedelta

from daemonset.api_client import APIClient, APIFault
from daemonset.documents import read
from daemonset.lease import LEASE, LeaseDocument, Leases, micro_time
from daemonset.permissions import with_mend
from slo.core.protocols import Clock
from slo.errors import Fault

TRIES = 3
"""How often one renewal is tried at once, where somebody else had written or deleted the Lease meanwhile."""


class OwnLease:
    """`held` is whether it was written, and not given up since. Raises Fault for whatever the API server does.

    Never used by two at a time.
    """

    def __init__(self, client: APIClient, leases: Leases, agent: str, *, seconds: int, clock: Clock) -> None:
        self._client = client
        self._leases = leases
        self._agent = agent
        self._seconds = seconds
        self._clock = clock
        self._acquired: datetime | None = None
        self._renewed: datetime | None = None
        self._version = ""
        self.held = False

    async def renew(self) -> None:
        """Have it say that we are there, whatever became of it: gone, or written by somebody who was here before."""
        renewed = self._later(self._clock.now())
        self._acquired = self._acquired or renewed
        for _ in range(TRIES - 1):
            try:
                await self._write(self._acquired, renewed)
            except APIFault as fault:
                await self._take_over_after(fault)
            else:
                return
        await self._write(self._acquired, renewed)

    async def give_up(self) -> None:
        """Delete it, unless it is another's by now: of the pod that came to this node after ours.

        One that may have been written although nobody said so is deleted as well.
        """
        self.held = False
        if self._acquired is None:
            return
        for _ in range(TRIES):
            if self._version and await self.delete(self._agent, self._version):
                break
            found = await self._found()
            if found is None or found.spec.acquired != micro_time(self._acquired):
                break
            self._version = found.metadata.resource_version
        self._acquired, self._version = None, ""

    async def delete(self, agent: str, version: str) -> bool:
        """Delete the Lease of an agent, if it still is as it was at this version; whether it has gone."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version}}
        try:
            await self._client.exchange("DELETE", self._leases.path_of(agent), options)
        except APIFault as fault:
            if fault.status not in (404, 409):
                raise self._told(fault, "delete") from None
            return fault.status == 404
        return True

    async def _write(self, acquired: datetime, renewed: datetime) -> None:
        seconds, version = self._seconds, self._version
        document = self._leases.written(
            self._agent, acquired=acquired, renewed=renewed, seconds=seconds, version=version
        )
        try:
            if version:
                content = await self._client.exchange("PUT", self._leases.path_of(self._agent), document)
            else:
                content = await self._client.exchange("POST", self._leases.path, document)
        except APIFault as fault:
            raise self._told(fault, "update" if version else "create") from None
        self._version = read(LEASE, content, "our Lease").metadata.resource_version
        self.held = True

    async def _take_over_after(self, fault: APIFault) -> None:
        """Have the next try take what is there for its base: nothing, where there is nothing. Others are raised."""
        if fault.status == 404 and self._version:
            self._version = ""
        elif fault.status == 409:
            found = await self._found()
            self._version = found.metadata.resource_version if found else ""
        else:
            raise fault

    async def _found(self) -> LeaseDocument | None:
        """What is there under our name."""
        try:
            content = await self._client.exchange("GET", self._leases.path_of(self._agent))
        except APIFault as fault:
            if fault.status == 404:
                return None
            raise self._told(fault, "get") from None
        return read(LEASE, content, "our Lease")

    def _later(self, now: datetime) -> datetime:
        """A time that no renewal of ours had, whatever the clock does: others look only at whether it is another."""
        self._renewed = max(now, self._renewed + timedelta(microseconds=1)) if self._renewed else now
        return self._renewed

    def _told(self, fault: APIFault, verb: str) -> Fault:
        return with_mend(fault, self._leases.rule, verb)
