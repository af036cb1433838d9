"""What `watchkeep replay` and `watchkeep backtest` have in common: their step, and what they print."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from slo.cli.output import Cell, Part, Table, Tone, emit, emit_line, say
from slo.errors import UsageError

if TYPE_CHECKING:
    from slo.config.settings import Settings
    from slo.core.slo import SLO
    from slo.core.status import SLOStatus
    from slo.replay.replay import Transition


json_lines_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
step_option = click.option("--step", default="30s", show_default=True, help="How often alerts are evaluated.")


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


def lost_data(lost: Iterable[tuple[datetime, "SLO"]]) -> Iterator[str]:
    """What to know of SLIs that lost their data: which SLOs, when first, how often."""
    from slo.web.words import minute

    times: dict[str, list[datetime]] = {}
    for at, slo in lost:
        times.setdefault(slo.key, []).append(at)
    for key, of_one in times.items():
        more = {1: "", 2: ", and once more"}.get(len(of_one), f", and {len(of_one) - 1} times more")
        yield f"{key} lost its data at {minute(of_one[0])}{more}: a watch alerts of that, besides what stands here"


def _summary(transitions: Sequence["Transition"], statuses: Sequence["SLOStatus"]) -> list[Part]:
    """What people read of a replay: every transition, and how each SLO stood at the end."""
    from slo.web.words import burn, maturity, minute, percent

    paged = Counter(t.slo.key for t in transitions if t.firing and t.severity == "page")
    ticketed = Counter(t.slo.key for t in transitions if t.firing and t.severity == "ticket")
    rows = [
        (
            minute(transition.at),
            transition.slo.key,
            Cell(transition.severity.value, Tone.DOWN if transition.severity == "page" else Tone.BURNING),
            Cell("firing", Tone.BURNING) if transition.firing else Cell("resolved", Tone.GOOD),
            transition.pair.name,
            f"{burn(transition.burn_long)} / {burn(transition.burn_short)}",
        )
        for transition in transitions
    ]
    at_end = [
        (
            status.slo.key,
            str(paged[status.slo.key]),
            str(ticketed[status.slo.key]),
            percent(status.budget.sli),
            Cell(_left(status), Tone.DOWN if _overspent(status) else Tone.GOOD),
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
            title=f"At the end, {minute(statuses[0].at)}" if statuses else "",
            columns=("slo", "pages", "tickets", "sli", "budget left", "coverage"),
            rows=at_end,
            numeric=numeric,
        ),
    ]


def _left(status: "SLOStatus") -> str:
    """What is left of the budget, what would be if nothing were excluded, and the same over its further windows."""
    from slo.web.words import percent

    return ", ".join(
        (f"{budget.period or budget.window} " if number else "")
        + percent(budget.remaining, digits=1)
        + (f" (raw {percent(budget.raw.remaining, digits=1)})" if budget.raw else "")
        for number, budget in enumerate(status.budgets)
    )


def _overspent(status: "SLOStatus") -> bool:
    """Whether more than the whole of any of its budgets is spent."""
    return any(budget.remaining is not None and budget.remaining < 0 for budget in status.budgets)


def tell(transition: "Transition", *, as_json: bool) -> None:
    """Print a transition as soon as it is known, where each is a line by itself."""
    if as_json:
        from slo.replay.documents import transition_document

        emit_line(transition_document(transition))


def tell_end(
    transitions: Sequence["Transition"], statuses: Sequence["SLOStatus"], warnings: Iterable[str], *, as_json: bool
) -> int:
    """Print how it ended, and what to know about it; the exit code that it means."""
    if as_json:
        from slo.replay.documents import report_document

        for status in statuses:
            emit_line(report_document(status))
    else:
        emit(None, *_summary(transitions, statuses), as_json=False)
    for warning in warnings:
        say(Cell(f"warning: {warning}", Tone.BURNING), err=True)
    return 1 if any(_overspent(status) for status in statuses) else 0
