"""Canaries read back: a query for the points of their series, by the API of Prometheus.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from exporters.posting import Posting
from slo.core.canary import FORWARDER, METRIC, Canary
from slo.errors import Fault

BESIDE_SECONDS = 1
"""How much more time is asked for on both sides: some servers leave the ends out."""


async def found_of(posting: Posting, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
    """Those of some canaries of one forwarder whose points are there, to the millisecond and with their own values.

    Raises Fault where the server does not say.
    """
    times = [canary.at.timestamp() for canary in canaries]
    last = max(times) + BESIDE_SECONDS
    seconds = int(last - min(times)) + 2 * BESIDE_SECONDS
    query = f"{METRIC}{{{FORWARDER}={json.dumps(canaries[0].forwarder)}}}[{seconds}s]"
    asked = urlencode({"query": query, "time": f"{last:.3f}"})
    response = await posting.read(posting.request("GET", f"/api/v1/query?{asked}"), deadline)
    try:
        points = set(_points(json.loads(response.body)))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        raise Fault("canary_unread", detail="the answer is not that of a query") from None
    return frozenset(each for each in canaries if (_milliseconds(each.at.timestamp()), each.number) in points)


def _points(document: Any) -> Iterator[tuple[int, float]]:
    if document["status"] != "success" or document["data"]["resultType"] != "matrix":
        raise ValueError("it is no matrix")
    for series in document["data"]["result"]:
        for at, value in series["values"]:
            yield _milliseconds(float(at)), float(value)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
