"""PagerDuty's REST API, from the event loop: calls in threads, each within a deadline, none while it is to rest.

It says what the Events API cannot: notes, status updates, priorities, and what people did. A page waits for none of it.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from slo.config.secret import Secret
from slo.config.tls import TLSSettings
from slo.core.delivery import RETRY_AFTER_CAP_SECONDS, Ambiguous, Refused, Retry
from slo.errors import DestinationFault
from slo.net.context import Context
from slo.router.pagerduty.threads import CallThreads

if TYPE_CHECKING:
    from slo.router.pagerduty.incidents import IncidentsCall

THREADS = 16
"""More than calls are ever under way, as for events; they are started one by one, when they are needed."""

MISSING = "incident_not_found"
"""The reason where there is no such incident: it is not there yet, was deleted, or is another account's."""

AMBIGUOUS = "incident_ambiguous"
"""The reason where there are incidents of several services, and which is meant cannot be known."""

T = TypeVar("T")


class Unanswered(DestinationFault):
    """A call of the API did not do what it was for; the verdict says whether another one may."""

    def __init__(self, verdict: Retry | Refused | Ambiguous) -> None:
        super().__init__(verdict.reason, verdict.detail)
        self.verdict = verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class RestAccess:
    """How the API is reached: its address, whose token it is, and the address of the user who says what we say.

    `service` is the id of the service whose incidents are meant; empty where nobody said.
    """

    url: str
    token: Secret
    from_email: str
    tls: TLSSettings
    timeout_seconds: float
    service: str = ""


class Rest:
    """The API of one account."""

    def __init__(self, access: RestAccess, context: Context) -> None:
        self._access = access
        self._context = context
        self._threads = CallThreads("pagerduty-rest", size=THREADS)
        self._rests_until = 0.0

    async def use(self, work: Callable[["IncidentsCall"], T]) -> T:
        """Do some work over one connection, in a thread, all of it within the timeout.

        Raises Unanswered, without asking while the account has no requests left. Its verdict then names no time: that
        time would hold back the pages of the destination, which have a limit of their own.
        """
        if self._context.clock.monotonic() < self._rests_until:
            raise Unanswered(Retry(reason="rate_limited", detail="waits until requests are left"))
        try:
            return await self._threads.run(
                self._begin, lambda call: _closing(call, work), seconds=self._access.timeout_seconds
            )
        except TimeoutError:
            raise Unanswered(Ambiguous(reason="timeout")) from None
        except Unanswered as error:
            verdict = error.verdict
            if isinstance(verdict, Retry) and verdict.after_seconds is not None:
                wait_seconds = min(verdict.after_seconds, RETRY_AFTER_CAP_SECONDS)
                self._rests_until = self._context.clock.monotonic() + wait_seconds
                raise Unanswered(replace(verdict, after_seconds=None)) from None
            raise

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()

    def _begin(self) -> "IncidentsCall":
        """Runs in a thread: the package takes a moment to import."""
        from slo.router.pagerduty.incidents import IncidentsCall

        return IncidentsCall(
            base_url=self._access.url,
            token=self._access.token.reveal(),
            from_email=self._access.from_email,
            service=self._access.service,
            tls=self._context.tls.get(self._access.tls),
            phase_seconds=self._access.timeout_seconds,
        )


def service_of(incident: Mapping[str, object]) -> str:
    """The id of the service that an incident is of; empty where nothing says so."""
    service = incident.get("service")
    return str(service.get("id") or "") if isinstance(service, Mapping) else ""


def _closing(call: "IncidentsCall", work: Callable[["IncidentsCall"], T]) -> T:
    with contextlib.closing(call):
        return work(call)
