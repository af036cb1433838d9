"""What is known of a check that others run, as it is kept on disk with its counts: JSON.

The labels of targets are by themselves: they are most of it, and hardly ever change.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slo.core.counts import slot_end
from slo.core.protocols import Counter
from slo.sources.checks import Fed, Watched
from slo.sources.reported import ReportedCheck
from slo.sources.reported_sli import Indicator, Target
from slo.sources.reporting import Reporting

FORMAT = 1

logger = logging.getLogger(__name__)


def labels_of(check: ReportedCheck) -> bytes:
    """The labels of the targets of a check."""
    return _json({name: dict(target.watched.labels) for name, target in check.targets.items()})


def written(check: ReportedCheck) -> bytes:
    """What is known of the targets of a check, a hundred bytes for each."""
    slis = {
        sli: {
            "latency": indicator.fed.latency_seconds,
            "only": indicator.fed.only,
            "since": indicator.since,
            "fixed": indicator.fixed,
            "surplus": list(indicator.surplus.items()),
        }
        for sli, indicator in check.indicators.items()
    }
    targets = {
        name: {
            "interval": target.watched.interval_seconds,
            "newest": target.newest,
            "gone": target.gone,
            "tracks": [[latency, track.joined.state, track.known.state] for latency, track in target.tracks.items()],
        }
        for name, target in check.targets.items()
    }
    document = {
        "format": FORMAT,
        "vantage_points": check.reporting.vantage_points,
        "quorum": check.reporting.quorum,
        "closed": check.closed,
        "slot": check.slot_seconds,
        "slis": slis,
        "targets": targets,
    }
    return _json(document)


def read(state: bytes, labels: bytes, reporting: Reporting, counter: Counter, *, slot_seconds: int) -> ReportedCheck:
    """A check that goes on from there. Raises ValueError where that is none."""
    try:
        document, by_target = json.loads(state), json.loads(labels)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']} is not known")
        return _read(document, by_target, reporting, counter, slot_seconds)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the state of {reporting.check} does not read as it was written: {error!r}") from error


def _read(
    document: dict[str, Any],
    labels: Mapping[str, Mapping[str, str]],
    reporting: Reporting,
    counter: Counter,
    slot_seconds: int,
) -> ReportedCheck:
    as_it_was = replace(reporting, vantage_points=tuple(document["vantage_points"]), quorum=document["quorum"])
    check = ReportedCheck(counter, as_it_was, slot_seconds=slot_seconds, closed=document["closed"])
    for sli, each in document["slis"].items():
        only = tuple((name, value) for name, value in each["only"])
        fed = Fed(sli=sli, check=reporting.check, latency_seconds=each["latency"], shared=True, only=only)
        check.indicators[sli] = Indicator(fed, since=each["since"], fixed=each["fixed"], surplus=dict(each["surplus"]))
    for name, each in document["targets"].items():
        watched = Watched(check=reporting.check, target=name, interval_seconds=each["interval"], labels=labels[name])
        target = check.targets[name] = Target(watched, newest=each["newest"], gone=each["gone"])
        for latency, joined, known in each["tracks"]:
            track = target.tracks[latency] = check.track(watched)
            track.joined.restore(*joined)
            track.known.restore(*known)
        target.feeds = tuple(indicator for indicator in check.indicators.values() if watched.feeds(indicator.fed))
        for indicator in target.feeds:
            indicator.targets[name] = target
    if document.get("slot", slot_seconds) != slot_seconds or check.closed % slot_seconds:
        _has_other_slots_now(check)
    return check


def _has_other_slots_now(check: ReportedCheck) -> None:
    """What was given out of slots of another length is not made better, since none of ours is the same."""
    closed = check.closed
    check.closed = closed // check.slot_seconds * check.slot_seconds
    for indicator in check.indicators.values():
        indicator.fixed = slot_end(max(closed, indicator.fixed), check.slot_seconds)
        indicator.surplus.clear()
    logger.info(
        "slots have another length: what was known of a check in those that are over stays as it is",
        extra={"check": check.reporting.check, "slot_seconds": check.slot_seconds},
    )


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
