"""Reads the SLOs: what they promise of what, over which windows, and when they alert."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slo.config.dependencies import Needs, refuse_circles, refuse_lost_dependencies
from slo.config.indicators import Feeds, Indicator, Indicators
from slo.config.names import Names
from slo.config.policies import Policies, whole
from slo.config.reading import Reader, Reading
from slo.config.refusals import SLODraft, refuse
from slo.config.report import Location, Report
from slo.config.slo_keys import BudgetingKeys, CalendarKeys, SLOKeys
from slo.config.wrong import shown
from slo.core.budgeting import Budgeting, Method
from slo.core.calendar import CalendarWindow
from slo.core.duration import duration_name
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO, Window


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What SLOs are read against; None where it could not be read."""

    feeds: Feeds
    slot: timedelta | None
    retention: timedelta | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One item of the list, as far as it could be read by itself."""

    at: Location
    data: Mapping[str, object]
    reading: Reading[SLOKeys]
    indicator: Indicator

    @property
    def name(self) -> str:
        return self.reading.values.name if self.reading.has("name") else ""


class Objectives:
    """Reads the list `slos`."""

    def __init__(self, surroundings: Surroundings, *, reader: Reader, report: Report) -> None:
        self._around = surroundings
        self._indicators = Indicators(surroundings.feeds, reader=reader, report=report)
        self._policies = Policies(reader=reader, report=report)
        self._reader = reader
        self._report = report

    def read(self, data: Sequence[object], at: Location) -> tuple[SLO, ...]:
        """The SLOs, in their order; those that could not be read whole are left out."""
        entries = []
        for index, item in enumerate(data):
            place = (*at, index)
            reading = self._reader.read(SLOKeys, item, place)
            if isinstance(item, Mapping):
                entries.append(_Entry(at=place, data=item, reading=reading, indicator=self._indicator(item, place)))
        self._refuse_twins(entries)
        by_name: dict[str, list[_Entry]] = {}
        for entry in entries:
            if entry.name:
                by_name.setdefault(entry.name, []).append(entry)
        self._refuse_dependencies(entries, by_name)
        return tuple(slo for entry in entries if (slo := self._slo(self._composed(entry, by_name))))

    def _indicator(self, data: object, at: Location) -> Indicator:
        if isinstance(data, Mapping) and "sli" in data:
            return self._indicators.read(data["sli"], (*at, "sli"))
        return Indicator()

    def _refuse_twins(self, entries: Sequence[_Entry]) -> None:
        """A name stands once, or once for each time from which its definitions count."""
        first: dict[tuple[str, datetime | None], Location] = {}
        for entry in entries:
            if not entry.name or not entry.reading.has("effective_from"):
                continue
            identity = (entry.name, entry.reading.values.effective_from)
            if identity in first:
                other = self._report.beside(entry.at, first[identity])
                mend = "give it another name, or another `effective_from` if it is a later definition of the same"
                self._report.tell((*entry.at, "name"), f"{entry.name} is the name of another SLO too, {other}", mend)
            first.setdefault(identity, entry.at)

    def _refuse_dependencies(self, entries: Sequence[_Entry], by_name: Mapping[str, Sequence[_Entry]]) -> None:
        needs = [
            Needs(slo=entry.name, names=entry.reading.values.depends_on, at=(*entry.at, "depends_on"))
            for entry in entries
            if entry.name and entry.reading.has("depends_on")
        ]
        if self._around.feeds.whole:
            refuse_lost_dependencies(needs, by_name, self._report)
        refuse_circles(needs, self._report)

    def _composed(self, entry: _Entry, by_name: Mapping[str, Sequence[_Entry]]) -> _Entry:
        """An SLO that is made of others is fed as often as the slowest of them, whichever definition of it that is."""
        names = Names(by_name)
        intervals = []
        for name, at in entry.indicator.members.items():
            members = by_name.get(name, ())
            intervals += [member.indicator.interval for member in members if member.indicator.interval]
            if not members and self._around.feeds.whole:
                nearest = names.nearest(name)
                mend = f"did you mean {nearest}?" if nearest else "name an SLO that is there"
                self._report.tell(at, f"there is no SLO {shown(name)}", mend)
            if any(isinstance(member.indicator.sli, (AllOf, Weighted)) for member in members):
                self._report.tell(at, f"{name} is made of SLOs itself", "name those that it is made of")
            if any(member.reading.has("group_by") and member.reading.values.group_by for member in members):
                self._report.tell(at, f"{name} stands for a group of SLOs", "name an SLO without group_by")
        if not intervals:
            return entry
        slowest = replace(entry.indicator, interval=max(intervals), rounds="rounds of the slowest SLO in it")
        return replace(entry, indicator=slowest)

    def _slo(self, entry: _Entry) -> SLO | None:
        """The SLO of an entry that has everything, after what is refused of it was told."""
        keys, has, indicator = entry.reading.values, entry.reading.has, entry.indicator
        window = keys.window if has("window") else None
        calendar = _calendar(window)
        draft = SLODraft(
            at=entry.at,
            objective=keys.objective if has("objective") else None,
            window=calendar.nominal_length if calendar else window if isinstance(window, timedelta) else None,
            slot=self._around.slot,
            indicator=indicator,
            pairs=(),
        )
        draft = replace(draft, pairs=self._policies.read(entry.data, draft))
        refuse(draft, self._report)
        more = [_window(other) for other in keys.more_windows] if has("more_windows") else []
        self._refuse_windows([calendar or draft.window, *more], entry)
        budgeting = self._budgeting(entry)
        if has("group_by") and keys.group_by and indicator.sli and not indicator.has_labels:
            mend = "leave it out, or count with counters, prometheus, or a probe with `targets`"
            self._report.tell((*entry.at, "group_by"), "has nothing with labels to group", mend)
        pairs = tuple(pair for pair in (whole(d, of_rounds=indicator.of_rounds) for d in draft.pairs) if pair)
        if not (draft.objective and draft.window and indicator.sli and pairs and budgeting):
            return None
        return SLO(
            name=keys.name,
            objective=draft.objective,
            window=draft.window,
            sli=indicator.sli.key,
            pairs=pairs,
            labels=keys.labels,
            description=keys.description,
            definition=indicator.sli,
            calendar=calendar,
            more_windows=tuple(more),
            budgeting=budgeting,
            group_by=keys.group_by,
            effective_from=keys.effective_from,
            interval=indicator.interval,
            depends_on=keys.depends_on,
        )

    def _refuse_windows(self, windows: Sequence[Window | None], entry: _Entry) -> None:
        """Counts are kept as long as a window, windows are whole slots, and each stands once."""
        retention, slot = self._around.retention, self._around.slot
        for index, window in enumerate(windows):
            at = (*entry.at, "more_windows", index - 1) if index else (*entry.at, "window")
            if window is None:
                continue
            if window in windows[:index]:
                self._report.tell(at, f"{_name(window)} is there already", "leave one of them out")
            if index and slot and isinstance(window, timedelta) and (window % slot or window < 2 * slot):
                problem = f"{_name(window)} is not two or more whole slots of {_name(slot)}"
                self._report.tell(at, problem, f"write {_name(max(2, -(-window // slot)) * slot)}")
            longest = window.longest if isinstance(window, CalendarWindow) else window
            if retention and longest > retention:
                problem = f"{_name(window)} is longer than counts are kept, which is {_name(retention)}"
                self._report.tell(at, problem, f"write `store: {{retention: {_name(longest)}}}`, or a shorter window")

    def _budgeting(self, entry: _Entry) -> Budgeting | None:
        if "budgeting" not in entry.data:
            return Budgeting()
        at = (*entry.at, "budgeting")
        data = entry.data["budgeting"]
        reading = self._reader.read(BudgetingKeys, data, at)
        keys = reading.values
        if not isinstance(data, Mapping) or not reading.has(*BudgetingKeys.model_fields):
            return None
        method = Method(keys.method)
        alien = {
            Method.OCCURRENCES: ("slice", "target", "no_traffic", "no_data"),
            Method.TIMESLICES: (),
            Method.RATIO_TIMESLICES: ("target", "no_traffic", "no_data"),
        }
        for key in alien[method]:
            if key in data:
                self._report.tell((*at, key), f"means nothing for {method}", "leave it out, or take another method")
        objective = entry.reading.values.objective if entry.reading.has("objective") else None
        if method is Method.OCCURRENCES or objective is None:
            return Budgeting(method=method)
        return Budgeting(
            method=method,
            slice=keys.slice,
            target=keys.target or objective,
            no_traffic_good=keys.no_traffic == "good",
            no_data_bad=keys.no_data == "bad",
        )


def _calendar(window: timedelta | CalendarKeys | None) -> CalendarWindow | None:
    return window.window if isinstance(window, CalendarKeys) else None


def _window(window: timedelta | CalendarKeys) -> Window:
    return _calendar(window) or window  # type: ignore[return-value]


def _name(window: Window) -> str:
    return window.name if isinstance(window, CalendarWindow) else duration_name(window.total_seconds())
