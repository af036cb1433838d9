"""Rules that count slices of time instead of events: what each slice is, in a ledger of its own.

By `timeslices` a slice is one event, good or bad as a whole, which is recorded at the first step after it has ended. By
`ratio_timeslices` it spends its error ratio, and there is one for each step, which is how Sloth comes to its mean.
"""

from datetime import timedelta

from slo.core.budgeting import Budgeting
from slo.interop.prometheus.expressions import either, enclosed
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, KNOWN, TOTAL, Ledger
from slo.interop.prometheus.steps import entry_rules


def ratio_slice_rules(length: int, events: Ledger, slices: Ledger, step: int) -> list[Recording]:
    """The error ratio over the last `length` seconds, at each step that has events in them."""
    total = events.entry(length, TOTAL)
    entries = {
        TOTAL: f"{total} > bool 0",
        BAD: either(f"{events.entry(length, BAD)} / ({total} > 0)", f"0 * {total}"),
        KNOWN: f"0 * {total} + {step}",
    }
    return entry_rules(slices, step, entries)


def verdict_rules(budgeting: Budgeting, events: Ledger, slices: Ledger, step: int, *, longest: int) -> list[Recording]:
    """Whether the slice that has just ended was bad. The `longest` window (seconds) tells whether any was known yet."""
    length = budgeting.slice // timedelta(seconds=1)
    total, bad, known = (events.entry(length, entry) for entry in (TOTAL, BAD, KNOWN))
    missed = 1 - budgeting.target
    verdicts = {
        TOTAL: [f"({total} > bool 0) == 1"],
        BAD: [f"{missed.denominator} * {bad} > bool {missed.numerator} * ({total} > 0)"],
        KNOWN: [f"0 * ({known} > 0) + {length}"],
    }
    if budgeting.no_traffic_good:
        verdicts[TOTAL].append(f"({total} == 0) + 1")
        verdicts[BAD].append(f"{total} == 0")
    if budgeting.no_data_bad:
        began = f"0 * {slices.entry(longest, KNOWN)}"
        blank = f"unless {events.names.on}\n({known} > 0)"
        for entry, value in ((TOTAL, 1), (BAD, 1), (KNOWN, length)):
            verdicts[entry].append(f"{began} + {value}\n{blank}")
    ended = f"and on ()\n(vector(time()) % {length} < {step})"
    return entry_rules(slices, step, {entry: f"{enclosed(either(*each))}\n{ended}" for entry, each in verdicts.items()})
