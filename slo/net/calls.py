"""Calls of jobs: which are expected, what they have said, and when nobody could hear them."""

import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slo.core.job import Call, Deafness, Job
from slo.core.protocols import Called

LEAP = timedelta(seconds=5)
"""By how much the clock may gain on monotonic time between two looks; more was skipped, and never listened to."""

STANDSTILL = timedelta(seconds=30)
"""How long a process may go without a look; one that stood still for longer has answered nobody."""

_NOBODYS = b"-" * 16
"""What a token is compared with where there is no such job: that takes as long as a wrong one."""


class Calls:
    """The jobs by their names. Who receives the calls has them taken; checks look at `jobs`.

    What is known of the `unwritten` is newer than what is on disk. It belongs to the thread of the event loop.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.deaf: Deafness | None = None
        self.unwritten: set[str] = set()
        self._expected: dict[str, list[Called[Any]]] | None = None
        self._looked: tuple[datetime, float] | None = None

    def expect(self, checks: Iterable[Called[Any]], now: datetime) -> None:
        """Admit the calls that these checks admit, and no others. A job that was not expected before begins `now`."""
        before, self._expected = self._expected, {}
        for check in checks:
            self._expected.setdefault(check.target, []).append(check)
        for name in self._expected:
            known = self.jobs.get(name)
            if known is None or (before is not None and name not in before):
                self.jobs[name] = replace(known, expected_since=now) if known else Job(expected_since=now)
                self.unwritten.add(name)

    def admits(self, name: str, token: bytes) -> bool:
        """Whether a call of this job with this token is one of its own."""
        checks = (self._expected or {}).get(name)
        if not checks:
            hmac.compare_digest(token, _NOBODYS)
            return False
        return any(check.admits(token) for check in checks)

    def take(self, name: str, call: Call) -> None:
        """Know of a call; it is to be written then."""
        self.jobs[name] = self.jobs[name].after(call)
        self.unwritten.add(name)

    def hear(self, now: datetime, monotonic: float) -> None:
        """Notice that it is `now`, at `monotonic` seconds; whoever receives calls does so all the time.

        Where the clock leapt since the last time, or this process stood still, nothing was heard meanwhile.
        """
        if self._looked is not None:
            before, earlier = self._looked
            if now - before > STANDSTILL or now - before - timedelta(seconds=monotonic - earlier) > LEAP:
                self.deaf = Deafness(begins=before, ends=now)
        self._looked = now, monotonic
