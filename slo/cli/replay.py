"""`watchkeep replay`: what the engine would have done over recorded counters."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import progress
from slo.cli.replayed import json_lines_option, lost_data, step_of, step_option, tell, tell_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slo.core.selector import Selector
    from slo.core.slo import SLO
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
@step_option
@json_lines_option
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
        FileReplay.of(
            samples,
            settings.slos,
            slot_seconds=slot_seconds,
            step_seconds=step_seconds,
            exclusions=settings.exclusions,
        ) as replay,
    ):
        transitions = []
        for transition in replay.transitions():
            transitions.append(transition)
            tell(transition, as_json=as_json)
        statuses = list(replay.statuses())
    warnings = (
        *_passed_over(replay.passed_over),
        *_unmatched(replay.unmatched),
        *lost_data(replay.lost),
        *_faults(replay.excesses),
    )
    context.exit(tell_end(transitions, statuses, warnings, as_json=as_json))


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
