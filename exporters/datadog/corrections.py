"""Exclusions as Datadog's status corrections, and what is to be done there so that they are in step.

A correction of ours ends its description with a mark: whose it is, and of which exclusion. The mark changes with all
that an exclusion says, so that one that was changed is created anew and the old one deleted.

A rule that recurs becomes a recurring correction where Datadog has all of its words and clocks never change; its time
zone is for show. Else its occurrences of these days become single ones: an SLO may have 100 of them in 90 days.

Sources: https://docs.datadoghq.com/api/latest/service-level-objective-corrections/ and
https://docs.datadoghq.com/service_level_objectives/#slo-status-corrections
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.exclusion import Exclusion, Once, matches
from slo.core.recurrence import Recurrence
from slo.core.recurrence_rule import Frequency, read_recurrence_rule
from slo.core.slo import SLO
from slo.core.telemetry import id_of

SCHEDULED, OTHER = "Scheduled Maintenance", "Other"

BEHIND, AHEAD = timedelta(days=7), timedelta(days=2)
"""The occurrences of a rule that is written out: from so long ago, for a watch that was away, to so long ahead."""

REMEMBERED = timedelta(days=90)
"""How far back Datadog judges. What ended before that is left as it is."""

DESCRIPTION_LIMIT = 1_000

_TIMELESS = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT"})
_WORDS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY"})
_FREQUENCIES = frozenset({Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY})
_MARK = re.compile(r"\[watchkeep (?P<owner>\S+) (?P<exclusion>[0-9a-f]{32})(?: (?P<start>[0-9]+))?\]\s*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """A correction of the SLO with the id `slo`. Times are Unix seconds; `rule` and `duration` are of one that recurs,
    and `end` is 0 then.
    """

    slo: str
    category: str
    description: str
    start: int
    end: int = 0
    rule: str = ""
    duration: int = 0

    @property
    def mark(self) -> "re.Match[str] | None":
        """Whose it is, and of which exclusion; None where it is somebody else's."""
        return _MARK.search(self.description)


@dataclass(frozen=True, kw_only=True, slots=True)
class PresentCorrection:
    """A correction that is there, by its id."""

    id: str
    correction: Correction


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionPlan:
    """What to do: delete those with these ids, then create these."""

    delete: Sequence[str]
    create: Sequence[Correction]


def corrections(
    exclusions: Iterable[Exclusion], slos: Mapping[str, SLO], *, owner: str, now: datetime
) -> list[Correction]:
    """What is to be there; `slos` are ours, by the id that Datadog gave them."""
    return [
        correction
        for exclusion in exclusions
        for id_, slo in slos.items()
        if matches(exclusion, slo.name, slo.labels)
        for correction in _corrections(exclusion, id_, owner, now)
    ]


def known_by(exclusions: Iterable[Exclusion]) -> frozenset[str]:
    """What these exclusions are called in marks."""
    return frozenset(map(_id, exclusions))


def plan_corrections(
    wanted: Sequence[Correction],
    present: Sequence[PresentCorrection],
    *,
    owner: str,
    slos: Collection[str],
    known: Collection[str],
    now: datetime,
) -> CorrectionPlan:
    """What to do. Of `present`, only those are looked at that are the owner's, of an SLO with one of these ids, and
    did not end before Datadog stops judging. A past occurrence stays for as long as its exclusion is `known`.
    """
    missing = {(each.slo, _key(each)): each for each in wanted}
    delete = []
    for each in present:
        correction, mark = each.correction, each.correction.mark
        if mark is None or mark["owner"] != owner or correction.slo not in slos or _is_history(correction, now):
            continue
        if missing.pop((correction.slo, _key(correction)), None) is not None:
            continue
        past = mark["start"] is not None and int(mark["start"]) <= (now - BEHIND).timestamp()
        if not (past and mark["exclusion"] in known):
            delete.append(each.id)
    return CorrectionPlan(delete=delete, create=list(missing.values()))


def _corrections(exclusion: Exclusion, slo: str, owner: str, now: datetime) -> Iterator[Correction]:
    when, id_ = exclusion.when, _id(exclusion)
    if isinstance(when, Once):
        start, end = int(when.start.timestamp()), int(when.end.timestamp())
        if end > (now - REMEMBERED).timestamp():
            yield _correction(exclusion, slo, f"{owner} {id_}", start, end=end)
        return
    if rule := _rule(when):
        first = next(when.occurrences(0, int(now.timestamp()) + 40 * 366 * 86_400), None)
        if first is not None:
            seconds = when.duration // timedelta(seconds=1)
            yield _correction(exclusion, slo, f"{owner} {id_}", first[0], rule=rule, duration=seconds)
        return
    begin, end = (int(at.timestamp()) for at in (now - BEHIND, now + AHEAD))
    for start, stop in when.occurrences(begin, end):
        yield _correction(exclusion, slo, f"{owner} {id_} {start}", start, end=stop)


def _id(exclusion: Exclusion) -> str:
    """What an exclusion is called in marks: another name for each thing that it may say."""
    said = exclusion.created_at.isoformat() if exclusion.created_at else ""
    return id_of("exclusion", exclusion.name, exclusion.reason, exclusion.author, said, repr(exclusion.when))


def _correction(
    exclusion: Exclusion, slo: str, mark: str, start: int, *, end: int = 0, rule: str = "", duration: int = 0
) -> Correction:
    """One correction. What was said before it began was planned."""
    said = exclusion.created_at
    planned = said is None or said.timestamp() <= start
    text = f"{exclusion.name}: {exclusion.reason} ({exclusion.author})"
    return Correction(
        slo=slo,
        category=SCHEDULED if planned else OTHER,
        description=f"{text[:DESCRIPTION_LIMIT]} [watchkeep {mark}]",
        start=start,
        end=end,
        rule=rule,
        duration=duration,
    )


def _rule(when: Recurrence) -> str:
    """The rule as Datadog takes it; empty where it does not have all of its words, or would read it otherwise."""
    rule = read_recurrence_rule(when.rule)
    parts = when.rule.strip().upper().removeprefix("RRULE:")
    words = {part.partition("=")[0] for part in parts.split(";")}
    if when.zone not in _TIMELESS or rule.frequency not in _FREQUENCIES or not words <= _WORDS:
        return ""
    if when.until is None:
        return parts
    return "" if words & {"COUNT", "UNTIL"} else f"{parts};UNTIL={when.until.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _key(correction: Correction) -> str:
    """What tells the corrections of one SLO apart: the mark."""
    mark = correction.mark
    return mark[0] if mark else ""


def _is_history(correction: Correction, now: datetime) -> bool:
    return bool(correction.end) and correction.end <= (now - REMEMBERED).timestamp()
