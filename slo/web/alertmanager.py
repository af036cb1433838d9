"""Bodies that speak of alerts, as Alertmanager takes them at `/api/v2/alerts` and as it sends them to a webhook (v4).

What is no such body is refused as a whole, by `BodyRefused`; of the alerts in one, each is valid or not by itself. The
statuses are those of Alertmanager, by trial against 0.25. Formats: api/v2/openapi.yaml of Alertmanager,
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from slo.core.foreign import ForeignAlert
from slo.errors import Malformed

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert fires that comes without an end, as `resolve_timeout` of Alertmanager: until it is sent again."""

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""How an alert says that it has no end, and Go that there is no time."""

VERSION = "4"
"""The version of the payload of webhooks."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_URI = re.compile(r"/.*|[a-z][a-z0-9+.-]*:.+", re.ASCII | re.IGNORECASE | re.DOTALL)


class BodyRefused(Malformed):
    """A body that cannot be understood: the status that Alertmanager gives, and where it is wrong how."""

    def __init__(self, problem: str, *, at: str = "", status: int = 400) -> None:
        super().__init__(f"{at}: {problem}" if at else problem)
        self.at = at
        self.problem = problem
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The alerts of one body that are valid; what is wrong with others, by where they stand; how many it left out."""

    alerts: tuple[ForeignAlert, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    left_out: int = 0


def posted(body: bytes, now: datetime) -> Batch:
    """The alerts of a body of `/api/v2/alerts`. What has no end fires for `RESOLVE_TIMEOUT`. Raises BodyRefused."""
    if not body.strip():
        raise BodyRefused("alerts in body is required", status=422)
    alerts = _parsed(body)
    return Batch() if alerts is None else _batch("", _listed(alerts, ""), lambda at, keys: _postable(at, keys, now))


def notified(body: bytes, now: datetime) -> Batch:
    """The alerts of a body that Alertmanager posts to a webhook. What fires does so until it is over."""
    payload = _object(_parsed(body), "")
    if payload.get("version") != VERSION:
        raise BodyRefused(f'write "{VERSION}": this is the webhook of Alertmanager', at="version")
    left_out = payload.get("truncatedAlerts") or 0
    if not isinstance(left_out, int) or left_out < 0:
        raise BodyRefused("write a number", at="truncatedAlerts")
    alerts = _listed(payload.get("alerts"), "alerts")
    batch = _batch("alerts.", alerts, lambda at, keys: _notified(at, keys, now))
    return Batch(alerts=batch.alerts, faults=batch.faults, left_out=left_out)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise BodyRefused(f"it is no JSON: {error}") from error


def _batch(prefix: str, alerts: list[object], read: Callable[[str, Mapping[str, object]], ForeignAlert]) -> Batch:
    """What `read` makes of each alert. What is missing is said last: Alertmanager reads everything before it looks."""
    valid: list[ForeignAlert] = []
    faults: list[tuple[str, str]] = []
    missing: list[BodyRefused] = []
    for number, keys in enumerate(alerts):
        at = f"{prefix}{number}"
        try:
            alert = read(at, _object(keys, at))
        except BodyRefused as error:
            if error.status == 400:
                raise
            missing.append(error)
            continue
        if alert.fault:
            faults.append((at, alert.fault))
        else:
            valid.append(alert)
    if missing:
        raise missing[0]
    return Batch(alerts=tuple(valid), faults=tuple(faults))


def _postable(at: str, keys: Mapping[str, object], now: datetime) -> ForeignAlert:
    """An alert as it is posted: without a beginning it begins now, or when it ends."""
    ends_at = _time(keys, "endsAt", at)
    starts_at = _time(keys, "startsAt", at) or ends_at or now
    return _alert(at, keys, starts_at=starts_at, ends_at=ends_at or now + RESOLVE_TIMEOUT)


def _notified(at: str, keys: Mapping[str, object], now: datetime) -> ForeignAlert:
    """An alert as a webhook has it: its status says whether it is over, whatever the clock over there says."""
    starts_at = _time(keys, "startsAt", at) or now
    match keys.get("status"):
        case "firing":
            return _alert(at, keys, starts_at=starts_at, ends_at=None)
        case "resolved":
            return _alert(at, keys, starts_at=min(starts_at, now), ends_at=now)
    raise BodyRefused("write firing or resolved", at=f"{at}.status")


def _alert(at: str, keys: Mapping[str, object], *, starts_at: datetime, ends_at: datetime | None) -> ForeignAlert:
    alert = ForeignAlert(
        labels=_texts(keys.get("labels"), f"{at}.labels"),
        annotations=_texts(keys.get("annotations"), f"{at}.annotations"),
        starts_at=starts_at,
        ends_at=ends_at,
        source_url=_text(keys.get("generatorURL"), f"{at}.generatorURL"),
    )
    if keys.get("labels") is None:
        raise BodyRefused("labels in body is required", at=at, status=422)
    if alert.source_url and not _URI.fullmatch(alert.source_url):
        raise BodyRefused("it must be of type uri", at=f"{at}.generatorURL", status=422)
    return alert


def _texts(value: object, at: str) -> dict[str, str]:
    """Names with their values, without those that are empty: to Prometheus they are not there."""
    given = {} if value is None else _object(value, at)
    texts = {_text(name, at): _text(text, f"{at}.{name}") for name, text in given.items()}
    return {name: text for name, text in texts.items() if text}


def _text(value: object, at: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BodyRefused("write a text", at=at)
    return value if value.isascii() else value.encode(errors="replace").decode()


def _time(keys: Mapping[str, object], key: str, at: str) -> datetime | None:
    """A time of RFC 3339; None where there is none, or it is Go's word for none."""
    text = _text(keys.get(key), f"{at}.{key}")
    if not text:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        moment, fraction, zone = match.groups()
        time = datetime.fromisoformat(f"{moment}{(fraction or '')[:7]}{zone or 'Z'}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BodyRefused("write a time of RFC 3339, as in 2026-01-01T00:01:30Z", at=f"{at}.{key}") from error
    return None if time == NEVER else time


def _listed(value: object, at: str) -> list[object]:
    if not isinstance(value, list):
        raise BodyRefused("write a list of alerts", at=at)
    return value


def _object(value: object, at: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BodyRefused("write an object", at=at)
    return cast("Mapping[str, object]", value)
