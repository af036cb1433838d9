"""Every error that Watchkeep raises on purpose.

    WatchkeepError
    ├── UsageError            the command line asks for what cannot be (exit code 2)
    ├── ConfigError           the configuration has faults; carries all of them (exit code 2)
    ├── StoreError            the embedded store cannot do what was asked
    │   ├── StoreBusy         another transaction holds it, or another process owns the folder
    │   ├── StoreFull         no space is left on its disk
    │   └── StoreDamaged      a file is not what it was when it was written
    ├── InboundError          a request from outside is not taken
    │   ├── Forged            it does not prove who sent it
    │   ├── Malformed         what it says cannot be understood
    │   └── TooOften          it comes more often than it may
    ├── ParseError            metrics that were read are not what their format says
    ├── DestinationFault      a destination was asked something and does not say it
    ├── ServerFault           a Prometheus-compatible server gave no answer that can be counted
    └── Fault                 a check could not finish; becomes an outcome with a bounded reason
        └── PassedOver        something that was found cannot be a target; all else that was found can

An error that a user sees names the place and the mend.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class WatchkeepError(Exception):
    """The root of the tree: catching it catches nothing that is a bug."""


class UsageError(WatchkeepError):
    """The command cannot run as it was called; the message says what to write instead."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class ConfigFault:
    """One fault of a configuration, at its place.

    `line` and `column` count from 1; 0 where the whole file is meant.
    """

    file: str
    line: int
    column: int
    path: str
    problem: str
    mend: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{place}: {self.path}: " if self.path else f"{place}: "
        return f"{subject}{self.problem}{'; ' + self.mend if self.mend else ''}"


class ConfigError(WatchkeepError):
    """A configuration with faults, all of them at once, in the order of their places."""

    def __init__(self, faults: Sequence[ConfigFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class StoreError(WatchkeepError):
    """The embedded store cannot do what was asked."""


class StoreBusy(StoreError):
    """Somebody else holds the store: a transaction that does not end, or another process."""


class StoreFull(StoreError):
    """The disk under the store has no space left."""


class StoreDamaged(StoreError):
    """A file of the store does not read as it was written."""


class InboundError(WatchkeepError):
    """A request from outside is not taken; the message says why, without its contents."""


class Forged(InboundError):
    """The request does not prove who sent it, or not when: nothing of it is believed."""


class Malformed(InboundError):
    """The request is from whom it says, and what it says cannot be understood."""


class TooOften(InboundError):
    """The request comes sooner after others than it may; it is good later."""


@dataclass(eq=False)
class ParseError(WatchkeepError):
    """Metrics in text, from a scrape or a file, are not what their format says; nothing of them is to be used.

    `line` and `column` (in characters) count from 1. `mend` is what to write instead, where that can be said.
    """

    line: int
    column: int
    problem: str
    mend: str = ""

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.problem}{'; ' + self.mend if self.mend else ''}"


@dataclass(eq=False)
class DestinationFault(WatchkeepError):
    """A destination was asked something and does not say it. `reason` is one of `slo.router.answers`."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}{': ' + self.detail if self.detail else ''}"


@dataclass(eq=False)
class ServerFault(WatchkeepError):
    """A query did not lead to an answer that can be counted; its time stays unknown.

    `reason` is one of `slo.sources.prometheus.reasons`, or the reason of a fault on the way to the server.
    """

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}{': ' + self.detail if self.detail else ''}"


@dataclass(eq=False)
class Fault(WatchkeepError):
    """A check could not finish.

    `reason` is one of `slo.core.reason.REASONS`; `phase` is the phase it happened in. `phases` holds the seconds
    of the phases that were reached, the failed one included only as far as it got.
    """

    reason: str
    phase: str = ""
    detail: str = ""
    phases: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason}{' in ' + self.phase if self.phase else ''}{': ' + self.detail if self.detail else ''}"


class PassedOver(Fault):
    """A discovery found something that should be a target by its looks, and cannot be one. All others are."""
