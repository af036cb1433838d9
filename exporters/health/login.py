"""A login of its own, now and then: a connection that is kept tells nothing of whether anybody could log in now."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from exporters.health.kept import REFUSALS
from exporters.health.periodic import Periodic
from slo.core.sample import Sample
from slo.errors import Fault
from slo.exposition.families import Family
from slo.net.attempt import Attempt
from slo.net.context import Context

FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="watchkeep_login_success",
            type="gauge",
            help="Whether the last login beside the kept connection succeeded; absent before the first.",
        ),
        Family(
            name="watchkeep_login_duration_seconds",
            type="gauge",
            help="How long that login took, from resolving the name on.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """How the last login went, and how many seconds ago it was; `fault` is None where it succeeded."""

    fault: Fault | None
    seconds: float
    age_seconds: float = 0.0


class FreshLogin:
    """Logs in and out again every so often, by `visit`.

    One that failed is tried again in the next round. But one that was refused stands until the next is due: servers
    count those, and lock the account.
    """

    def __init__(self, visit: Callable[[Attempt], Awaitable[None]], every: timedelta, context: Context) -> None:
        """With an `every` of nothing nobody logs in."""
        self._visit = visit
        self._context = context
        self._done: Periodic[Login] | None = Periodic(every.total_seconds(), context.clock) if every else None

    async def ask(self, deadline: float) -> Login | None:
        """How the last login went, which is made now where it is due. Holds the deadline, and raises no Fault."""
        if self._done is None:
            return None
        failed: list[Login] = []

        async def log_in() -> Login:
            attempt = Attempt(self._context)
            reached = await attempt.run(self._visit(attempt), deadline)
            login = Login(fault=reached.fault, seconds=reached.seconds)
            if login.fault is not None and login.fault.reason not in REFUSALS:
                failed.append(login)
                raise login.fault
            return login

        try:
            last = await self._done.ask(log_in)
        except Fault:
            return failed[0]
        return replace(last.value, age_seconds=last.age_seconds)


def samples(login: Login | None) -> Iterator[Sample]:
    """The login as metrics, `FAMILIES`."""
    if login is not None:
        yield Sample("watchkeep_login_success", 1.0 if login.fault is None else 0.0)
        yield Sample("watchkeep_login_duration_seconds", login.seconds)
