"""What Datadog's intake takes of metrics and logs.

A request that is wrong is refused as a whole. What is only too old, or too far ahead, is taken and then discarded. In
two things it is stricter: names and tags that Datadog would rewrite, so that queries for them find nothing, are
refused, and so are counts and rates that do not say of which interval, which Datadog could only guess.

Sources: https://docs.datadoghq.com/api/latest/metrics/submit-metrics/, https://docs.datadoghq.com/api/latest/logs/send-logs/,
https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics,
https://docs.datadoghq.com/getting_started/tagging/#define-tags.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from slo.demo.vendors.datadog.rules import IDENTITY, ZSTD, Refusal, checked, decompressed, parsed, texts

METRICS_WIRE_BYTES = 512_000
METRICS_RAW_BYTES = 5_242_879
"""Less than 5 MB, says Datadog."""
POINT_OLDEST_SECONDS, POINT_AHEAD_SECONDS = 3600, 600

LOGS_RAW_BYTES = 5_000_000
LOG_BYTES = 1_000_000
MOST_LOGS = 1_000
LOG_OLDEST_SECONDS, LOG_AHEAD_SECONDS = 18 * 3600, 2 * 3600

TYPES = range(4)
"""Unspecified, count, rate, gauge."""

OF_AN_INTERVAL = {1, 2}

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.]{0,199}")
_TAG = re.compile(r"[^\W\d_][\w\-:./]{0,199}(?<!:)")
_DATES = ("timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date")
_SERIES: dict[str, type | tuple[type, ...]] = {
    "metric": str,
    "type": int,
    "interval": int,
    "points": list,
    "tags": list,
    "resources": list,
    "unit": str,
    "source_type_name": str,
    "metadata": dict,
}


def series_in(request: web.Request, body: bytes) -> list[dict[str, Any]]:
    """The series of a request. Raises Refusal."""
    if len(body) > METRICS_WIRE_BYTES:
        raise Refusal(413, "Payload too large")
    raw = decompressed(request, body, METRICS_RAW_BYTES, ZSTD)
    document = checked(parsed(request, raw), "the body", {"series": list})
    if not document.get("series"):
        raise Refusal(400, "the body needs 'series'")
    return [_series(each) for each in document["series"]]


def is_current(seconds: float, now: float) -> bool:
    """Whether a point of that time is kept."""
    return now - POINT_OLDEST_SECONDS <= seconds <= now + POINT_AHEAD_SECONDS


def logs_in(request: web.Request, body: bytes) -> list[dict[str, Any]]:
    """The logs of a request; one that is too large is cut. Raises Refusal."""
    document = parsed(request, decompressed(request, body, LOGS_RAW_BYTES, IDENTITY))
    logs = document if isinstance(document, list) else [document]
    if len(logs) > MOST_LOGS:
        raise Refusal(413, "Payload too large")
    for log in logs:
        if not isinstance(log, dict):
            raise Refusal(400, "a log is no object")
        if "message" not in log:
            raise Refusal(400, "a log needs 'message'")
        for name in ("ddsource", "ddtags", "hostname", "message", "service", "status"):
            if not isinstance(log.get(name, ""), str):
                raise Refusal(400, f"{name!r} must be a string")
    return [_cut(log) for log in logs]


def date_of(log: dict[str, Any], now: float) -> float:
    """When a log says that it happened, in Unix seconds; now where it does not say it as Datadog reads it."""
    for name in _DATES:
        written = log.get(name)
        if isinstance(written, int) and not isinstance(written, bool):
            return written / 1000
        if isinstance(written, str):
            try:
                at = datetime.fromisoformat(written)
            except ValueError:
                continue
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return now


def is_recent(seconds: float, now: float) -> bool:
    """Whether a log of that time is kept."""
    return now - LOG_OLDEST_SECONDS <= seconds <= now + LOG_AHEAD_SECONDS


def _series(series: object) -> dict[str, Any]:
    found = checked(series, "a series", _SERIES, "metric", "points")
    if not _NAME.fullmatch(found["metric"]):
        raise Refusal(400, f"{found['metric']!r} is no name of a metric")
    if found.get("type", 0) not in TYPES:
        raise Refusal(400, "a series has a type of 0 to 3")
    if found.get("interval", 0 if found.get("type") in OF_AN_INTERVAL else 1) < 1:
        raise Refusal(400, "an interval is a number of seconds")
    for tag in texts(found.get("tags", []), "tags"):
        if not _TAG.fullmatch(tag) or tag != tag.lower():
            raise Refusal(400, f"{tag!r} is no tag as Datadog keeps it")
    for resource in found.get("resources", []):
        checked(resource, "a resource", {"name": str, "type": str}, "name", "type")
    for point in found["points"]:
        checked(point, "a point", {"timestamp": int, "value": (int, float)}, "timestamp")
        if "value" not in point:
            raise Refusal(400, "a point needs 'value'")
    return found


def _cut(log: dict[str, Any]) -> dict[str, Any]:
    written = json.dumps(log)
    return log if len(written) <= LOG_BYTES else {"message": written[:LOG_BYTES]}
