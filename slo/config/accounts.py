"""Accounts that several destinations have at one vendor: what happens to the one's things there is not the other's."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from slo.config.entries import Entry
from slo.config.report import Report
from slo.config.schema import DestinationKeys
from slo.config.section import KindConfig


class SharedAccountConfig(KindConfig, ABC):
    """What the `Config` of a kind inherits from whose destinations look for what is theirs in an account."""

    @property
    @abstractmethod
    def accounts(self) -> frozenset[str]:
        """What tells the account from others, each by itself; nothing where nothing is looked for."""

    @property
    @abstractmethod
    def part(self) -> str:
        """The part of the account that is theirs, as people name it; empty where nobody has."""

    @property
    @abstractmethod
    def way_in(self) -> str:
        """What is theirs was made by this way in: with the same one, it is the same part."""

    @property
    @abstractmethod
    def mend(self) -> str:
        """How the part is named."""


def warn_of_shared_accounts(destinations: Sequence[Entry[DestinationKeys]], report: Report) -> None:
    """Of those that look for what is theirs in all of an account, where another one has a part of it."""
    having = [(entry, entry.config) for entry in destinations if isinstance(entry.config, SharedAccountConfig)]
    for entry, config in having:
        if config.part:
            continue
        for other, of_other in having:
            if other is not entry and config.accounts & of_other.accounts and config.way_in != of_other.way_in:
                problem = (
                    f"is of the same account as {other.name} {report.beside(entry.at, other.at)}, "
                    "and does not say which part of it is its own"
                )
                report.warn(entry.at, problem, config.mend)
                break
