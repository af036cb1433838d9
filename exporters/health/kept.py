"""A session that is kept between rounds: metrics are asked for on one connection, which is made anew where it broke."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from slo.core.protocols import Clock
from slo.errors import Fault
from slo.net.attempt import Attempt

FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 120.0

REFUSALS = frozenset({"auth_refused", "auth_method", "database_unknown", "tls_verify", "tls_hostname", "tls_expired"})
"""What is the same a moment later, and is counted against us by some servers, which then lock the account."""

_HUNG_UP = frozenset({"data_closed", "connect_reset", "not_ready"})
"""How a connection ends that broke since the last round. One that hangs is not tried again: its time is over."""


class Session(Protocol):
    """A connection that somebody is logged in on."""

    @property
    def is_open(self) -> bool:
        """Whether more can be asked."""

    def close(self) -> None:
        """Log out, without waiting for the other side."""


S = TypeVar("S", bound=Session)
T = TypeVar("T")


class Kept(Generic[S]):
    """One session at most. After logins that were refused the next one waits, twice as long each time."""

    def __init__(self, login: Callable[[Attempt], Awaitable[S]], clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._session: S | None = None
        self._refused: Fault | None = None
        self._pause = 0.0
        self._not_before = 0.0

    async def ask(self, attempt: Attempt, questions: Callable[[S], Awaitable[T]]) -> T:
        """The answers on the session, on a new one where there was none or it broke since the last round. Raises Fault.

        A session whose answer did not come whole is not used again.
        """
        session, self._session = self._session, None
        if session is not None and session.is_open:
            try:
                answers = await questions(session)
            except Fault as fault:
                if session.is_open or fault.reason not in _HUNG_UP:
                    self._put_back(session)
                    raise
            except BaseException:
                session.close()
                raise
            else:
                self._session = session
                return answers
        session = await self._log_in(attempt)
        try:
            return await questions(session)
        finally:
            self._put_back(session)

    def renew(self, session: S) -> None:
        """Keep this session, which somebody just logged in on, in place of the one that is kept."""
        self.close()
        self._session, self._refused, self._pause = session, None, 0.0

    def close(self) -> None:
        """Log out, without waiting for the other side."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    async def _log_in(self, attempt: Attempt) -> S:
        wait = self._not_before - self._clock.monotonic()
        if self._refused is not None and wait > 0:
            spared = f"{self._refused.detail}; not tried again for {wait:.0f} s, lest the account is locked"
            raise Fault(self._refused.reason, detail=spared)
        try:
            session = await self._login(attempt)
        except Fault as fault:
            if fault.reason in REFUSALS:
                self._pause = min(self._pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                self._refused = Fault(fault.reason, detail=fault.detail)
                self._not_before = self._clock.monotonic() + self._pause
            raise
        self._refused, self._pause = None, 0.0
        return session

    def _put_back(self, session: S) -> None:
        """Keep the session for the next round, if it can be asked again."""
        if session.is_open:
            self._session = session
        else:
            session.close()
