"""What Datadog takes of SLOs and of status corrections.

Sources: https://docs.datadoghq.com/api/latest/service-level-objectives/,
https://docs.datadoghq.com/api/latest/service-level-objective-corrections/ and
https://docs.datadoghq.com/service_level_objectives/ for the decimals of targets and the number of corrections.
"""

import re
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from slo.demo.vendors.datadog.rules import Refusal, checked, texts

TIMEFRAMES = ("7d", "30d", "90d")
CATEGORIES = ("Scheduled Maintenance", "Outside Business Hours", "Deployment", "Other")
TARGET_DECIMALS = 3

DAY_SECONDS = 86_400
JUDGED_SECONDS = 90 * DAY_SECONDS
MOST_CORRECTIONS: Mapping[str, int] = {"": 100, "DAILY": 2, "WEEKLY": 3, "MONTHLY": 5}
"""How many corrections of the last 90 days an SLO may have: single ones, and those that recur by their frequency."""

_SLO: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "description": (str, type(None)),
    "type": str,
    "query": dict,
    "thresholds": list,
    "tags": list,
    "timeframe": str,
    "target_threshold": (int, float),
    "warning_threshold": (int, float),
}
_QUERY = re.compile(
    r"sum:[a-zA-Z][a-zA-Z0-9_.]*\{[^{}]+\}\.as_count\(\)( [+-] sum:[a-zA-Z][a-zA-Z0-9_.]*\{[^{}]+\}\.as_count\(\))*"
)
_CORRECTION: dict[str, type | tuple[type, ...]] = {
    "slo_id": str,
    "slo_query": str,
    "category": str,
    "description": str,
    "start": int,
    "end": int,
    "rrule": str,
    "duration": int,
    "timezone": str,
}
_RULE_PARTS: Mapping[str, str] = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": "[1-9][0-9]*",
    "COUNT": "[1-9][0-9]*",
    "UNTIL": "[0-9]{8}(T[0-9]{6}Z?)?",
    "BYDAY": "[+-]?[0-9]?(MO|TU|WE|TH|FR|SA|SU)(,[+-]?[0-9]?(MO|TU|WE|TH|FR|SA|SU))*",
}


def checked_slo(asked: object) -> dict[str, Any]:
    """An SLO as it is kept, but for its id. Raises Refusal."""
    slo = checked(asked, "the SLO", _SLO, "name", "type", "thresholds")
    if slo["type"] != "metric":
        raise Refusal(400, "this stand-in has SLOs of type 'metric' alone")
    query = checked(slo.get("query"), "query", {"numerator": str, "denominator": str}, "numerator", "denominator")
    for name, each in query.items():
        if not _QUERY.fullmatch(each):
            raise Refusal(400, f"Invalid query: {name} is no sum of counts")
    thresholds = [_threshold(each) for each in slo["thresholds"]]
    frames = [each["timeframe"] for each in thresholds]
    if len(set(frames)) < len(frames):
        raise Refusal(400, "Thresholds must have distinct timeframes")
    primary = slo.get("timeframe", min(frames, key=TIMEFRAMES.index))
    if primary not in frames:
        raise Refusal(400, "timeframe must be that of a threshold")
    return {
        **slo,
        "description": slo.get("description") or None,
        "tags": texts(slo.get("tags", []), "tags"),
        "thresholds": thresholds,
        "timeframe": primary,
    }


def checked_correction(asked: object, slos: Container[str]) -> dict[str, Any]:
    """The attributes of a correction. Raises Refusal."""
    body = checked(asked, "the body", {"data": dict}, "data")
    data = checked(body["data"], "data", {"type": str, "attributes": dict}, "type", "attributes")
    if data["type"] != "correction":
        raise Refusal(400, "the type must be 'correction'")
    found = checked(data["attributes"], "attributes", _CORRECTION, "category", "start")
    if ("slo_id" in found) == ("slo_query" in found):
        raise Refusal(400, "Exactly one of slo_id or slo_query is required")
    if "slo_id" in found and found["slo_id"] not in slos:
        raise Refusal(404, "SLO Not Found")
    if found["category"] not in CATEGORIES:
        raise Refusal(400, f"{found['category']!r} is no category")
    if "rrule" in found:
        _check_rule(found["rrule"])
        if found.get("duration", 0) < 1 or "end" in found:
            raise Refusal(400, "a recurring correction has a duration, and no end")
    elif "duration" in found or found.get("end", 0) <= found["start"]:
        raise Refusal(400, "a correction ends after its start")
    return {"timezone": "UTC", **found}


def check_room(correction: Mapping[str, Any], others: Iterable[Mapping[str, Any]], now: float) -> None:
    """Whether an SLO may have one more correction beside the others. Raises Refusal."""
    sort = _frequency(correction)
    alike = [each for each in others if _frequency(each) == sort and _counts(each, now)]
    if _counts(correction, now) and len(alike) >= MOST_CORRECTIONS.get(sort, 1):
        raise Refusal(400, "the SLO has as many corrections of that kind as it may have")


def _threshold(asked: object) -> dict[str, Any]:
    fields: dict[str, type | tuple[type, ...]] = {"timeframe": str, "target": (int, float), "warning": (int, float)}
    found = checked(asked, "a threshold", fields, "timeframe", "target")
    target = Decimal(str(found["target"]))
    if found["timeframe"] not in TIMEFRAMES:
        raise Refusal(400, f"{found['timeframe']!r} is no timeframe of an SLO")
    if not 0 < target < 100 or -int(target.normalize().as_tuple().exponent) > TARGET_DECIMALS:
        raise Refusal(400, "a target is between 0 and 100, with up to three decimals")
    if not target < Decimal(str(found.get("warning", 100))) <= 100:
        raise Refusal(400, "a warning is above the target")
    return {**found, "target_display": f"{target:.{TARGET_DECIMALS}f}"}


def _check_rule(rule: str) -> None:
    parts = [part.partition("=") for part in rule.split(";")]
    names = [name for name, _, _ in parts]
    if len(set(names)) < len(names) or "FREQ" not in names or {"COUNT", "UNTIL"} <= set(names):
        raise Refusal(400, "the rrule is invalid")
    for name, _, value in parts:
        if name not in _RULE_PARTS or not re.fullmatch(_RULE_PARTS[name], value):
            raise Refusal(400, f"the rrule's {name} is not supported")


def _frequency(correction: Mapping[str, Any]) -> str:
    match = re.search(r"FREQ=([A-Z]+)", correction.get("rrule", ""))
    return match[1] if match else ""


def _counts(correction: Mapping[str, Any], now: float) -> bool:
    """Whether it is of the last 90 days. One that recurs without an end always is."""
    until = re.search(r"UNTIL=([0-9]{8})", correction.get("rrule", ""))
    if until:
        return datetime.strptime(f"{until[1]}+0000", "%Y%m%d%z").timestamp() + DAY_SECONDS > now - JUDGED_SECONDS
    return "end" not in correction or correction["end"] > now - JUDGED_SECONDS
