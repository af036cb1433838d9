"""Why a server gave no answer that can be counted: a bounded set of reasons, read from statuses and from error texts.

The servers name their errors in their own words. Prometheus says 400 for an expression that it cannot read, 422 for one
that it cannot evaluate and 503 for one that took too long; VictoriaMetrics says 422 for all of them; Mimir and Thanos
say 422 for their limits. So what asks for less is told from its text, since a smaller piece may well be answered.
"""

import json
import re
from types import MappingProxyType

from slo.errors import ServerFault

DETAIL_LIMIT = 300

TOO_MUCH, NO_SERIES = "too_much", "no_series"
REASONS: MappingProxyType[str, str] = MappingProxyType(
    {
        TOO_MUCH: "a limit of the server, or of ours, was met: samples, points, series, bytes, the length of a range",
        "query_timeout": "the server gave up the query",
        "refused": "the server does not take the expression",
        "not_allowed": "the server wants other credentials, or another tenant",
        "rate_limited": "the server wants to be asked less often",
        "server_error": "the server failed",
        "redirected": "the server sent us elsewhere, where credentials must not go",
        "unexpected_status": "the status code is none of a Prometheus-compatible API",
        "not_prometheus": "the answer is not that of a Prometheus-compatible API",
        "partial": "the server says that its answer lacks data",
        "no_counts": "the answer is no vector of numbers: a scalar, a text or a histogram",
        NO_SERIES: "the total has no series, so that nothing is known",
    }
)
"""What can be wrong with an answer, and what each means. What can be wrong on the way to it has the reasons of
`slo.core.reason`."""

ASK_FOR_LESS = frozenset({TOO_MUCH, "query_timeout", "body_too_large", "response_timeout", "body_timeout"})
"""The reasons for which a shorter piece may be answered."""

_LIMIT = re.compile(r"too many|too large|too long|exceed|more than|\blimit\b|-search\.max", re.IGNORECASE)
_TIMED_OUT = re.compile(r"timed? ?out|deadline|took longer", re.IGNORECASE)
_BY_STATUS = MappingProxyType(
    {400: "refused", 401: "not_allowed", 403: "not_allowed", 413: TOO_MUCH, 422: "refused", 429: "rate_limited"}
)
_MAY_BE_LIMITS = frozenset({400, 413, 422, 500, 503})


def fault_of(status: int, body: bytes) -> ServerFault:
    """What an answer with a status other than 200 says."""
    said = _error_text(body)
    detail = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in _MAY_BE_LIMITS and _TIMED_OUT.search(said):
        return ServerFault("query_timeout", detail)
    if status in _MAY_BE_LIMITS and _LIMIT.search(said):
        return ServerFault(TOO_MUCH, detail)
    if 300 <= status < 400:
        return ServerFault("redirected", detail)
    by_status = _BY_STATUS.get(status)
    return ServerFault(by_status or ("server_error" if status >= 500 else "unexpected_status"), detail)


def shortened(text: str) -> str:
    """What the other side said, on one line and not too long."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= DETAIL_LIMIT else line[: DETAIL_LIMIT - 3] + "..."


def _error_text(body: bytes) -> str:
    """The `error` of the API's own documents; the beginning of anything else."""
    text = body[: 16 * DETAIL_LIMIT].decode(errors="replace")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return shortened(text)
    error = document.get("error") if isinstance(document, dict) else None
    return shortened(error if isinstance(error, str) else text)
