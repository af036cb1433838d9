"""How Datadog searches logs, as far as is needed here: entries of a source whose message holds one of several words.

Source: https://docs.datadoghq.com/api/latest/logs/search-logs-post/ and, for queries,
https://docs.datadoghq.com/logs/explorer/search_syntax/
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from slo.demo.vendors.datadog.intake import date_of
from slo.demo.vendors.datadog.rules import Refusal, checked

MOST_ON_A_PAGE = 1000
USUAL_ON_A_PAGE = 10

_QUERY = re.compile(r"source:(\S+) \((\w+(?: OR \w+)*)\)")
_RESERVED = {"ddsource", "ddtags", "hostname", "message", "service", "status", "date"}


def found(document: object, logs: Iterable[dict[str, Any]], now: float) -> dict[str, Any]:
    """The answer to a search. Raises Refusal, also for queries that are not understood here."""
    asked = checked(document, "the body", {"filter": dict, "options": dict, "page": dict, "sort": str})
    chosen = checked(
        asked.get("filter", {}),
        "the filter",
        {"query": str, "from": str, "to": str, "indexes": list, "storage_tier": str},
        "query",
        "from",
        "to",
    )
    page = checked(asked.get("page", {}), "the page", {"limit": int, "cursor": str})
    limit = page.get("limit", USUAL_ON_A_PAGE)
    if not 0 < limit <= MOST_ON_A_PAGE:
        raise Refusal(400, f"a page has 1 to {MOST_ON_A_PAGE} logs")
    query = _QUERY.fullmatch(chosen["query"])
    if query is None:
        raise Refusal(400, "the stand-in knows only queries as 'source:NAME (WORD OR WORD)'")
    source, words = query[1], set(query[2].lower().split(" or "))
    begins, ends = _seconds(chosen["from"]), _seconds(chosen["to"])
    hits = [
        log
        for log in logs
        if log.get("ddsource") == source
        and begins <= date_of(log, now) < ends
        and words & set(re.findall(r"\w+", log.get("message", "").lower()))
    ]
    return {"data": [_shown(log) for log in hits[:limit]], "meta": {"elapsed": 1, "status": "done"}}


def _seconds(written: str) -> float:
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal(400, "the stand-in knows only times as 2026-03-01T12:00:00Z")
    return at.timestamp()


def _shown(log: dict[str, Any]) -> dict[str, Any]:
    """An entry as it is shown: what is not reserved is below `attributes`."""
    id_ = hashlib.md5(json.dumps(log).encode(), usedforsecurity=False).hexdigest()
    attributes = {
        "attributes": {name: value for name, value in log.items() if name not in _RESERVED},
        "host": log.get("hostname"),
        "message": log.get("message"),
        "service": log.get("service"),
        "status": log.get("status"),
        "tags": [tag for tag in log.get("ddtags", "").split(",") if tag],
        "timestamp": log.get("date"),
    }
    return {"id": id_, "type": "log", "attributes": attributes}
