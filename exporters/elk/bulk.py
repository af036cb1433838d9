"""Requests to `_bulk`, and what their answers mean for each record.

Every document is created and never overwritten, which is all that a data stream takes: one whose `_id` is there says
409, and is done. One that went into the failure store of its data stream says 201, and is not where it belongs.
Sources: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk and
https://www.elastic.co/docs/manage-data/data-store/data-streams/failure-store
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from exporters.elk.document import Document
from exporters.posting import DETAIL_LIMIT, MALFORMED
from slo.core.delivery import Dropped, Refused, Retry, Sent, Verdict

PATH = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.failure_store"
"""Where it goes, and all that we want to hear."""

SET_ASIDE = "failure_store"
"""The reason where a document is beside its data stream, where no search finds it that is not made for it."""

_REASONS = {401: "auth_refused", 403: "auth_refused", 404: "index_missing", 408: "request_timeout", 429: "rate_limited"}

_OF_THE_INDEX = frozenset(
    {
        "cluster_block_exception",
        "index_closed_exception",
        "index_not_found_exception",
        "validation_exception",  # as where the cluster may have no more shards
    }
)
"""The types of errors that say nothing against the document: somebody has to mend the index or the cluster."""

_WEIGHTS: Mapping[type[Verdict], int] = {Dropped: 0, Sent: 0, Refused: 1, Retry: 2}


def action(document: Document, index: str) -> bytes:
    """The two lines that create a document. Raises ValueError for what JSON cannot say."""
    return b"%s\n%s\n" % (to_json({"create": {"_index": index, "_id": document.id}}), document.written())


def verdicts(answer: bytes, items: Sequence[int], hidden: Callable[[str], str]) -> Sequence[Verdict]:
    """What an answer with a status of success means for each record, of which `items` says how many documents it was.

    One document that has to be sent again means that its record is, since those that are there are not doubled.
    `hidden` takes our secrets out of what the other side says.
    """
    each = _items(answer)
    if each is None or len(each) != sum(items):
        found = "no items" if each is None else f"{len(each)} items of {sum(items)}"
        shown = hidden(answer.decode(errors="replace"))[:DETAIL_LIMIT]
        return [Retry(reason=MALFORMED, detail=f"{found} in the answer: {shown}")]
    found_each = [_verdict(item, hidden) for item in each]
    of_records, start = list[Verdict](), 0
    for count in items:
        of_records.append(_worst(found_each[start : start + count]))
        start += count
    return of_records


def _worst(of_documents: Iterable[Verdict]) -> Verdict:
    return max(of_documents, key=lambda verdict: _WEIGHTS[type(verdict)], default=Dropped())


class _Item(NamedTuple):
    """What became of a document: its status, its error, and whether it is in a failure store."""

    status: int
    error: Mapping[str, Any] | str
    set_aside: bool


def _items(answer: bytes) -> list[_Item] | None:
    """What became of each document; None where the answer does not say that."""
    try:
        document = json.loads(answer)
        results = [result for item in document["items"] for result in item.values()]
        found = [
            _Item(result["status"], result.get("error") or {}, result.get("failure_store") == "used")
            for result in results
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    sound = all(type(item.status) is int and isinstance(item.error, dict | str) for item in found)
    return found if sound else None


def _verdict(item: _Item, hidden: Callable[[str], str]) -> Verdict:
    status, error = item.status, {"reason": item.error} if isinstance(item.error, str) else item.error
    if item.set_aside:
        return Refused(reason=SET_ASIDE, detail="it does not fit, and is in the failure store of the data stream")
    if 200 <= status < 300 or status == 409:
        return Sent()
    type_, reason = str(error.get("type", "")), str(error.get("reason", ""))
    detail = hidden(f"HTTP {status}: {type_}: {reason}")[:DETAIL_LIMIT]
    if status in _REASONS or status >= 500:
        return Retry(reason=_REASONS.get(status, "server_error"), detail=detail)
    if type_ in _OF_THE_INDEX:
        return Retry(reason="index_refused", detail=detail)
    return Refused(reason="rejected", detail=detail)
