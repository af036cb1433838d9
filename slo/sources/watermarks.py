"""What has to outlive a restart of what is known of a target: the last values of its counters, and its observations.

It is written in one transaction with the counts that were made of it, so that no increment is lost or counted twice.
"""

import json
import zlib
from collections.abc import Callable, Collection, Sequence

import numpy as np

from slo.sources.knowledge import Known
from slo.sources.series import Labels
from slo.sources.targets import Target


def watermark(target: Target, series: Sequence[Labels], slis: Sequence[str]) -> bytes:
    """The state of a target; `series` are the labels of its columns, `slis` the keys of its SLIs."""
    increments = target.increments
    document = {
        "scraped_ms": increments.scraped_ms,
        "series": [dict(labels) for labels in series],
        "last": increments.last.tolist(),
        "seen": increments.seen.tolist(),
        "slis": {
            key: [known.decided_ms, known.until_ms, bool(observed), int(first_ms)]
            for key, known, observed, first_ms in zip(
                slis, target.known, target.observed_last, target.first_ms, strict=True
            )
        },
    }
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 1)


def restore(
    target: Target, mark: bytes, slis: Sequence[str], wanted: Callable[[Labels], bool]
) -> tuple[list[Labels], Collection[str]]:
    """Put a new target into the state of `mark`: the labels of its columns, and the SLIs that it already knows.

    Series that nobody wants any more are left out. Raises ValueError for what `watermark` has not made.
    """
    try:
        document = json.loads(zlib.decompress(mark))
        known = document["slis"]
        kept = [column for column, labels in enumerate(document["series"]) if wanted(labels)]
        series: list[Labels] = [document["series"][column] for column in kept]
        target.follow(series)
        target.increments.scraped_ms = int(document["scraped_ms"])
        target.increments.last = np.array(document["last"], np.int64)[kept]
        target.increments.seen = np.array(document["seen"], np.bool_)[kept]
        for index, key in enumerate(slis):
            if key in known:
                decided_ms, until_ms, observed, first_ms = known[key]
                target.known[index] = Known(decided_ms=decided_ms, until_ms=until_ms)
                target.observed_last[index] = observed
                target.first_ms[index] = first_ms
    except (zlib.error, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"is no watermark of a target: {error}") from error
    return series, known.keys()
