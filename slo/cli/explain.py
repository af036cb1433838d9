"""`watchkeep explain`: an SLO in sentences."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import emit, json_option

if TYPE_CHECKING:
    from slo.config.settings import ProbeEntry, Settings
    from slo.core.slo import SLO
    from slo.engine.explain import Explanation


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
    slo = named(name, {slo.name: slo for slo in settings.slos}, "SLO")
    probe = _probe_of(slo, settings)

    from slo.engine.explain import explain

    explanation = explain(slo, slot=settings.slot, interval=probe.interval)
    emit(_as_json(explanation), *_sentences(explanation, probe, settings), as_json=as_json)


def _probe_of(slo: "SLO", settings: "Settings") -> "ProbeEntry":
    from slo.core.sli import probe_sli

    return next(probe for probe in settings.probes if probe_sli(probe.name) == slo.sli)


def _sentences(explanation: "Explanation", probe: "ProbeEntry", settings: "Settings") -> list[str]:
    from slo.core.duration import duration_name

    slo = explanation.slo
    window, interval = duration_name(slo.window.total_seconds()), duration_name(probe.interval.total_seconds())
    promise = (
        f"{slo.name}: {_percent(float(slo.objective))} of the rounds of probe {probe.name} are good, "
        f"over a rolling window of {window}."
    )
    budget = (
        f"Budget: {explanation.budget_seconds / 60:.1f} minutes of full outage in {window}; "
        f"of {explanation.events:,} rounds (one every {interval}), {explanation.budget_events:,.0f} may fail."
    )
    lines = [promise, budget]
    for detection in explanation.detections:
        outage = "A full outage" if detection.share == 1 else f"An outage of {_percent(float(detection.share))}"
        told = [
            f"{what} after {duration_name(seconds)}"
            for what, seconds in (("pages", detection.page_seconds), ("opens a ticket", detection.ticket_seconds))
            if seconds is not None
        ]
        lines.append(f"{outage} {' and '.join(told)}." if told else f"{outage} is never told: it fits the budget.")
    for pair in slo.pairs:
        long, short = (duration_name(length.total_seconds()) for length in (pair.long, pair.short))
        hold = f" for {duration_name(pair.hold.total_seconds())}" if pair.hold else ""
        least = f", from {pair.min_bad_events} bad rounds on" if pair.min_bad_events else ""
        factor = f"{float(pair.factor(slo.window)):.4g}x"
        lines.append(
            f"{pair.severity.value.capitalize()}: {long}/{short} above {factor}{hold}{least} "
            f"({_percent(float(pair.budget))} of the budget)."
        )
    lines.append(
        f"To each of these a round adds at most {interval}; slots of {duration_name(settings.slot.total_seconds())}."
    )
    lines.append(
        "No data is neither good nor bad: it lowers the coverage and with it the weight of failures, "
        "and what fires does not clear before its short window is known again to 80 %."
    )
    return lines


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.6g} %"


def _as_json(explanation: "Explanation") -> dict[str, object]:
    return {
        "slo": explanation.slo.name,
        "objective": float(explanation.slo.objective),
        "window_seconds": explanation.slo.window.total_seconds(),
        "budget_seconds": explanation.budget_seconds,
        "events": explanation.events,
        "budget_events": explanation.budget_events,
        "outages": [asdict(detection) | {"share": float(detection.share)} for detection in explanation.detections],
    }
