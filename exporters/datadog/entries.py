"""What happened, as entries of Datadog's logs API v2.

Datadog takes entries of the last 18 hours. An event that is older is dated now, so that it is taken; when it happened
is in `event.occurred_at` of every entry. Source: https://docs.datadoghq.com/api/latest/logs/send-logs/ and, for the
attributes, https://docs.datadoghq.com/logs/log_configuration/attributes_naming_convention/
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic_core import to_json

from exporters.datadog.tags import host_of, tags_of
from slo.core.telemetry import Json, Logged, Record
from slo.core.telemetry_document import read

SOURCE = "watchkeep"

OLDEST = timedelta(hours=17)
"""How old an entry may be; an hour less than Datadog takes, for what is on its way."""

ENTRY_LIMIT_BYTES = 1_000_000
"""The largest entry. Datadog would cut a larger one somewhere, and it would be JSON no more."""

CUT_CHARACTERS = 10_000
"""How much of its message an entry keeps that would be larger."""

_OWN = "watchkeep."


def entries(records: Sequence[Record], now: datetime) -> bytes:
    """The body for these records. Raises ValueError for one that is no log."""
    written = []
    for record in records:
        logged = read(record.body)
        if not isinstance(logged, Logged):
            raise ValueError("a metric is no log")
        written.append(_entry(logged, now))
    return b"[%s]" % b",".join(written)


def _entry(logged: Logged, now: datetime) -> bytes:
    entry = _written(logged, now, {"message": logged.message, **_fields(logged)})
    if len(entry) <= ENTRY_LIMIT_BYTES:
        return entry
    return _written(logged, now, {"message": logged.message[:CUT_CHARACTERS], "truncated": True})


def _written(logged: Logged, now: datetime, content: Mapping[str, Json]) -> bytes:
    event: dict[str, Json] = {
        "id": logged.id,
        "dataset": logged.dataset,
        "action": logged.action,
        "occurred_at": time_text(logged.at),
    }
    if logged.outcome:
        event["outcome"] = logged.outcome
    if logged.sequence:
        event["sequence"] = logged.sequence
    entry: dict[str, Json] = {
        "ddsource": SOURCE,
        "ddtags": ",".join(tags_of(logged.labels)),
        "service": logged.labels.get("service") or SOURCE,
        "status": logged.level,
        "date": time_text(logged.at if now - logged.at <= OLDEST else now),
        "event": event,
        **content,
    }
    if host := host_of(logged.labels):
        entry["hostname"] = host
    return to_json(entry, inf_nan_mode="null")


def _fields(logged: Logged) -> Mapping[str, Json]:
    """The facts, below `watchkeep` and the name of what they are facts of."""
    return {SOURCE: {logged.dataset.removeprefix(_OWN).replace(".", "_"): logged.fields}} if logged.fields else {}


def time_text(at: datetime) -> str:
    """A time as Datadog reads it, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
