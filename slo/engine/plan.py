"""The plan: through which columns of the ledger each SLO is read, and what the ledger must have for that."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from slo.core.budgeting import Method
from slo.core.calendar import CalendarWindow
from slo.core.counts import KNOWN_FOR_INTERVALS
from slo.core.exclusion import Exclusion, matches
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO, Window
from slo.engine.all_of import AllOfSLI, Member
from slo.engine.columns import Column, Mean, Piece, Selected, Sliced
from slo.engine.excluded import NOTHING, Excluded
from slo.engine.view import Change, Reading, View
from slo.engine.windows import EXACT_UP_TO_SECONDS, LOST_AFTER_SECONDS, MINUTE_SECONDS, RATE_SECONDS


class Plan:
    """The views of `slos`, of which one key may have several definitions, without what `exclusions` cover."""

    def __init__(self, slos: Sequence[SLO], exclusions: Sequence[Exclusion] = ()) -> None:
        versions: dict[str, dict[int, SLO]] = defaultdict(dict)
        for slo in slos:
            versions[slo.key][_begins_at(slo)] = slo
        self._versions = {key: [of_one[at] for at in sorted(of_one)] for key, of_one in versions.items()}
        self._exclusions = tuple(exclusions)
        self._excluded: dict[tuple[int, ...], Excluded] = {}
        self._views = {
            key: [self._view(of_one, number) for number in range(len(of_one))] for key, of_one in self._versions.items()
        }

    def in_force(self, now: int) -> list[View]:
        """The view of every SLO as it is defined in the slot that ends at `now`; before its first definition, as then.

        In the order of the SLOs.
        """
        return [
            next((view for view in reversed(views) if _begins_at(view.slo) < now), views[0])
            for views in self._views.values()
        ]

    def changes_after(self, now: int) -> int | None:
        """When the next definition begins to count (Unix seconds), if any is still to come."""
        return min(
            (at for views in self._views.values() for v in views if (at := _begins_at(v.slo)) >= now), default=None
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The SLIs that are counted."""
        return tuple(
            dict.fromkeys(slo.sli for slo in self._every_version() if not isinstance(slo.definition, Weighted))
        )

    @property
    def windows_seconds(self) -> frozenset[int]:
        """Every rolling window that the SLOs are looked at through."""
        return windows_of(self._every_version())

    @property
    def calendars(self) -> frozenset[CalendarWindow]:
        """Every calendar window that they have."""
        windows = (window for slo in self._every_version() for window in slo.budget_windows)
        return frozenset(window for window in windows if isinstance(window, CalendarWindow))

    @property
    def moments(self) -> frozenset[int]:
        """When objectives change."""
        return frozenset(change.at for views in self._views.values() for view in views for change in view.changes)

    @property
    def made(self) -> tuple[Selected | Sliced, ...]:
        """The columns that are made of SLIs."""
        readings = (reading for views in self._views.values() for view in views for reading in view.readings)
        columns = (
            column
            for reading in readings
            for of in (reading.events, reading.alert, reading.budget)
            for column in _all(of)
        )
        return tuple(dict.fromkeys(column for column in columns if not isinstance(column, str)))

    @property
    def all_of(self) -> tuple[AllOfSLI, ...]:
        """The SLIs of which each member is needed."""
        definitions = {slo.sli: slo.definition for slo in self._every_version() if isinstance(slo.definition, AllOf)}
        return tuple(
            AllOfSLI(name=name, members=tuple(self._member(slo) for slo in definition.slos))
            for name, definition in definitions.items()
        )

    def _every_version(self) -> Iterator[SLO]:
        return (slo for of_one in self._versions.values() for slo in of_one)

    def _view(self, versions: Sequence[SLO], number: int) -> View:
        slo = versions[number]
        excluded = self._excluded_for(slo)
        if len(versions) == 1 and not excluded and _is_plain(slo):
            events = Reading(events=slo.sli, alert=slo.sli, budget=slo.sli)
            return View(
                slo=slo,
                reading=events,
                raw=None,
                excluded=NOTHING,
                changes=(),
                slis=frozenset((slo.sli,)),
                excused=NOTHING,
            )
        adjusted = self._reading(versions, slo, excluded=True)
        raw = self._reading(versions, slo, excluded=False)
        members = self._members(slo)
        return View(
            slo=slo,
            reading=adjusted,
            raw=None if raw == adjusted else raw,
            excluded=excluded,
            changes=_changes(versions[: number + 1]),
            slis=frozenset(version.sli for version in (slo, *members)),
            excused=self._excluded_for(slo, *members),
        )

    def _reading(self, versions: Sequence[SLO], slo: SLO, *, excluded: bool) -> Reading:
        if isinstance(slo.definition, Weighted):
            mean = self._mean(slo, slo.definition, excluded=excluded)
            return Reading(events=mean, alert=mean, budget=mean)
        events = _selected(_pieces(versions), self._excluded_for(slo) if excluded else NOTHING)
        match slo.budgeting.method:
            case Method.OCCURRENCES:
                return Reading(events=events, alert=events, budget=events)
            case Method.TIMESLICES:
                slices = Sliced(source=events, budgeting=slo.budgeting)
                return Reading(events=slices, alert=slices, budget=slices)
            case Method.RATIO_TIMESLICES:
                return Reading(events=events, alert=events, budget=Sliced(source=events, budgeting=slo.budgeting))

    def _mean(self, slo: SLO, definition: Weighted, *, excluded: bool) -> Mean:
        """What is excluded of a member, or of the SLO, is left out; members count from the SLO's definition on."""
        weights = []
        for name, weight in definition.weights:
            versions = self._versions[name]
            nothing = self._excluded_for(slo, versions[-1]) if excluded else NOTHING
            weights.append((_selected(_clipped(_pieces(versions), _effective(slo)), nothing), weight))
        return Mean(weights=tuple(weights))

    def _member(self, name: str) -> tuple[Member, ...]:
        versions = self._versions[name]
        return tuple(
            Member(
                sli=slo.sli,
                error_budget=slo.error_budget,
                known_for_seconds=int((slo.interval or timedelta()).total_seconds() * KNOWN_FOR_INTERVALS),
                after=_effective(slo),
                until=_effective(following) if following else None,
            )
            for slo, following in zip(versions, (*versions[1:], None), strict=True)
        )

    def _members(self, slo: SLO) -> list[SLO]:
        """The SLOs that it is made of, as they ever were."""
        match slo.definition:
            case AllOf(slos=names):
                members: Iterable[str] = names
            case Weighted(weights=weights):
                members = (name for name, _ in weights)
            case _:
                members = ()
        return [version for name in members for version in self._versions[name]]

    def _excluded_for(self, *slos: SLO) -> Excluded:
        """What is excluded of any of these SLOs."""
        chosen = tuple(
            number
            for number, exclusion in enumerate(self._exclusions)
            if any(matches(exclusion, slo.name, slo.labels) for slo in slos)
        )
        if not chosen:
            return NOTHING
        if chosen not in self._excluded:
            self._excluded[chosen] = Excluded([self._exclusions[number] for number in chosen])
        return self._excluded[chosen]


def windows_of(slos: Iterable[SLO]) -> frozenset[int]:
    """Every rolling window (seconds) that these SLOs are looked at through, for alerts, budgets and forecasts."""
    seconds: set[int] = set()
    for slo in slos:
        budgets = [_seconds(window) for window in slo.budget_windows]
        rolling = [window for window in (*slo.windows, *slo.more_windows) if isinstance(window, timedelta)]
        seconds |= {_seconds(window) for window in rolling} | {min(RATE_SECONDS, length) for length in budgets}
        seconds.add(lost_after_seconds(slo))
    return frozenset(seconds)


def lost_after_seconds(slo: SLO) -> int:
    """After how long without any knowledge its SLI has lost its data: whole minutes, an hour at most."""
    interval = slo.interval.total_seconds() if slo.interval else 0
    known_for = math.ceil(KNOWN_FOR_INTERVALS * interval / MINUTE_SECONDS) * MINUTE_SECONDS
    return min(max(LOST_AFTER_SECONDS, known_for), EXACT_UP_TO_SECONDS)


def _is_plain(slo: SLO) -> bool:
    """Whether it is its SLI, by event and for all time, as most are: they are many, and this is quick."""
    made = isinstance(slo.definition, (AllOf, Weighted))
    return not made and slo.effective_from is None and slo.budgeting.method is Method.OCCURRENCES


def _seconds(window: Window) -> int:
    length = window.nominal_length if isinstance(window, CalendarWindow) else window
    return length // timedelta(seconds=1)


def _effective(slo: SLO) -> int | None:
    """From when on a definition counts, in Unix seconds: at a whole minute, since counts are kept by the minute."""
    if slo.effective_from is None:
        return None
    return -(-int(slo.effective_from.timestamp()) // MINUTE_SECONDS) * MINUTE_SECONDS


def _begins_at(slo: SLO) -> int:
    """The same, for an order: what always counts is before all."""
    begin = _effective(slo)
    return -1 if begin is None else begin


def _pieces(versions: Sequence[SLO]) -> tuple[Piece, ...]:
    """Which SLI counts when. What was weighted of others has no slots, and counts for nothing afterwards."""
    pieces: list[Piece] = []
    for slo, following in zip(versions, (*versions[1:], None), strict=True):
        if isinstance(slo.definition, Weighted):
            continue
        piece = Piece(sli=slo.sli, after=_effective(slo), until=_effective(following) if following else None)
        if pieces and (pieces[-1].sli, pieces[-1].until) == (piece.sli, piece.after):
            piece = Piece(sli=piece.sli, after=pieces.pop().after, until=piece.until)
        pieces.append(piece)
    return tuple(pieces)


def _clipped(pieces: Sequence[Piece], after: int | None) -> tuple[Piece, ...]:
    """The pieces without what lies before `after`."""
    if after is None:
        return tuple(pieces)
    return tuple(
        Piece(sli=piece.sli, after=max(after, piece.after or after), until=piece.until)
        for piece in pieces
        if piece.until is None or piece.until > after
    )


def _selected(pieces: tuple[Piece, ...], excluded: Excluded) -> str | Selected:
    if len(pieces) == 1 and pieces[0] == Piece(sli=pieces[0].sli) and not excluded:
        return pieces[0].sli
    return Selected(pieces=pieces, excluded=excluded)


def _changes(versions: Sequence[SLO]) -> tuple[Change, ...]:
    return tuple(
        Change(at=_begins_at(after), before=before.error_budget, after=after.error_budget)
        for before, after in itertools.pairwise(versions)
        if before.error_budget != after.error_budget
    )


def _all(column: Column | Mean) -> Iterator[Column]:
    """The columns that the ledger needs for one: what a slice or a mean is made of comes first."""
    if isinstance(column, Mean):
        yield from (member for member, _ in column.weights)
        return
    if isinstance(column, Sliced):
        yield column.source
    yield column
