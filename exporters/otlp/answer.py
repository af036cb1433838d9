"""What receivers of OTLP answer.

    message ExportMetricsServiceResponse { ExportMetricsPartialSuccess partial_success = 1; }
    message ExportMetricsPartialSuccess  { int64 rejected_data_points = 1; string error_message = 2; }
    message Status                       { int32 code = 1; string message = 2; }

The answers for logs have the same numbers. All come as JSON too, where a receiver or what stands before it prefers it.
Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

import json
from dataclasses import dataclass

from exporters.protobuf import fields
from slo.net.http1 import Response

JSON, PROTOBUF = "application/json", "application/x-protobuf"

_REJECTED_NAMES = ("rejectedDataPoints", "rejectedLogRecords")


@dataclass(frozen=True, kw_only=True, slots=True)
class Partial:
    """How many points or records of a request were rejected for good, and what is said of it."""

    rejected: int = 0
    message: str = ""


def partial_success(response: Response) -> Partial:
    """What a receiver says that took a request. Raises ValueError where no receiver of OTLP would answer so."""
    sort = _sort(response)
    if not response.body.strip():
        return Partial()
    if sort == JSON:
        return _partial_of_json(response.body)
    if sort == PROTOBUF:
        return _partial_of_protobuf(response.body)
    if sort == "text/html":
        raise ValueError("it is a page")
    return Partial()


def status_message(response: Response) -> str:
    """What a receiver says that refuses a request, as far as it is readable."""
    sort = _sort(response)
    try:
        if sort == PROTOBUF:
            return _text(dict(fields(response.body)).get(2))
        if sort == JSON and isinstance(document := json.loads(response.body), dict):
            return str(document.get("message", ""))
    except (ValueError, RecursionError):
        pass
    return response.body.decode(errors="replace")


def _partial_of_protobuf(body: bytes) -> Partial:
    partial = dict(fields(body)).get(1)
    said = dict(fields(partial)) if isinstance(partial, bytes) else {}
    rejected = said.get(1)
    if not isinstance(rejected, int) or rejected >= 2**63:  # it has a sign
        rejected = 0
    return Partial(rejected=rejected, message=_text(said.get(2)))


def _partial_of_json(body: bytes) -> Partial:
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise ValueError("it lies too deep") from error
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    said = document.get("partialSuccess") or {}
    if not isinstance(said, dict):
        raise ValueError("partialSuccess is no object")
    counts = [int(said[name]) for name in _REJECTED_NAMES if isinstance(said.get(name), int | str)]
    return Partial(rejected=max([0, *counts]), message=str(said.get("errorMessage", "")))


def _text(value: int | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _sort(response: Response) -> str:
    return (response.header("content-type") or "").partition(";")[0].strip().lower()
