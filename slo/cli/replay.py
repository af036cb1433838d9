"""`watchkeep replay`: what the engine would have done over recorded counters."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import Cell, Part, Table, Tone, emit, emit_line, progress, say
from slo.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slo.config.settings import Settings
    from slo.core.selector import Selector
    from slo.core.slo import SLO
    from slo.core.status import SLOStatus
    from slo.replay.replay import Transition
    from slo.sources.counters import Excess

SHOWN_FAULTS = 10


@click.command(name="replay")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@click.option(
    "--samples",
    required=True,
    type=click.Path(path_type=Path),
    help="OpenMetrics text with timestamps, as promtool takes it.",
)
@click.option("--step", default="30s", show_default=True, help="How often alerts are evaluated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
@click.pass_context
def command(context: click.Context, config: Path, samples: Path, step: str, *, as_json: bool) -> None:
    """Run the engine over recorded counters, and print what it would have done.

    Exits 1 when a budget is overspent at the end.
    """
    from slo.cli.context import load_settings

    settings = load_settings(config)
    step_seconds = step_of(step, settings)

    from slo.replay.files import FileReplay

    slot_seconds = int(settings.slot.total_seconds())
    with (
        progress(f"Replaying {samples}"),
        FileReplay.of(samples, settings.slos, slot_seconds=slot_seconds, step_seconds=step_seconds) as replay,
    ):
        transitions = []
        for transition in replay.transitions():
            transitions.append(transition)
            if as_json:
                _emit_transition(transition)
        statuses = list(replay.statuses())
    if as_json:
        for status in statuses:
            _emit_report(status)
    else:
        emit(None, *summary(transitions, statuses), as_json=False)
    warnings = (*_passed_over(replay.passed_over), *_unmatched(replay.unmatched), *_faults(replay.excesses))
    for warning in warnings:
        say(Cell(f"warning: {warning}", Tone.BURNING), err=True)
    context.exit(1 if any(_overspent(status) for status in statuses) else 0)


def step_of(text: str, settings: "Settings") -> int:
    """The step of `--step` in seconds. Raises UsageError for one that is not whole slots."""
    from slo.core.duration import duration_name, parse_duration

    try:
        step = parse_duration(text)
    except ValueError:
        raise UsageError(f"--step {text}: is no duration: write it with its unit, as 30s") from None
    if not step or step % settings.slot:
        slot = duration_name(settings.slot.total_seconds())
        raise UsageError(f"--step {text}: is not a whole number of slots of {slot}: write a multiple of {slot}")
    return int(step.total_seconds())


def summary(transitions: "Sequence[Transition]", statuses: "Sequence[SLOStatus]") -> list[Part]:
    """What people read of a replay: every transition, and how each SLO stood at the end."""
    from slo.web.words import burn, maturity, minute, percent

    paged = Counter((t.slo.name, t.slo.scope) for t in transitions if t.firing and t.severity == "page")
    ticketed = Counter((t.slo.name, t.slo.scope) for t in transitions if t.firing and t.severity == "ticket")
    rows = [
        (
            minute(transition.at),
            _title(transition.slo),
            Cell(transition.severity.value, Tone.DOWN if transition.severity == "page" else Tone.BURNING),
            Cell("firing", Tone.BURNING) if transition.firing else Cell("resolved", Tone.GOOD),
            transition.pair.name,
            f"{burn(transition.burn_long)} / {burn(transition.burn_short)}",
        )
        for transition in transitions
    ]
    at_end = [
        (
            _title(status.slo),
            str(paged[status.slo.name, status.slo.scope]),
            str(ticketed[status.slo.name, status.slo.scope]),
            percent(status.budget.sli),
            Cell(percent(status.budget.remaining, digits=1), Tone.DOWN if _overspent(status) else Tone.GOOD),
            maturity(status.maturity_seconds, status.slo.window.total_seconds()),
        )
        for status in statuses
    ]
    columns = ("at", "slo", "severity", "state", "pair", "burn rates")
    numeric = frozenset({"pages", "tickets", "sli", "budget left"})
    return [
        Table(title="What it would have said", columns=columns, rows=rows) if rows else "Nothing would have fired.",
        "",
        Table(
            title=f"At the end, {minute(_end(statuses))}" if statuses else "",
            columns=("slo", "pages", "tickets", "sli", "budget left", "coverage"),
            rows=at_end,
            numeric=numeric,
        ),
    ]


def _end(statuses: "Sequence[SLOStatus]") -> datetime:
    return statuses[0].at


def _title(slo: "SLO") -> str:
    return f"{slo.name} {slo.scope}" if slo.scope else slo.name


def _overspent(status: "SLOStatus") -> bool:
    return status.budget.remaining is not None and status.budget.remaining < 0


def _emit_transition(transition: "Transition") -> None:
    from slo.replay.documents import transition_document

    emit_line(transition_document(transition))


def _emit_report(status: "SLOStatus") -> None:
    from slo.replay.documents import report_document

    emit_line(report_document(status))


def _passed_over(slos: "Sequence[SLO]") -> list[str]:
    return [f"{slo.name} is passed over: it is not counted from counters that a recording has" for slo in slos]


def _unmatched(unmatched: "Sequence[tuple[SLO, str, Selector]]") -> list[str]:
    means = {"total": "it stays without data", "bad": "no event is bad", "good": "every event is bad"}
    return [f"{slo.name}: no series matches {selector}, so {means[what]}" for slo, what, selector in unmatched]


def _faults(excesses: "Sequence[Excess]") -> list[str]:
    from datetime import UTC

    from slo.web.words import minute

    told = [
        f"{minute(datetime.fromtimestamp(excess.slot_end, UTC))}: {excess.part} of {excess.total} events were counted, "
        f"so this slot is unknown: {excess.sli}"
        for excess in excesses[:SHOWN_FAULTS]
    ]
    more = len(excesses) - SHOWN_FAULTS
    return [*told, f"and {more} more slots like these"] if more > 0 else told
