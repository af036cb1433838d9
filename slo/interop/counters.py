"""Imported SLIs as counters: for scrapes of the watch's own, and for `watchkeep rules` and `watchkeep replay`."""

from dataclasses import replace

from slo.core.sli import PrometheusSLI
from slo.errors import ConfigFault
from slo.interop.imported import Entry, Import


def by_counters(imported: Import) -> Import:
    """The same SLOs; those whose expressions are no more than sums of one selector's counters name the selectors."""
    return replace(imported, entries=tuple(_by_counters(entry) for entry in imported.entries))


def _by_counters(entry: Entry) -> Entry:
    slo = entry.slo
    if slo is None or not isinstance(slo.definition, PrometheusSLI):
        return entry
    if sli := slo.definition.counters:
        return replace(entry, slo=replace(slo, definition=sli, sli=sli.key))
    note = ConfigFault(
        file=entry.origin.file,
        line=entry.origin.line,
        column=entry.origin.column,
        path=entry.name,
        problem="stays with its server: an expression is more than the sum of one selector's counters",
        mend="leave it there, or write its sums as one",
    )
    return replace(entry, notes=(*entry.notes, note))
