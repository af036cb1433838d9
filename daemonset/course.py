"""What an API server is asked next, so that nothing is missed and nothing is asked in vain. Pure.

A collection is known by one LIST and by WATCHing what changes from its version on. A WATCH that ends is begun anew from
the version that was seen last; only when the server has forgotten that one, or said what cannot be understood, there is
another LIST. Who may ask for what, and what it costs the server, stands in
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions:

- The first LIST takes what the server has in its cache (version 0), however old: the WATCH brings what is missing.
- A later one takes nothing older than what is known already, or the view would go back in time. It has no `limit`: with
  one, older servers leave their cache aside and read every pod of the cluster from etcd.
- Where the server has nothing that new, or that version leads nowhere, the newest is asked for.
"""

from collections.abc import Callable, Mapping
from enum import Enum

from slo.core.delivery import backoff_seconds
from slo.errors import Fault

PAGE = 500
"""How many objects a page of a LIST has."""

LONGEST_WAIT_SECONDS = 30.0
"""The longest pause between two attempts, whatever the server asks for."""

STEADY_SECONDS = 5.0
"""A WATCH that lives for so long was worth its while: the pauses after it are short again."""

_UNREADABLE = frozenset({"malformed", "too_large", "status", "error_event"})
"""What says nothing of what comes after it: the WATCH cannot be taken up where it ended."""


class _Basis(Enum):
    """What a LIST is answered from."""

    CACHED = "whatever the server has"
    NOT_OLDER = "nothing older than what is known"
    NEWEST = "what etcd has now"


class Course:
    """The next question, by what came of those before. `jitter` gives random numbers in [0, 1).

    The server may have us wait for `longest_asked_seconds` and no longer. `version` is up to where everything is known.
    """

    def __init__(self, jitter: Callable[[], float], *, longest_asked_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._jitter = jitter
        self._longest_asked_seconds = longest_asked_seconds
        self._failures = 0
        self._basis = _Basis.CACHED
        self._listed = ""
        self.listing = True
        self.version = ""

    def to_list(self, proceed: str = "") -> Mapping[str, str]:
        """The query of a LIST, or of its next page."""
        if proceed:
            return {"limit": str(PAGE), "continue": proceed}
        match self._basis:
            case _Basis.CACHED:
                return {"resourceVersion": "0", "limit": str(PAGE)}
            case _Basis.NOT_OLDER:
                return {"resourceVersion": self.version, "resourceVersionMatch": "NotOlderThan"}
            case _Basis.NEWEST:
                return {"limit": str(PAGE)}

    def to_watch(self, seconds: int) -> Mapping[str, str]:
        """The query of a WATCH that the server is to end after so long."""
        return {
            "watch": "true",
            "resourceVersion": self.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }

    def listed(self, version: str) -> None:
        """A LIST is whole."""
        self.listing = False
        self.version = self._listed = version
        self._basis = _Basis.NOT_OLDER

    def ended(self, lived_seconds: float) -> float:
        """A WATCH has ended as it should; seconds to wait."""
        if lived_seconds < STEADY_SECONDS:
            return self._pause(None)
        self._failures = 0
        return self._jitter()  # who ends ours has ended those of others, too

    def failed(self, fault: Fault, lived_seconds: float) -> float:
        """A question was not answered, or a WATCH broke off after it had lived for so long; seconds to wait."""
        if self.listing:
            self._after_list(fault)
        else:
            self._after_watch(fault)
            if lived_seconds >= STEADY_SECONDS:
                self._failures = 0
        return self._pause(getattr(fault, "after_seconds", None))

    def _after_list(self, fault: Fault) -> None:
        """A server that has not come to our version yet says 504; one that does not know it, 410 or 4xx."""
        status = getattr(fault, "status", 0)
        if status == 504 or fault.reason in ("expired", "status"):
            self._basis = _Basis.NEWEST

    def _after_watch(self, fault: Fault) -> None:
        if fault.reason == "expired" and self.version == self._listed:
            self._basis = _Basis.NEWEST  # the LIST itself was older than what can be watched
        self.listing = fault.reason == "expired" or fault.reason in _UNREADABLE

    def _pause(self, after_seconds: float | None) -> float:
        self._failures += 1
        return backoff_seconds(
            self._failures,
            after_seconds=None if after_seconds is None else min(after_seconds, self._longest_asked_seconds),
            jitter=self._jitter(),
            cap_seconds=LONGEST_WAIT_SECONDS,
        )
