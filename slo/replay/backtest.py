"""A replay of what a Prometheus-compatible server remembers.

What is counted of the server's samples is what the watch would count of them today, so a gap that was bridged
afterwards is known from its beginning. A piece that the server does not answer for stays unknown.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from slo.config.settings import ServerEntry
from slo.core.deltas import Block
from slo.core.exclusion import Exclusion
from slo.core.sli import CountersSLI, PrometheusSLI
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.errors import ServerFault, WatchkeepError
from slo.replay.choice import chosen
from slo.replay.replay import Replay, Stretch, Transition
from slo.sources.grouping import Groups, selectors_of
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.groups import LOOK_BACK_SECONDS, GroupSearch
from slo.sources.prometheus.reader import Reader
from slo.sources.prometheus.reasons import ASK_FOR_LESS
from slo.sources.prometheus.tally import Piece, Rhythm

PIECE_SECONDS = 6 * 3600
LEAST_PIECE_SECONDS = 600
ATTEMPTS = 3
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From when to when (Unix seconds), and how often alerts are evaluated within."""

    begin: int
    end: int
    step_seconds: int
    slot_seconds: int


@dataclass(kw_only=True, slots=True)
class Unread:
    """A piece that stays unknown, and why."""

    sli: str
    piece: Piece
    fault: ServerFault


def asked_of(slos: Sequence[SLO], entry: ServerEntry) -> list[SLO]:
    """The SLOs that a server can be asked about: those that name it, those whose counters it may have, and composites.

    Not those that stand for groups of anything else than the sums of counters.
    """

    def fed(slo: SLO) -> SLO | None:
        match slo.definition:
            case PrometheusSLI(server=name) as sli if name == entry.name:
                pass
            case CountersSLI(total=total, part=part, part_is=part_is):
                sli = PrometheusSLI(server=entry.name, total=str(total), part=str(part), part_is=part_is)
            case _:
                return None
        asked = replace(slo, sli=sli.key, definition=sli, interval=entry.interval)
        return asked if not slo.group_by or selectors_of(asked) else None

    return chosen(slos, fed)


async def instances(client: Client, slos: Sequence[SLO], period: Period) -> list[SLO]:
    """The SLOs, with those that stand for groups replaced by one for each group that the server had in a period.

    Raises WatchkeepError where it does not say.
    """
    groups = Groups(slos, most=sys.maxsize)
    days = [*range(period.end, period.begin, -LOOK_BACK_SECONDS)][::-1]
    for slo in groups.grouped:
        selectors = selectors_of(slo)
        assert selectors  # noqa: S101  it has groups
        search = GroupSearch(slo, selectors[0])
        for day in days:
            try:
                found = await client.run(partial(search.read, client, day, float(period.end)))
            except ServerFault as fault:
                raise WatchkeepError(f"the groups of {slo.name} cannot be looked for: {fault}") from fault
            groups.add(slo, found)
    return groups.slos


@dataclass(kw_only=True, slots=True)
class Backtest:
    """The engine over a period of a server's history; `slos` come from `asked_of` and `instances`.

    History before the period is read as far as the alerts look back, so that the first day is judged like the last.
    `unread` is what stays unknown.
    """

    client: Client
    slos: Sequence[SLO]
    period: Period
    interval_seconds: int
    exclusions: Sequence[Exclusion] = ()
    told: Callable[[float], None] = lambda _share: None
    unread: list[Unread] = field(default_factory=list)
    replay: Replay = field(init=False)
    begin: int = field(init=False)
    _answered: bool = False

    def __post_init__(self) -> None:
        looked_back = max((int(p.long.total_seconds()) for slo in self.slos for p in slo.pairs), default=0)
        step = self.period.step_seconds
        self.begin = (self.period.begin - looked_back) // step * step
        self.replay = Replay(
            self.slos,
            slot_seconds=self.period.slot_seconds,
            step_seconds=step,
            begin=self.begin,
            exclusions=self.exclusions,
        )

    async def transitions(self) -> AsyncIterator[Transition]:
        """Every transition within the period. Raises WatchkeepError where the server answers nothing at all."""
        rhythm = Rhythm(slot_seconds=self.period.slot_seconds, interval_ms=self.interval_seconds * 1000)
        reader = Reader(self.client, rhythm, interval_seconds=self.interval_seconds)
        slis = _slis(self.slos)
        begin = self.begin
        while begin < self.period.end:
            end = min(begin + PIECE_SECONDS // self.period.step_seconds * self.period.step_seconds, self.period.end)
            piece = Piece(since=begin, until=end)
            blocks = await asyncio.gather(*(self._read(reader, sli, piece) for sli in slis.values()))
            stretch = Stretch(until=end, blocks=[block for of_sli in blocks for block in of_sli])
            for transition in self.replay.advance(stretch):
                if transition.at.timestamp() > self.period.begin:
                    yield transition
            begin = end
            self.told((begin - self.begin) / (self.period.end - self.begin))
        if not self._answered and self.unread:
            raise WatchkeepError(f"the server {self.client.name} answered nothing: {self.unread[0].fault}")

    def statuses(self) -> list[SLOStatus]:
        """The figures of every SLO at the end."""
        return list(self.replay.statuses())

    async def _read(self, reader: Reader, sli: PrometheusSLI, piece: Piece) -> list[Block]:
        """The counts of a piece; where the server wants less at a time, of its halves."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                tally = await self.client.run(lambda: reader.read(sli, piece, float(self.period.end)))
            except ServerFault as fault:
                if fault.reason in ASK_FOR_LESS and piece.seconds > LEAST_PIECE_SECONDS:
                    return [block for half in self._halves(piece) for block in await self._read(reader, sli, half)]
                if attempt == ATTEMPTS:
                    self.unread.append(Unread(sli=sli.key, piece=piece, fault=fault))
                    return []
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            else:
                self._answered = True
                return [tally.block(sli.key, self.period.slot_seconds)]
        return []

    def _halves(self, piece: Piece) -> tuple[Piece, Piece]:
        slot = self.period.slot_seconds
        middle = piece.since + piece.seconds // 2 // slot * slot
        return Piece(since=piece.since, until=middle), Piece(since=middle, until=piece.until)


def _slis(slos: Sequence[SLO]) -> Mapping[str, PrometheusSLI]:
    return {slo.sli: slo.definition for slo in slos if isinstance(slo.definition, PrometheusSLI)}
