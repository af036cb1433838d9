"""Rules that count one step: how many events there were, how many were bad, and how much of the time is known.

Increments are differences between two samples, never extrapolated as those of `increase` are. A decrease is a reset,
and the new value is what was counted since. A series that has no value before counts from 0 if its target was seen
before, because a failure counter is born at its first failure; otherwise its value is a baseline.
"""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from slo.core.matching import Matcher
from slo.core.selector import Selector
from slo.core.sli import CountersSLI, Part, PrometheusSLI
from slo.interop.prometheus.expressions import aggregate, either, enclosed, newest
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, ENTRY, FOLLOWED, KNOWN, METRIC, PART, SEEN, TOTAL, VALUE, Ledger, Names

BRIDGED_SECONDS = 3600
"""How long a gap between two samples may be for what was counted in it to be found behind it."""

TARGET = ("job", "instance")
UP = "up"
"""What Prometheus records of each target that it scrapes, of those that do not answer as well."""
ROUND_STATES = ("good", "bad", "unknown")


def counter_rules(sli: CountersSLI, ledger: Ledger, step: int) -> list[Recording]:
    """Counters that the Prometheus scrapes, in steps of `step` seconds.

    Functions drop the names of metrics. Where a selector chooses several, they are recorded with a label instead.
    """
    names, copies = ledger.names, []
    series = {TOTAL: _series(sli.total), PART: _series(sli.part)}
    for entry, selector in ((TOTAL, sli.total), (PART, sli.part)):
        if not selector.metric:
            named = f'label_replace({series[entry]}, "{METRIC}", "$1", "__name__", "(.+)")'
            copies.append(Recording(metric=VALUE, expression=named, labels={**names.identity, ENTRY: entry}))
            series[entry] = names.mine(VALUE, **{ENTRY: entry})
    total, part = series.values()
    scraped = tuple(matcher for matcher in sli.total.matchers if matcher.label in TARGET)
    up = str(Selector(metric=UP, matchers=scraped))
    return [
        *copies,
        _followed(total, names, step),
        *grown_rules(total, part, sli.part_is, ledger, step, up=up),
        _seen(total, names),
    ]


def value_rules(sli: PrometheusSLI, ledger: Ledger, step: int) -> list[Recording]:
    """Expressions whose values count. They are recorded first, as what they were a step ago cannot be asked for.

    A value that falls may have lost an addend or had one reset: how much was counted in that step is not known.
    """
    names = ledger.names
    total, part = (names.mine(VALUE, **{ENTRY: entry}) for entry in (TOTAL, PART))
    return [
        *(
            Recording(metric=VALUE, expression=expression.strip(), labels={**names.identity, ENTRY: entry})
            for entry, expression in ((TOTAL, sli.total), (PART, sli.part))
        ),
        _followed(total, names, step),
        *grown_rules(total, part, sli.part_is, ledger, step, resets=False),
        _seen(total, names),
    ]


def grown_rules(
    total: str, part: str, part_is: Part, ledger: Ledger, step: int, *, up: str = "", resets: bool = True
) -> list[Recording]:
    """What the series of a total and of a part of it grew by. A part without series is nothing of what there is.

    `up` says which targets are scraped, where that can be told.
    """
    names, all_events = ledger.names, ledger.entry(step, TOTAL)
    counted = either(_grown(part, names, step, resets=resets), f"0 * {all_events}")
    entries = {
        TOTAL: _grown(total, names, step, resets=resets),
        BAD: counted if part_is == "bad" else f"{all_events} - {enclosed(counted)}",
        KNOWN: _known(total, names, step, up=up),
    }
    if not resets:  # a step of which the total is not known is not known at all
        for entry in (BAD, KNOWN):
            entries[entry] = f"{enclosed(entries[entry])}\nand {names.on}\n{all_events}"
    return entry_rules(ledger, step, entries)


def round_rules(ledger: Ledger, step: int) -> list[Recording]:
    """Rounds of a probe, as the watch counts them for the SLO and shows them. That of an unknown one is not known."""
    names, rounds = ledger.names, ledger.entry(step, TOTAL)
    of_slo = Matcher(label="slo", operator="=", value=names.slo)
    series = {state: str(Selector(metric=f"slo_sli_{state}_total", matchers=(of_slo,))) for state in ROUND_STATES}
    good, bad, unknown = (_grown(each, names, step) for each in series.values())
    share = either(f"{rounds} / ({rounds} + {enclosed(unknown)} > 0)", f"({rounds} == bool 0)")
    entries = {
        BAD: bad,
        TOTAL: f"{ledger.entry(step, BAD)}\n+\n{good}",
        KNOWN: f"{enclosed(_known(series['good'], names, step))}\n*\n{enclosed(share)}",
    }
    followed = _followed(series["good"], names, step)
    return [followed, *entry_rules(ledger, step, entries), _seen(series["good"], names)]


def entry_rules(ledger: Ledger, window: int, entries: Mapping[str, str]) -> list[Recording]:
    """The rules that record entries over a window, as a step is, in this order: each may read those before it."""
    return [
        Recording(metric=ledger.metric, expression=expression, labels=ledger.labels(window, **{ENTRY: entry}))
        for entry, expression in entries.items()
    ]


def _grown(series: str, names: Names, step: int, *, resets: bool = True) -> str:
    """What counters grew by within a step. Without `resets`, what falls is left out.

    NaN is no count. Behind it the value is not what was counted since, though no value before compares with it.
    """
    last = newest(series, within=BRIDGED_SECONDS, ago=step)
    grown = f"({series} - {last} >= 0)"
    before = f"{series} offset {step}s"
    begun = f"({series} >= 0 unless {before} != {before})" if resets else f"({series} unless {last})"
    from_nothing = f"timestamp({series}) <= on ({', '.join(TARGET)}) group_left () {names.mine(FOLLOWED)}"
    return names.combined("sum", either(grown, f"({begun} and {from_nothing})"))


def _known(series: str, names: Names, step: int, *, up: str = "") -> str:
    """The time between the newest sample and the newest one before this step: of what was between, both tell.

    That is the mean of all targets. One without samples is among them, and not known, while Prometheus scrapes it.
    """
    last_seen = _last_seen(names, step)
    before = either(_newest_of_targets(f"{series} offset {step}s", names), _of_targets(last_seen, names))
    known = names.combined("sum", f"{_newest_of_targets(series, names)} - {enclosed(before)}")
    there = f"({series} or {up})" if up else series
    targets = names.combined("count", f"{last_seen} and on ({', '.join(TARGET)}) {there}")
    return f"{known}\n/\n{targets}"


def _followed(series: str, names: Names, step: int) -> Recording:
    """The last scrape of each target in which a series went on, or that is the first one behind a gap.

    What is new in it is born there. Where all series are new the target was given other labels, and what they show was
    counted long before.
    """
    before, on = f"{series} offset {step}s", f"on ({', '.join(TARGET)})"
    going_on = aggregate("max", f"timestamp({series}) and {before}", by=TARGET)
    behind_a_gap = f"timestamp({series}) and {on} {_last_seen(names, step)} unless {on} {before}"
    return Recording(
        metric=FOLLOWED,
        expression=either(going_on, aggregate("max", behind_a_gap, by=TARGET)),
        labels=names.identity,
    )


def _seen(series: str, names: Names) -> Recording:
    """When each target was seen last."""
    return Recording(metric=SEEN, expression=_newest_of_targets(series, names), labels=names.identity)


def _last_seen(names: Names, step: int) -> str:
    """When each target was seen last before this step."""
    return newest(names.mine(SEEN), within=BRIDGED_SECONDS, ago=step)


def _newest_of_targets(series: str, names: Names) -> str:
    """The time of the newest sample of each target."""
    return _of_targets(f"timestamp({series})", names)


def _of_targets(times: str, names: Names) -> str:
    return aggregate("max", times, by=dict.fromkeys((*TARGET, *names.group_by)))


def _series(selector: Selector) -> str:
    """The series of a selector, whichever way Prometheus spells their numbers: `1` was `le="1"`, and is `le="1.0"`."""
    spelled = (_any_spelling(matcher) for matcher in selector.matchers)
    return str(Selector(metric=selector.metric, matchers=tuple(spelled)))


def _any_spelling(matcher: Matcher) -> Matcher:
    if matcher.number is None:
        return matcher
    spellings = list(_spellings(matcher.number))
    if not any(re.fullmatch(spelling, matcher.value) for spelling in spellings):
        spellings.append(re.escape(matcher.value))
    if spellings == [re.escape(matcher.value)]:
        return matcher
    operator: Literal["=~", "!~"] = "=~" if matcher.operator == "=" else "!~"
    return Matcher(label=matcher.label, operator=operator, value="|".join(spellings))


def _spellings(number: float) -> Iterator[str]:
    """How clients spell a number, as regular expressions: `1000000`, `1000000.0`, and `1e+06` where they are in Go."""
    if math.isinf(number):
        yield re.escape("+Inf" if number > 0 else "-Inf")
        return
    digits = Decimal(repr(number)).normalize()
    plain = re.escape(f"{digits:f}")
    yield rf"{plain}(\.0)?" if number.is_integer() else plain
    if digits and not -4 <= digits.adjusted() < 6:
        mantissa, exponent = f"{digits:e}".split("e")
        yield re.escape(f"{mantissa}e{int(exponent):+03d}")
