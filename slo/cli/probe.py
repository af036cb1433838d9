"""`watchkeep probe`: one round of one probe or collector, now."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.bar import FILLS, bar
from slo.cli.output import Cell, Part, Table, Tone, emit, json_option, progress, say
from slo.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from slo.config.settings import CheckEntry, CheckFamily, TargetEntry
    from slo.core.outcome import Finding, Outcome

DEFAULT_TIMEOUT_SECONDS = 5.0
MOST_NAMED = 5

WIDEST_BAR = 100
"""A bar across a whole wide screen is no easier to read."""


@click.command(name="probe")
@click.argument("target", metavar="[TARGET]", default="")
@click.option(
    "-m",
    "--module",
    metavar="NAME",
    default="http",
    show_default=True,
    help="How to probe: a kind, or the name of a configured probe, collector or module.",
)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="A file or a folder of YAML with them.")
@json_option
@click.pass_context
def command(context: click.Context, target: str, module: str, config: Path | None, *, as_json: bool) -> None:
    """Probe TARGET once, and explain what was found: a URL for http, HOST:PORT for tcp and tls.

    With the name of a configured probe, collector or module, TARGET is looked at as that one would; without TARGET, a
    configured probe or collector has its own. Exits 1 when it is not good.
    """
    import uvloop

    from slo.config.urls import parted

    chosen = _choose(target, module, config)
    if chosen.vantage_points:
        points = " and ".join(chosen.vantage_points)
        say(f"{module} looks from {points}; this round goes by the keys of the probe itself, as none of them", err=True)
    with progress(f"probing {parted(target)[0] or module}"):
        outcome, findings = uvloop.run(_probe(chosen, module))
    emit(_as_json(outcome, chosen.kind, findings), *_parts(outcome, findings), as_json=as_json)
    context.exit(0 if outcome.state == "good" else 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """The kind, its configuration for this target, and how long it may take.

    `vantage_points` are those that the watch would look from, each in its own way.
    """

    kind: str
    config: "BaseModel"
    timeout_seconds: float
    family: "CheckFamily" = "probes"
    vantage_points: tuple[str, ...] = ()


def _choose(target: str, module: str, config: Path | None) -> _Choice:
    """What is to be done. Raises UsageError, and ConfigError for the configuration."""
    from pydantic import ValidationError

    from slo.cli.context import load_settings, named
    from slo.config.aimed import OneTarget
    from slo.config.wording import in_words
    from slo.kinds import Kinds

    kinds = Kinds.installed()
    settings = load_settings(config) if config else None
    entries = {entry.name: entry for entry in settings.checks} if settings else {}
    modules = settings.modules if settings else {}
    entry = entries.get(module)
    named(module, dict.fromkeys([*entries, *modules, *kinds.probes.names, *kinds.collectors.names]), "module")
    if entry is not None and (own := _own_target(entry, target)) is not None:
        return _of_entry(own)
    if not target:
        some = f"; {module} has {', '.join(_targets_of(entry)[:MOST_NAMED])}" if entry else ""
        raise UsageError(f"TARGET is missing: only a configured probe or collector with one target has its own{some}")
    try:
        if entry is None and module in modules:
            chosen = modules[module]
            timeout_seconds = chosen.timeout.total_seconds() or DEFAULT_TIMEOUT_SECONDS
            return _Choice(kind=chosen.type, config=chosen.aimed(target), timeout_seconds=timeout_seconds)
        if entry is not None and entry.aimed is not None:
            return _of_entry(entry.aimed(target, {}))
        family: CheckFamily = "probes" if module in kinds.probes else "collectors"
        usual = kinds.check(family, module).Config if entry is None else None
        if usual is not None and issubclass(usual, OneTarget):
            aimed = usual.of(target)
            return _Choice(kind=module, config=aimed, timeout_seconds=DEFAULT_TIMEOUT_SECONDS, family=family)
    except ValidationError as error:
        missing = [str(each["loc"][0]) for each in error.errors() if each["type"] == "missing"]
        if missing:
            mend = "add one to the configuration, and give its name with -m and the file with -c"
            raise UsageError(f"--module {module}: such a probe needs {' and '.join(missing)} as well: {mend}") from None
        sentences = (in_words(each, target) for each in error.errors())
        raise UsageError("TARGET: " + "; ".join(", ".join(filter(None, each)) for each in sentences)) from None
    except ValueError as error:
        raise UsageError(f"TARGET: {error}") from None
    mend = "leave TARGET out" if entry is not None else "add one to the configuration"
    raise UsageError(f"--module {module}: probes of that kind have no single target: {mend}")


def _own_target(entry: "CheckEntry", target: str) -> "TargetEntry | None":
    """The target of a configured entry that is meant, with all that is other for it; the only one where none is named.

    None where it is another one.
    """
    if not target:
        return entry.targets[0] if len(entry.targets) == 1 and not entry.discoveries else None
    return dict(zip(_targets_of(entry), entry.targets, strict=True)).get(target)


def _targets_of(entry: "CheckEntry") -> list[str]:
    """The targets of an entry as they are written; nothing stands for one that has no single one."""
    from slo.config.aimed import OneTarget

    configs = [each.config for each in entry.targets]
    return [str(getattr(config, config.target_key)) if isinstance(config, OneTarget) else "" for config in configs]


def _of_entry(entry: "TargetEntry") -> _Choice:
    """What is configured for a target of a probe or a collector."""
    return _Choice(
        kind=entry.type,
        config=entry.config,
        family=entry.family,
        timeout_seconds=entry.timeout.total_seconds(),
        vantage_points=tuple(entry.vantage_points),
    )


async def _probe(choice: _Choice, module: str) -> tuple["Outcome", Sequence["Finding"]]:
    """One round, and what the kind can tell of it."""
    from slo.core.protocols import Collector, Explaining
    from slo.kinds import Kinds
    from slo.net.context import Context
    from slo.runner.clock import SteadyClock
    from slo.runner.round import run_once
    from slo.runner.schedule import Scheduled

    clock = SteadyClock()
    context = Context.default(clock)
    check = Kinds.installed().check(choice.family, choice.kind).build(choice.config, context)
    scheduled = Scheduled(
        name=module,
        module=module,
        target=check.target,
        interval_seconds=choice.timeout_seconds,
        timeout_seconds=choice.timeout_seconds,
        check=check,
    )
    try:
        outcome, facts = await run_once(scheduled, clock, context.limits)
    finally:
        if isinstance(check, Collector):
            await check.aclose()
        await context.close()
    return outcome, list(check.explain(facts, outcome.at)) if isinstance(check, Explaining) else []


def _as_json(outcome: "Outcome", kind: str, findings: Sequence["Finding"]) -> dict[str, object]:
    from slo.core.hints import hint_of
    from slo.core.reason import REASONS

    return {
        "target": outcome.target,
        "module": outcome.module,
        "type": kind,
        "outcome": outcome.state.value,
        "reason": outcome.reason,
        "phases": {phase: round(seconds, 6) for phase, seconds in outcome.phases.items()},
        "duration_seconds": round(outcome.duration_seconds, 6),
        "detail": outcome.detail,
        "meaning": REASONS[outcome.reason].meaning,
        "hint": hint_of(outcome.reason),
        "findings": [{"name": finding.name, "text": finding.text} for finding in findings],
    }


def _parts(outcome: "Outcome", findings: Sequence["Finding"]) -> list[Part]:
    from slo.core.hints import hint_of
    from slo.core.reason import REASONS, State

    tone = {State.GOOD: Tone.GOOD, State.BAD: Tone.DOWN, State.UNKNOWN: Tone.FAINT}[outcome.state]
    said = f"{outcome.reason}: {REASONS[outcome.reason].meaning}" + (f" ({outcome.detail})" if outcome.detail else "")
    parts: list[Part] = [Cell(f"{outcome.target} is {outcome.state.value}", tone), said]
    if hint := hint_of(outcome.reason):
        parts.append(f"hint: {hint}")
    parts.append("")
    if outcome.phases:
        width = min(shutil.get_terminal_size().columns, WIDEST_BAR)
        parts.append(bar(outcome.phases, width))
    parts.append(_legend(outcome))
    if findings:
        rows = [(finding.name, finding.text) for finding in findings]
        parts += ["", Table(columns=("found", "what"), rows=rows)]
    return parts


def _legend(outcome: "Outcome") -> Table:
    """Each phase with how it is drawn, its time, and its share of all; what is between them belongs to none."""
    whole = outcome.duration_seconds
    rows = [
        (fill, phase, _milliseconds(seconds), _share(seconds, whole))
        for fill, (phase, seconds) in zip(cycle(FILLS), outcome.phases.items(), strict=False)
    ]
    return Table(
        columns=("", "phase", "milliseconds", "share"),
        rows=[*rows, ("", "all", _milliseconds(whole), _share(whole, whole))],
        numeric=frozenset({"milliseconds", "share"}),
    )


def _share(seconds: float, whole: float) -> str:
    return f"{seconds / whole:.0%}" if whole else ""


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"
