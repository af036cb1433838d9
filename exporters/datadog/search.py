"""Canaries read back: a search of logs.

It is for the message, which is searched without a facet, and only an entry with the same `event.id` is taken for it.
Source: https://docs.datadoghq.com/api/latest/logs/search-logs-post/
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from pydantic_core import to_json

from exporters.datadog.entries import SOURCE, time_text
from exporters.posting import Posting
from slo.core.canary import Canary
from slo.errors import Fault

PATH = "/api/v2/logs/events/search"

BESIDE = timedelta(minutes=1)
"""How much more time is searched on both sides."""

MOST = 1000
"""The largest page: more would come where entries came twice."""


async def found_of(posting: Posting, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
    """Those of some canaries that a search finds. Raises Fault where Datadog does not say."""
    times = [canary.at for canary in canaries]
    search = {
        "filter": {
            "query": f"source:{SOURCE} ({' OR '.join(canary.id for canary in canaries)})",
            "from": time_text(min(times) - BESIDE),
            "to": time_text(max(times) + BESIDE),
        },
        "page": {"limit": MOST},
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    response = await posting.read(posting.request("POST", PATH, headers=headers, body=to_json(search)), deadline)
    try:
        ids = set(_ids(json.loads(response.body)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Fault("canary_unread", detail="the answer is not that of a whole search") from None
    return frozenset(canary for canary in canaries if canary.id in ids)


def _ids(document: Any) -> Iterator[str]:
    """The ids of our entries. A search that ran out of time has not looked everywhere."""
    if document.get("meta", {}).get("status", "done") != "done":
        raise ValueError("it is not done")
    for log in document["data"]:
        own = log["attributes"].get("attributes") or {}
        yield str(own.get("event", {}).get("id", ""))
