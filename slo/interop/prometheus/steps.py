"""Rules that count one step: how many events there were, how many were bad, and how much of the time is known.

Increments are differences between two samples, never extrapolated as those of `increase` are. A decrease is a reset,
and the new value is what was counted since. A series that has no value before counts from 0 if its target was seen
before, because a failure counter is born at its first failure; otherwise its value is a baseline.
"""

from slo.core.selector import Selector
from slo.core.sli import CountersSLI
from slo.interop.prometheus.expressions import aggregate, either, enclosed, newest
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, ENTRY, KNOWN, SEEN, TOTAL, Names, ledger

BRIDGED_SECONDS = 3600
"""How long a gap between two samples may be for what was counted in it to be found behind it."""

TARGET = ("job", "instance")


def step_rules(sli: CountersSLI, names: Names, step: int) -> list[Recording]:
    """The rules that count the events of an SLI in steps of `step` seconds."""
    total, part = (names.combined("sum", _increments(selector, names, step)) for selector in (sli.total, sli.part))
    all_events = names.entry(step, TOTAL)
    part = either(part, f"0 * {all_events}")
    bad = part if sli.part_is == "bad" else f"{all_events} - {enclosed(part)}"
    known = _known_seconds(sli.total, names, step)
    return [
        *(
            Recording(metric=ledger(step), expression=expression, labels={**names.identity, ENTRY: entry})
            for entry, expression in ((TOTAL, total), (BAD, bad), (KNOWN, known))
        ),
        Recording(
            metric=SEEN,
            expression=aggregate("max", f"timestamp({sli.total})", by=(*TARGET, *names.group_by)),
            labels=names.identity,
        ),
    ]


def _increments(selector: Selector, names: Names, step: int) -> str:
    """What each counter grew by within a step."""
    last = newest(str(selector), within=BRIDGED_SECONDS, ago=step)
    target_was_seen = newest(names.mine(SEEN), within=BRIDGED_SECONDS, ago=step)
    grown = f"({selector} - {last} >= 0)"
    begun = f"({selector} and on ({', '.join(TARGET)}) {target_was_seen})"
    return either(grown, begun)


def _known_seconds(total: Selector, names: Names, step: int) -> str:
    """The time between the newest sample and the newest one before this step: of what was between, both tell."""
    now = names.combined("max", f"timestamp({total})")
    before = names.combined("max", f"timestamp({total} offset {step}s)")
    before_a_gap = names.combined("max", newest(names.mine(SEEN), within=BRIDGED_SECONDS, ago=step))
    return f"{now} - {enclosed(either(before, before_a_gap))}"
