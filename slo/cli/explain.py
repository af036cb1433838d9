"""`watchkeep explain`: an SLO in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import emit, json_option

if TYPE_CHECKING:
    from slo.config.settings import Settings
    from slo.core.slo import SLO, Window
    from slo.engine.explain import Detection, Explanation


NO_DATA = (
    "No data is neither good nor bad: it lowers the coverage and with it the weight of failures, "
    "and what fires does not clear before its short window is known again to 80 %."
)


@click.command(name="explain")
@click.argument("name", metavar="SLO")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@json_option
def command(name: str, config: Path, *, as_json: bool) -> None:
    """Explain SLO: the budget in minutes and events, and which outage pages after how long."""
    from slo.cli.context import load_settings, named

    settings = load_settings(config)
    in_force = _in_force(settings.slos, datetime.now(UTC))
    slo = named(name, {slo.name: slo for slo in in_force}, "SLO")

    from slo.engine.explain import explain

    explanation = explain(slo, slot=settings.slot)
    emit(_as_json(explanation), *_sentences(explanation, settings), as_json=as_json)


def _in_force(slos: "Sequence[SLO]", now: datetime) -> "list[SLO]":
    """Every definition, of each SLO the one that counts now last: where all are to come, the first of them."""
    by_date = sorted(slos, key=lambda slo: slo.begins)
    to_come = [slo for slo in by_date if slo.begins > now]
    return [*reversed(to_come), *(slo for slo in by_date if slo not in to_come)]


def _sentences(explanation: "Explanation", settings: "Settings") -> list[str]:
    slo = explanation.slo
    promised = f"{_percent(float(slo.objective))} of {_subject(slo)}, over {_window(slo.calendar or slo.window)}."
    return [
        f"{slo.name}: {promised}",
        *_scope(slo, settings),
        _budget(explanation),
        *_spending(slo),
        *_outages(explanation),
        *_pairs(slo),
        _delay(explanation, settings),
        NO_DATA,
        _lost_data(slo, settings),
    ]


def _subject(slo: "SLO") -> str:
    """What is good, of what."""
    from slo.core.sli import AllOf, CheckSLI, CountersSLI, PrometheusSLI, Weighted

    match slo.definition:
        case CheckSLI(check=name, sort=sort, latency=None):
            return f"the rounds of {sort} {name} are good"
        case CheckSLI(check=name, sort=sort, latency=timedelta() as latency):
            return f"the rounds of {sort} {name} are good and take no longer than {_span(latency)}"
        case CountersSLI(total=total, part=part, part_is=part_is):
            return f"the events that {total} counts are good; those that {part} counts are the {part_is} ones"
        case PrometheusSLI(server=server, total=total, part=part, part_is=part_is):
            return f"the events that `{total}` counts on {server} are good; `{part}` counts the {part_is} ones"
        case AllOf(slos=names):
            return f"the slots are good for all of {', '.join(names)}"
        case Weighted(weights=weights):
            shares = ", ".join(f"{name} x {float(weight):g}" for name, weight in weights)
            return f"the events are good, as the weighted mean of {shares}"
    return "the events are good"


def _scope(slo: "SLO", settings: "Settings") -> Iterator[str]:
    """What the sentence above does not say: groups, further windows, versions, exclusions."""
    from slo.core.exclusion import matches

    if slo.group_by:
        yield f"There is one such SLO for each combination of values of {', '.join(slo.group_by)}."
    if slo.more_windows:
        yield f"Its budget is also shown over {' and over '.join(_window(window) for window in slo.more_windows)}."
    if slo.effective_from:
        yield f"This is its definition from {slo.effective_from:%Y-%m-%d %H:%M} UTC on."
    others = [each.effective_from for each in settings.slos if each.name == slo.name and each is not slo]
    if others:
        dates = ", ".join(f"from {at:%Y-%m-%d %H:%M} UTC on" if at else "at first" for at in others)
        yield f"It has other definitions as well: {dates}."
    excluded = [each.name for each in settings.exclusions if matches(each, slo.name, slo.labels)]
    if excluded:
        yield f"Excluded time counts for nothing: {', '.join(excluded)}."


def _budget(explanation: "Explanation") -> str:
    slo, window = explanation.slo, _span(explanation.slo.window)
    minutes = f"Budget: {explanation.budget_seconds / 60:.1f} minutes of full outage in {window}"
    if explanation.events is None or explanation.budget_events is None:
        return f"{minutes} at steady traffic; of a million events, {float(slo.error_budget) * 1e6:,.0f} may be bad."
    from slo.core.budgeting import Method

    sliced = slo.budgeting.method is Method.TIMESLICES
    every = slo.budgeting.slice if sliced else timedelta(seconds=explanation.interval_seconds)
    counted = f"of {explanation.events:,} {_unit(slo)}s (one every {_span(every)})"
    return f"{minutes}; {counted}, {int(explanation.budget_events):,} may {'be bad' if sliced else 'fail'}."


def _unit(slo: "SLO") -> str:
    """What of an SLO is good or bad as a whole."""
    from slo.core.budgeting import Method
    from slo.core.sli import AllOf, CheckSLI

    if slo.budgeting.method is Method.TIMESLICES:
        return "slice"
    match slo.definition:
        case CheckSLI():
            return "round"
        case AllOf():
            return "slot"
    return "event"


def _spending(slo: "SLO") -> Iterator[str]:
    """How events spend the budget, where it is not one by one."""
    from slo.core.budgeting import Method

    budgeting = slo.budgeting
    if budgeting.method is Method.OCCURRENCES:
        return
    every = _span(budgeting.slice)
    if budgeting.method is Method.RATIO_TIMESLICES:
        yield f"Each {every} with events spends its error ratio, whatever its traffic, as Sloth reckons."
        yield "Alerts go by events."
        return
    idle = "good" if budgeting.no_traffic_good else "not counted"
    unknown = "bad" if budgeting.no_data_bad else "unknown"
    yield (
        f"Time is counted in slices of {every}: one is good if {_percent(float(budgeting.target))} of its events are; "
        f"without traffic it is {idle}, without data {unknown}."
    )


def _outages(explanation: "Explanation") -> Iterator[str]:
    for detection in explanation.detections:
        outage = "A full outage" if detection.share == 1 else f"An outage of {_percent(float(detection.share))}"
        told = [
            f"{what} after {_span(timedelta(seconds=seconds))}"
            for what, seconds in (("pages", detection.page_seconds), ("opens a ticket", detection.ticket_seconds))
            if seconds is not None
        ]
        yield f"{outage} {' and '.join(told)}." if told else f"{outage} is never told{_untold(explanation, detection)}."


def _untold(explanation: "Explanation", detection: "Detection") -> str:
    """What becomes of the budget in an outage that no alert tells of."""
    from slo.core.budgeting import Method

    slo, spent = explanation.slo, detection.share
    if slo.budgeting.method is Method.TIMESLICES:
        spent = Fraction(spent > 1 - slo.budgeting.target)
    if spent <= slo.error_budget:
        return ": it fits the budget"
    after = timedelta(seconds=round(explanation.budget_seconds / float(spent)))
    burned = f"{float(spent / slo.error_budget):.4g}x"
    return f", and would spend the budget in {_span(after)}; a pair below {burned} tells it"


def _pairs(slo: "SLO") -> Iterator[str]:
    for pair in slo.pairs:
        hold = f" for {_span(pair.hold)}" if pair.hold else ""
        least = f", from {pair.min_bad_events} bad {_unit(slo)}s on" if pair.min_bad_events else ""
        factor = f"{float(pair.factor(slo.window)):.4g}x"
        yield (
            f"{pair.severity.value.capitalize()}: {_span(pair.long)}/{_span(pair.short)} above {factor}{hold}{least} "
            f"({_percent(float(pair.budget))} of the budget)."
        )


def _delay(explanation: "Explanation", settings: "Settings") -> str:
    from slo.core.sli import AllOf, CheckSLI, PrometheusSLI

    slo = explanation.slo
    every = _span(max(slo.interval or timedelta(0), timedelta(seconds=explanation.interval_seconds)))
    what = "a round" if isinstance(slo.definition, (CheckSLI, AllOf)) else "an observation"
    asked = [
        f", and {server.name} is asked {_span(server.offset)} late"
        for server in settings.servers
        if isinstance(slo.definition, PrometheusSLI) and server.name == slo.definition.server
    ]
    return f"To each of these {what} adds at most {every}{''.join(asked)}; slots of {_span(settings.slot)}."


def _lost_data(slo: "SLO", settings: "Settings") -> str:
    """What happens when nothing at all is known any more."""
    from slo.core.policy import Severity
    from slo.core.sli import AllOf, CountersSLI, Weighted
    from slo.engine.plan import lost_after_seconds

    after = _span(timedelta(seconds=lost_after_seconds(slo)))
    match slo.definition:
        case AllOf(slos=names):
            fed = [member.definition for member in settings.slos if member.name in names]
        case Weighted(weights=weights):
            fed = [member.definition for member in settings.slos if member.name in dict(weights)]
        case own:
            fed = [own]
    scraped = any(isinstance(definition, CountersSLI) for definition in fed)
    paged = scraped and any(pair.severity is Severity.PAGE for pair in slo.pairs)
    means = "a page where its target cannot be scraped, a ticket where we are at fault" if paged else "a ticket"
    return f"An SLI that had data and has none at all for {after} is an alert of its own: {means}."


def _window(window: "Window") -> str:
    if isinstance(window, timedelta):
        return f"a rolling window of {_span(window)}"
    return f"each {window.name}"


def _span(span: timedelta) -> str:
    from slo.core.duration import duration_name

    return duration_name(span.total_seconds())


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.6g} %"


def _as_json(explanation: "Explanation") -> dict[str, object]:
    return {
        "slo": explanation.slo.name,
        "objective": float(explanation.slo.objective),
        "window_seconds": explanation.slo.window.total_seconds(),
        "interval_seconds": explanation.interval_seconds,
        "budget_seconds": explanation.budget_seconds,
        "events": explanation.events,
        "budget_events": explanation.budget_events,
        "outages": [asdict(detection) | {"share": float(detection.share)} for detection in explanation.detections],
    }
