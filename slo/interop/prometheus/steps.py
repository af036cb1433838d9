"""Rules that count one step: how many events there were, how many were bad, and how much of the time is known.

Increments are differences between two samples, never extrapolated as those of `increase` are. A decrease is a reset,
and the new value is what was counted since. A series that has no value before counts from 0 if its target was seen
before, because a failure counter is born at its first failure; otherwise its value is a baseline.
"""

import re
from collections.abc import Mapping

from slo.core.selector import NUMERIC_LABELS, Matcher, Selector
from slo.core.sli import CountersSLI, ProbeSLI
from slo.interop.prometheus.expressions import aggregate, either, enclosed, newest
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, ENTRY, KNOWN, SEEN, TOTAL, Ledger, Names

BRIDGED_SECONDS = 3600
"""How long a gap between two samples may be for what was counted in it to be found behind it."""

TARGET = ("job", "instance")
ROUND_STATES = ("good", "bad", "unknown")


def step_rules(sli: CountersSLI | ProbeSLI, ledger: Ledger, step: int) -> list[Recording]:
    """The rules that count the events of an SLI in steps of `step` seconds."""
    match sli:
        case CountersSLI():
            return _counters(sli, ledger, step)
        case ProbeSLI():
            return _rounds(ledger, step)


def entry_rules(ledger: Ledger, step: int, entries: Mapping[str, str]) -> list[Recording]:
    """The rules that record the entries of a step, in this order: each may read what those before it recorded."""
    return [
        Recording(metric=ledger.metric(step), expression=expression, labels={**ledger.names.identity, ENTRY: entry})
        for entry, expression in entries.items()
    ]


def _counters(sli: CountersSLI, ledger: Ledger, step: int) -> list[Recording]:
    """Counters that the Prometheus scrapes. A part without series counts nothing, where there is a total."""
    names, all_events = ledger.names, ledger.entry(step, TOTAL)
    total, part = _series(sli.total), either(_grown(_series(sli.part), names, step), f"0 * {all_events}")
    entries = {
        TOTAL: _grown(total, names, step),
        BAD: part if sli.part_is == "bad" else f"{all_events} - {enclosed(part)}",
        KNOWN: _known(total, names, step),
    }
    return [*entry_rules(ledger, step, entries), _seen(total, names)]


def _rounds(ledger: Ledger, step: int) -> list[Recording]:
    """Rounds of a probe, as the watch counts them for the SLO and shows them. That of an unknown one is not known."""
    names, rounds = ledger.names, ledger.entry(step, TOTAL)
    of_slo = Matcher(label="slo", operator="=", value=names.slo)
    series = {state: _series(Selector(metric=f"slo_sli_{state}_total", matchers=(of_slo,))) for state in ROUND_STATES}
    good, bad, unknown = (_grown(each, names, step) for each in series.values())
    share = either(f"{rounds} / ({rounds} + {enclosed(unknown)} > 0)", f"({rounds} == bool 0)")
    entries = {
        BAD: bad,
        TOTAL: f"{ledger.entry(step, BAD)}\n+\n{good}",
        KNOWN: f"{enclosed(_known(series['good'], names, step))}\n*\n{enclosed(share)}",
    }
    return [*entry_rules(ledger, step, entries), _seen(series["good"], names)]


def _grown(series: str, names: Names, step: int) -> str:
    """What counters grew by within a step."""
    last = newest(series, within=BRIDGED_SECONDS, ago=step)
    target_was_seen = newest(names.mine(SEEN), within=BRIDGED_SECONDS, ago=step)
    grown = f"({series} - {last} >= 0)"
    begun = f"({series} and on ({', '.join(TARGET)}) {target_was_seen})"
    return names.combined("sum", either(grown, begun))


def _known(series: str, names: Names, step: int) -> str:
    """The time between the newest sample and the newest one before this step: of what was between, both tell."""
    now = names.combined("max", f"timestamp({series})")
    before = names.combined("max", f"timestamp({series} offset {step}s)")
    before_a_gap = names.combined("max", newest(names.mine(SEEN), within=BRIDGED_SECONDS, ago=step))
    return f"{now} - {enclosed(either(before, before_a_gap))}"


def _seen(series: str, names: Names) -> Recording:
    """When each target was seen last."""
    by = dict.fromkeys((*TARGET, *names.group_by))
    return Recording(metric=SEEN, expression=aggregate("max", f"timestamp({series})", by=by), labels=names.identity)


def _series(selector: Selector) -> str:
    """The series of a selector, whichever way Prometheus spells their numbers: `1` was `le="1"`, and is `le="1.0"`."""
    spelled = (_any_spelling(matcher) for matcher in selector.matchers)
    return str(Selector(metric=selector.metric, matchers=tuple(spelled)))


def _any_spelling(matcher: Matcher) -> Matcher:
    whole = re.fullmatch(r"([+-]?[0-9]+)(?:\.0*)?", matcher.value)
    if not whole or matcher.label not in NUMERIC_LABELS or matcher.operator not in {"=", "!="}:
        return matcher
    return Matcher(
        label=matcher.label,
        operator="=~" if matcher.operator == "=" else "!~",
        value=rf"{re.escape(whole[1])}(\.0)?",
    )
