"""SLOs as Datadog has them, and what is to be done there so that they are in step with ours.

An SLO of ours carries two tags: whose it is, and which. What does not carry both is somebody else's, and never looked
at. A kill between two steps leaves SLOs that the next look finds by their tags, so that none is created twice.

Source: https://docs.datadoghq.com/api/latest/service-level-objectives/ and, for the decimals of targets,
https://docs.datadoghq.com/service_level_objectives/#setting-slo-targets
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TypeAlias

from exporters.datadog.series import COUNTS
from exporters.datadog.tags import host_of, tag, tags_of
from slo.core.budgeting import Method
from slo.core.slo import SLO
from slo.core.telemetry import id_of
from slo.exposition.render import slo_labels

OWNER, MARK = "watchkeep_owner", "watchkeep_id"
"""The tags that say whose an SLO is, and which one of his."""

TIMEFRAMES: tuple[tuple[str, timedelta], ...] = (
    ("7d", timedelta(days=7)),
    ("30d", timedelta(days=30)),
    ("90d", timedelta(days=90)),
)
"""The windows that Datadog has, shortest first."""

DECIMALS = 3
HIGHEST_TARGET = 99.999
"""A target has at most three decimals, and leaves a budget."""

Labelled: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, str]]

Thresholds: TypeAlias = tuple[tuple[str, float], ...]
"""Windows with their targets in percent, in order of the window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """An SLO as it is to be. `mark` is the tag that tells it from all others of the owner."""

    mark: str
    name: str
    description: str
    numerator: str
    denominator: str
    thresholds: Thresholds
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """An SLO that is there, by its id, with when it was created (Unix seconds)."""

    id: str
    created_at: int
    objective: Objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Create:
    """Create it."""

    objective: Objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """Make the one with this id so."""

    id: str
    objective: Objective


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Delete the one with this id."""

    id: str


Action: TypeAlias = Create | Update | Delete


def owner_tag(owner: str) -> str:
    """The tag of what is an owner's."""
    return tag(OWNER, owner)


def mark_of(owner: str, key: str) -> str:
    """The tag of the SLO with that key."""
    return tag(MARK, id_of("slo", owner, key))


def objectives(slos: Iterable[SLO], *, owner: str, labelled: Labelled, now: datetime) -> list[Objective]:
    """What is to be there for these SLOs. `labelled` says which labels their counts have, of those of their metrics.

    Datadog judges by events alone, so SLOs with another budgeting method are left out, and so is one that stands for
    one of each group. Of several definitions of an SLO the one that counts now is taken.
    """
    current: dict[str, SLO] = {}
    for slo in sorted(slos, key=lambda slo: slo.begins):
        if slo.key not in current or slo.begins <= now:
            current[slo.key] = slo
    return [
        _objective(slo, owner, labelled(slo_labels(slo)))
        for slo in current.values()
        if slo.budgeting.method is Method.OCCURRENCES and (slo.scope or not slo.group_by)
    ]


def plan(wanted: Sequence[Objective], present: Sequence[Present]) -> list[Action]:
    """What to do, in order. `present` are the owner's. Where nothing is wanted, nothing is deleted: no watch is without
    SLOs for good, and what Datadog knows of them would be lost.
    """
    if not wanted:
        return []
    actions: list[Action] = []
    by_mark: dict[str, list[Present]] = {}
    for each in sorted(present, key=lambda each: (each.created_at, each.id)):
        by_mark.setdefault(each.objective.mark, []).append(each)
    for objective in wanted:
        if not (found := by_mark.pop(objective.mark, [])):
            actions.append(Create(objective=objective))
            continue
        first, *doubles = found
        kept = _with_foreign_tags(objective, first.objective)
        if kept != first.objective:
            actions.append(Update(id=first.id, objective=kept))
        actions += (Delete(id=each.id) for each in doubles)
    actions += (Delete(id=each.id) for gone in by_mark.values() for each in gone)
    return actions


def timeframe(window: timedelta) -> str:
    """The shortest window of Datadog's that is as long, or else its longest."""
    return next((name for name, length in TIMEFRAMES if window <= length), TIMEFRAMES[-1][0])


def target_percent(objective: Fraction) -> float:
    """An objective as Datadog takes it."""
    return min(HIGHEST_TARGET, float(round(objective * 100, DECIMALS)))


def _objective(slo: SLO, owner: str, labels: Mapping[str, str]) -> Objective:
    mark, target = mark_of(owner, slo.key), target_percent(slo.objective)
    lengths = [slo.window, *(window for window in slo.more_windows if isinstance(window, timedelta))]
    frames = {timeframe(length) for length in lengths}
    good, bad = (f"sum:{name}{{{_scope(labels)}}}.as_count()" for name in COUNTS[:2])
    return Objective(
        mark=mark,
        name=slo.key,
        description=slo.description,
        numerator=good,
        denominator=f"{good} + {bad}",
        thresholds=tuple((name, target) for name, _ in TIMEFRAMES if name in frames),
        tags=tuple(sorted({*tags_of(labels), owner_tag(owner), mark})),
    )


def _scope(labels: Mapping[str, str]) -> str:
    """What the series of these labels are found by, none of another SLO with them."""
    host = host_of(labels)
    return ",".join((*tags_of(labels), *([tag("host", host)] if host else [])))


def _with_foreign_tags(wanted: Objective, present: Objective) -> Objective:
    """What is wanted, with the tags that people gave it there; a name of ours with another value is an old tag."""
    ours = {each.partition(":")[0] for each in wanted.tags}
    foreign = (each for each in present.tags if each.partition(":")[0] not in ours)
    return replace(wanted, tags=tuple(sorted({*wanted.tags, *foreign})))
