"""`watchkeep probe`: one round of one probe, now."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import Cell, Part, Table, Tone, emit, json_option, progress
from slo.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from slo.core.outcome import Outcome

DEFAULT_TIMEOUT_SECONDS = 5.0


@click.command(name="probe")
@click.argument("target", metavar="TARGET")
@click.option(
    "-m",
    "--module",
    metavar="NAME",
    default="http",
    show_default=True,
    help="How to probe: a kind, or the name of a configured probe.",
)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="A file or a folder of YAML with probes.")
@json_option
@click.pass_context
def command(context: click.Context, target: str, module: str, config: Path | None, *, as_json: bool) -> None:
    """Probe TARGET once, and say what was found: a URL for http, HOST:PORT for tcp and tls.

    With the name of a configured probe, TARGET is probed as that one would be. Exits 1 when it is not good.
    """
    import uvloop

    chosen = _choose(target, module, config)
    with progress(f"probing {target}"):
        outcome = uvloop.run(_probe(chosen, module))
    emit(_as_json(outcome), *_parts(outcome), as_json=as_json)
    context.exit(0 if outcome.state == "good" else 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """The kind, its configuration for this target, and how long it may take."""

    kind: str
    config: "BaseModel"
    timeout_seconds: float


def _choose(target: str, module: str, config: Path | None) -> _Choice:
    """What is to be done. Raises UsageError, and ConfigError for the configuration."""
    from pydantic import ValidationError

    from slo.cli.context import load_settings, named
    from slo.config.wording import in_words
    from slo.kinds import Kinds
    from slo.net.target import TargetConfig

    probes = Kinds.installed().probes
    entries = {entry.name: entry for entry in load_settings(config).probes} if config else {}
    entry = entries.get(module)
    named(module, dict.fromkeys([*entries, *probes.names]), "module")
    try:
        if entry is not None and entry.aimed is not None:
            aimed = entry.aimed(target, {})
            return _Choice(kind=aimed.type, config=aimed.config, timeout_seconds=aimed.timeout.total_seconds())
        usual = probes.config(module) if entry is None else None
        if usual is not None and issubclass(usual, TargetConfig):
            return _Choice(kind=module, config=usual.of(target), timeout_seconds=DEFAULT_TIMEOUT_SECONDS)
    except ValidationError as error:
        sentences = (in_words(each, target) for each in error.errors())
        raise UsageError("TARGET: " + "; ".join(", ".join(filter(None, each)) for each in sentences)) from None
    raise UsageError(f"--module {module}: probes of that kind have no single target: add one to the configuration")


async def _probe(choice: _Choice, module: str) -> "Outcome":
    """One round."""
    from slo.kinds import Kinds
    from slo.net.context import Context
    from slo.runner.clock import SteadyClock
    from slo.runner.round import run_once
    from slo.runner.schedule import Scheduled

    clock = SteadyClock()
    context = Context.default(clock)
    check = Kinds.installed().probes.module(choice.kind).build(choice.config, context)
    scheduled = Scheduled(
        name=module,
        module=module,
        target=check.target,
        interval_seconds=choice.timeout_seconds,
        timeout_seconds=choice.timeout_seconds,
        check=check,
    )
    try:
        outcome, _ = await run_once(scheduled, clock)
    finally:
        await context.close()
    return outcome


def _as_json(outcome: "Outcome") -> dict[str, object]:
    return {
        "target": outcome.target,
        "module": outcome.module,
        "outcome": outcome.state.value,
        "reason": outcome.reason,
        "phases": {phase: round(seconds, 6) for phase, seconds in outcome.phases.items()},
        "duration_seconds": round(outcome.duration_seconds, 6),
        "detail": outcome.detail,
    }


def _parts(outcome: "Outcome") -> list[Part]:
    from slo.core.reason import REASONS, State

    tone = {State.GOOD: Tone.GOOD, State.BAD: Tone.DOWN, State.UNKNOWN: Tone.FAINT}[outcome.state]
    said = f"{outcome.reason}: {REASONS[outcome.reason].meaning}" + (f" ({outcome.detail})" if outcome.detail else "")
    rows = [(phase, _milliseconds(seconds)) for phase, seconds in outcome.phases.items()]
    return [
        Cell(f"{outcome.target} is {outcome.state.value}", tone),
        said,
        Table(
            columns=("phase", "milliseconds"),
            rows=[*rows, ("all", _milliseconds(outcome.duration_seconds))],
            numeric=frozenset({"milliseconds"}),
        ),
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
