"""Canaries read back: a search by id, in the index that each was written to.

Only what a search finds is there for people. Source:
https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-ids-query
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from exporters.posting import Posting
from slo.errors import Fault
from slo.net.http1 import Response

NOT_THERE = 404
NO_INDEX = "index_not_found_exception"
"""What the error is called where nothing was ever written to that index."""

_JSON: Mapping[str, str] = {"Content-Type": "application/json"}


async def found_in(posting: Posting, index: str, ids: Iterable[str], deadline: float) -> frozenset[str]:
    """Which of these documents an index has. Raises Fault where it does not say, or says it of a part of itself."""
    wanted = sorted(ids)
    body = {"query": {"ids": {"values": wanted}}, "size": len(wanted), "_source": False}
    path = f"/{index}/_search?allow_partial_search_results=false"
    request = posting.request("POST", path, headers=_JSON, body=to_json(body))
    answer = await posting.fetch(request, deadline)
    if isinstance(answer, Response) and _lacks_index(answer.status, answer.body):
        return frozenset()
    found = _found(posting.checked(answer).body)
    if found is None:
        raise Fault("canary_unread", detail="the answer is not that of a whole search")
    return found.intersection(wanted)


def _lacks_index(status: int, body: bytes) -> bool:
    if status != NOT_THERE:
        return False
    try:
        return bool(json.loads(body)["error"]["type"] == NO_INDEX)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _found(body: bytes) -> frozenset[str] | None:
    """The ids in the answer to a search; None where it is none, or was not over everything."""
    try:
        document: dict[str, Any] = json.loads(body)
        if document["timed_out"] is not False or document["_shards"]["failed"] != 0:
            return None
        return frozenset(str(hit["_id"]) for hit in document["hits"]["hits"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
