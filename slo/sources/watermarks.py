"""What has to outlive a restart of what is known of a target: the last values of its counters, and its observations.

It is written in one transaction with the counts that were made of it, so that no increment is lost or counted twice.
It comes in two parts, since the names of series and SLIs hardly ever change and the numbers do with each scrape.
"""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.sources.increments import Bools, Ints
from slo.sources.selection import Labels
from slo.sources.targets import Target

_HEAD, _OF_SERIES, _OF_SLI = 2, 3, 4
"""How many numbers there are in front, of each series, and of each SLI."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Names:
    """What the numbers of a watermark belong to: the series of a target by column, and the keys of SLIs.

    `identity` tells the target from others that had its name, see `slo.sources.live_target.Endpoint`.
    `looked_for` are the keys of the definitions whose series were looked out for at the last scrape.
    """

    identity: str
    series: Sequence[Labels]
    slis: Sequence[str]
    looked_for: Collection[str]

    def encoded(self) -> bytes:
        """These names, to be kept."""
        document = {
            "identity": self.identity,
            "series": [dict(labels) for labels in self.series],
            "slis": list(self.slis),
            "looked_for": sorted(self.looked_for),
        }
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Watermark:
    """Where a target stands; times are Unix milliseconds.

    `last`, `seen` and `last_ms`, when it was there last, are of each series. `known` has of each SLI, by its key:
    `decided_ms`, `until_ms`, whether the last scrape had it, and `first_ms`, as `Target` has them.
    """

    names: Names
    scraped_ms: int
    last: Ints
    seen: Bools
    last_ms: Ints
    known: Mapping[str, Sequence[int]]

    def restore(self, target: Target) -> None:
        """Put a new target into this state, but for its SLIs."""
        target.follow(self.names.series)
        target.increments.scraped_ms = self.scraped_ms
        target.increments.last, target.increments.seen = self.last, self.seen

    def restore_slis(self, target: Target, slis: Sequence[str], closed_ms: int) -> None:
        """Put the SLIs of a target, by their keys, into the state that they had. Others are left as they are.

        Slots were closed up to `closed_ms`, without a scrape after `scraped_ms`: what is known was given out by then.
        """
        for index, key in enumerate(slis):
            if key in self.known:
                decided_ms, until_ms, target.observed_last[index], target.stay.first_ms[index] = self.known[key]
                target.decided_ms[index] = max(decided_ms, min(closed_ms, until_ms))
                target.until_ms[index] = until_ms


def encode(target: Target, names: bytes, last_ms: Ints) -> bytes:
    """The numbers of a target, for names that were encoded as `names`."""
    increments = target.increments
    parts = (
        [zlib.crc32(names), increments.scraped_ms],
        increments.last,
        increments.seen,
        last_ms,
        target.decided_ms,
        target.until_ms,
        target.observed_last,
        target.stay.first_ms,
    )
    return b"".join(np.asarray(part).astype("<i8").tobytes() for part in parts)


def decode(names: bytes, numbers: bytes) -> Watermark:
    """The watermark of what `Names.encoded` and `encode` have made. Raises ValueError for anything else."""
    try:
        document = json.loads(names)
        read = Names(**{key: document[key] for key in ("identity", "series", "slis", "looked_for")})
        values = np.frombuffer(numbers, "<i8").astype(np.int64)
        series, slis = len(read.series), len(read.slis)
        if len(values) != _HEAD + _OF_SERIES * series + _OF_SLI * slis or values[0] != zlib.crc32(names):
            raise ValueError("the numbers belong to other names")
        last, seen, last_ms = values[_HEAD : _HEAD + _OF_SERIES * series].reshape(_OF_SERIES, series)
        of_slis = values[_HEAD + _OF_SERIES * series :].reshape(_OF_SLI, slis).T.tolist()
        known = dict(zip(read.slis, of_slis, strict=True))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no names of series and SLIs: {error}") from error
    return Watermark(
        names=read, scraped_ms=int(values[1]), last=last, seen=seen != 0, last_ms=last_ms.copy(), known=known
    )
