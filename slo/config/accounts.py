"""Accounts that several destinations have at one vendor: what happens to the one's things there is not the other's."""

from collections.abc import Sequence

from slo.config.entries import Entry
from slo.config.report import Report
from slo.config.schema import DestinationKeys
from slo.config.section import KindConfig


class AccountConfig(KindConfig):
    """What the `Config` of a kind inherits from whose destinations look for what is theirs in an account."""

    @property
    def accounts(self) -> frozenset[str]:
        """What tells the account from others, each by itself; nothing where nothing is looked for."""
        raise NotImplementedError

    @property
    def part(self) -> str:
        """The part of the account that is theirs, as people name it; empty where nobody has."""
        raise NotImplementedError

    @property
    def way_in(self) -> str:
        """What is theirs was made by this way in: with the same one, it is the same part."""
        raise NotImplementedError

    @property
    def mend(self) -> str:
        """How the part is named."""
        raise NotImplementedError


def warn_of_shared_accounts(destinations: Sequence[Entry[DestinationKeys]], report: Report) -> None:
    """Of those that look for what is theirs in all of an account, where another one has a part of it."""
    having = [(entry, entry.config) for entry in destinations if isinstance(entry.config, AccountConfig)]
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
