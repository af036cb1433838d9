"""A slot that has closed, on its way to those who are told what was counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from exporters.forwarding.counting import Closing, SlotCounts
from slo.core.deltas import BAD, GOOD, UNKNOWN, Block
from slo.core.slo import SLO
from slo.core.telemetry import Counts3


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A slot that has closed, as the books know it: `blocks` are what was counted since the one before it."""

    begun: int
    end: int
    seconds: int
    slos: Mapping[str, SLO]
    totals: Mapping[str, tuple[int, int, int]]
    blocks: Sequence[Block]


def closing_of(closed: Closed) -> Closing:
    """The same by SLI and slot. It takes a while: call it in a thread."""
    slots: dict[str, dict[int, SlotCounts]] = {}
    for block in closed.blocks:
        counts = block.counts[[GOOD, BAD, UNKNOWN]]
        for span, column in np.argwhere(counts.any(axis=0)).tolist():
            name, end = block.names[column], int(block.ends[span])
            of_sli = slots.setdefault(name, {})
            known = of_sli[end].counts if end in of_sli else Counts3()
            total = known.plus(Counts3(*counts[:, span, column].tolist()))
            of_sli[end] = SlotCounts(end=end, seconds=block.seconds, counts=total)
    return Closing(
        begun=closed.begun,
        end=closed.end,
        seconds=closed.seconds,
        slos=closed.slos,
        totals={key: Counts3(*totals) for key, totals in closed.totals.items()},
        slots={name: tuple(of_sli.values()) for name, of_sli in slots.items()},
    )
