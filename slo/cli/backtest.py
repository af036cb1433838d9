"""`watchkeep backtest`: what the engine would have done over the history of a Prometheus-compatible server."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import progress
from slo.cli.replayed import json_lines_option, lost_data, step_of, step_option, tell, tell_end
from slo.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slo.config.settings import ServerEntry, Settings
    from slo.core.exclusion import Exclusion
    from slo.core.slo import SLO
    from slo.core.status import SLOStatus
    from slo.replay.backtest import Backtest, Period, Unread
    from slo.replay.replay import Transition


@click.command(name="backtest")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@click.option("--server", required=True, metavar="NAME", help="A server of the configuration.")
@click.option("--from", "begin", required=True, metavar="TIME", help="As 2026-03-01, or with time and offset.")
@click.option("--to", "end", metavar="TIME", help="In the same way; now without it.")
@step_option
@json_lines_option
@click.pass_context
def command(
    context: click.Context, config: Path, server: str, begin: str, end: str | None, step: str, *, as_json: bool
) -> None:
    """Run the engine over a server's history: how often these SLOs and policies would have paged, and when.

    Exits 1 when a budget is overspent at the end.
    """
    from slo.cli.context import load_settings, named

    settings = load_settings(config)
    entry = named(server, {each.name: each for each in settings.servers}, "server")

    from slo.replay.backtest import asked_of

    period = _period(begin, end, step_of(step, settings), settings)
    slos = asked_of(settings.slos, entry)
    if not slos:
        raise UsageError(
            f"no SLO of {config} is counted from {server}: give one `sli: {{prometheus: ...}}` or counters"
        )
    with progress(f"Reading the history of {server}") as say_more:
        backtest, transitions, statuses = asyncio.run(
            _backtest(entry, slos, period, settings.exclusions, say_more, as_json=as_json)
        )
    known = {slo.name for slo in slos}
    passed_over = [
        f"{slo.name} is passed over: {server} is not asked for it" for slo in settings.slos if slo.name not in known
    ]
    lost = [(at, slo) for at, slo in backtest.replay.lost if at.timestamp() > period.begin]
    warnings = [*passed_over, *_unread(backtest.unread, backtest.slos), *lost_data(lost)]
    context.exit(tell_end(transitions, statuses, warnings, as_json=as_json))


async def _backtest(
    entry: "ServerEntry",
    slos: "Sequence[SLO]",
    period: "Period",
    exclusions: "Sequence[Exclusion]",
    say_more: Callable[[str], None],
    *,
    as_json: bool,
) -> "tuple[Backtest, list[Transition], list[SLOStatus]]":
    from slo.exposition.catalogue import Telemetry
    from slo.net.context import Context
    from slo.replay.backtest import Backtest, instances
    from slo.runner.clock import SteadyClock
    from slo.sources.prometheus.client import Client

    context = Context.default(SteadyClock())
    try:
        client = Client(entry, context, Telemetry())
    except (OSError, ValueError) as error:
        raise UsageError(f"the server {entry.name} cannot be used: {error}") from error
    try:
        backtest = Backtest(
            client=client,
            slos=await instances(client, slos, period),
            period=period,
            interval_seconds=int(entry.interval.total_seconds()),
            exclusions=exclusions,
            told=lambda share: say_more(f"{100 * share:.0f} % of the history of {entry.name} is read"),
        )
        transitions = []
        async for transition in backtest.transitions():
            transitions.append(transition)
            tell(transition, as_json=as_json)
        return backtest, transitions, backtest.statuses()
    finally:
        client.close()
        await context.close()


def _period(begin: str, end: str | None, step_seconds: int, settings: "Settings") -> "Period":
    from slo.cli.context import moment
    from slo.replay.backtest import Period

    now = datetime.now(UTC)
    first, last = moment("--from", begin), moment("--to", end) if end else now
    if last > now:
        raise UsageError(f"--to {end}: is in the future: leave it out, which means now")
    period = Period(
        begin=int(first.timestamp()) // step_seconds * step_seconds,
        end=int(last.timestamp()) // step_seconds * step_seconds,
        step_seconds=step_seconds,
        slot_seconds=int(settings.slot.total_seconds()),
    )
    if period.begin >= period.end:
        raise UsageError(f"--from {begin}: is not before the end: write an earlier time")
    return period


def _unread(unread: "Sequence[Unread]", slos: "Sequence[SLO]") -> list[str]:
    """What stays unknown, once for each SLO and reason."""
    from slo.core.duration import duration_name

    seconds: Counter[tuple[str, str]] = Counter()
    for each in unread:
        seconds[each.sli, str(each.fault)] += each.piece.seconds
    names = {slo.sli: slo.key for slo in slos}
    return [f"{names[sli]}: {duration_name(length)} stay unknown: {fault}" for (sli, fault), length in seconds.items()]
