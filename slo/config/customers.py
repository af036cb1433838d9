"""What is refused of customers that are well written: destinations and SLOs that do not fit them."""

from collections.abc import Collection, Mapping, Sequence

from slo.config.customer_keys import CustomerKeys
from slo.config.entries import Entry
from slo.config.names import Names
from slo.config.report import Location, Report
from slo.config.wrong import shown
from slo.core.priority import EnvironmentClass


def told(customers: Sequence[Entry[CustomerKeys]]) -> frozenset[str]:
    """The destinations that customers' `tell` names."""
    return frozenset(name for entry in customers for name, _ in _named(entry))


def refuse_lost_tellings(customers: Sequence[Entry[CustomerKeys]], known: Collection[str], report: Report) -> None:
    """The destinations that a customer names are there; `known` are those that are."""
    for entry in customers:
        for name, at in _named(entry):
            if name not in known:
                nearest = Names(known).nearest(name)
                mend = f"did you mean {nearest}?" if nearest else "add it to destinations, or name one that is there"
                report.tell(at, f"there is no destination {shown(name)}", mend)


def refuse_strangers(customers: Sequence[Entry[CustomerKeys]], slos: Sequence[object], report: Report) -> None:
    """Every SLO belongs to a customer, as far as both could be read.

    One that groups by `customer` has that label from its series.
    """
    by_name = {name: entry for entry in customers for name in ([entry.name] if entry.name else entry.texts)}
    names = Names(by_name)
    for index, item in enumerate(slos):
        labels = item.get("labels", {}) if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(labels, Mapping) or "customer" in _group_by(item):
            continue
        at: Location = ("slos", index)
        customer = labels.get("customer")
        if customer is None:
            mend = f"write one of customers, as {next(iter(by_name))}" if by_name else "write one of customers"
            report.tell(at, "has no label customer, so that no contract is known for it", mend)
        elif not isinstance(customer, str):
            continue  # what is no text is told as such
        elif customer not in by_name:
            nearest = names.nearest(customer)
            mend = f"did you mean {nearest}?" if nearest else "add it to customers, or name one that is there"
            report.tell((*at, "labels", "customer"), f"there is no customer {shown(customer)}", mend)
        else:
            _warn_of_environment(by_name[customer], labels.get("environment"), at, report)


def _warn_of_environment(entry: Entry[CustomerKeys], environment: object, at: Location, report: Report) -> None:
    """An environment that the contract does not know is never a P0 for what fails there."""
    known = entry.keys.values.environments if entry.keys.has("environments") else None
    if known is None or not isinstance(environment, str) or environment in known:
        return
    if environment != EnvironmentClass.PRODUCTION:
        problem = f"{shown(environment)} is no environment of {entry.name}, so that it is taken for non-production"
        report.warn((*at, "labels", "environment"), problem, f"add it to the environments of {entry.name}")


def _group_by(item: Mapping[object, object]) -> Sequence[object]:
    labels = item.get("group_by", ())
    return labels if isinstance(labels, (list, tuple)) else ()


def _named(entry: Entry[CustomerKeys]) -> Sequence[tuple[str, Location]]:
    """The destinations that a customer names, each with its place."""
    tell = entry.keys.values.tell if entry.keys.has("tell") else ()
    return [
        (name, (*entry.at, "tell", index, "destinations", position))
        for index, keys in enumerate(tell)
        for position, name in enumerate(keys.destinations)
    ]
