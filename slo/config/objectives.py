"""Reads the SLOs: what they are judged by, and the pairs of windows that they alert with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from slo.config.entries import refuse_twins
from slo.config.names import Names
from slo.config.reading import Reader
from slo.config.refusals import PairDraft, SLODraft, refuse
from slo.config.report import Location, Report
from slo.config.schema import PairKeys, SLIKeys, SLOKeys
from slo.config.wording import described
from slo.config.wrong import shown
from slo.core.duration import duration_name
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.scaling import scaled_policy
from slo.core.slo import SLO, probe_sli

MIN_BAD_EVENTS = {Severity.PAGE: 3, Severity.TICKET: 0}
"""What a pair of an SLI from probes wants unless it says so itself: one lost round pages nobody."""

_DEFAULT = "google-30d, scaled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What SLOs are read against; None where it could not be read.

    `probes` maps every probe to its interval. With `all_probes` False there may be others, whose names are not known.
    """

    probes: Mapping[str, timedelta | None]
    all_probes: bool
    slot: timedelta | None
    retention: timedelta | None


class Objectives:
    """Reads the list `slos`."""

    def __init__(self, surroundings: Surroundings, *, reader: Reader, report: Report) -> None:
        self._around = surroundings
        self._probes = Names(surroundings.probes)
        self._reader = reader
        self._report = report

    def read(self, data: Sequence[object], at: Location) -> tuple[SLO, ...]:
        """The SLOs, in their order; those that could not be read whole are left out."""
        slos = []
        names = []
        for index, item in enumerate(data):
            place = (*at, index)
            reading = self._reader.read(SLOKeys, item, place)
            names.append((reading.values.name if reading.has("name") else "", place))
            if isinstance(item, Mapping):
                keys = reading.values
                draft = SLODraft(
                    at=place,
                    objective=keys.objective if reading.has("objective") else None,
                    window=keys.window if reading.has("window") else None,
                    slot=self._around.slot,
                    probe=(probe := self._probe(item, place)),
                    interval=self._around.probes.get(probe),
                    pairs=(),
                )
                slos.append(self._slo(keys, replace(draft, pairs=self._pairs(item, draft))))
        refuse_twins(names, "SLO", self._report)
        return tuple(slo for slo in slos if slo)

    def _slo(self, keys: SLOKeys, draft: SLODraft) -> SLO | None:
        """The SLO of a draft that has everything, after what is refused of it was told."""
        refuse(draft, self._report)
        retention = self._around.retention
        if draft.window and retention and draft.window > retention:
            window = duration_name(draft.window.total_seconds())
            problem = f"{window} is longer than counts are kept, which is {duration_name(retention.total_seconds())}"
            self._report.tell(
                (*draft.at, "window"), problem, f"write `store: {{retention: {window}}}`, or a shorter window"
            )
        pairs = tuple(pair for pair in map(_whole, draft.pairs) if pair)
        if not (draft.objective and draft.window and draft.probe and pairs):
            return None
        return SLO(
            name=keys.name,
            objective=draft.objective,
            window=draft.window,
            sli=probe_sli(draft.probe),
            pairs=pairs,
            labels=keys.labels,
            description=keys.description,
        )

    def _probe(self, data: Mapping[str, object], at: Location) -> str:
        """The probe that an SLO names, empty where it could not be read."""
        if "sli" not in data:
            return ""
        reading = self._reader.read(SLIKeys, data["sli"], (*at, "sli"))
        if not reading.has("probe"):
            return ""
        probe = reading.values.probe
        if self._around.all_probes and probe not in self._around.probes:
            nearest = self._probes.nearest(probe)
            mend = f"did you mean {nearest}?" if nearest else "add it to probes, or name one that is there"
            self._report.tell((*at, "sli", "probe"), f"there is no probe {shown(probe)}", mend)
        return probe

    def _pairs(self, data: Mapping[str, object], slo: SLODraft) -> list[PairDraft]:
        at = (*slo.at, "burn_policy")
        if "burn_policy" not in data:
            return self._default(slo)
        match data["burn_policy"]:
            case str(name) if name in POLICIES:
                return [PairDraft.of(pair, at=at, policy=name) for pair in POLICIES[name]]
            case str(name):
                nearest = Names(POLICIES).nearest(name)
                mend = f"did you mean {nearest}?" if nearest else f"the policies are {', '.join(sorted(POLICIES))}"
                self._report.tell(at, f"there is no burn policy {shown(name)}", mend)
            case [*items] if items:
                return self._written_out(items, at)
            case other:
                problem = f"is {described(other, self._report.written(at))}" if other is not None else "is empty"
                self._report.tell(at, problem, "write the name of a policy or a list of pairs, or leave the key out")
        return []

    def _default(self, slo: SLODraft) -> list[PairDraft]:
        """Google's policy scaled to the SLO; nothing where what it depends on could not be read."""
        if not (slo.window and slo.slot and slo.interval) or slo.window % slo.slot:
            return []
        at = (*slo.at, "window")
        pairs = scaled_policy(slo.window, slot=slo.slot, shortest=slo.shortest)
        if not any(pair.severity is Severity.PAGE for pair in pairs) and slo.window >= slo.shortest:
            window, interval = (duration_name(span.total_seconds()) for span in (slo.window, slo.interval))
            problem = (
                f"{window} is too short for google-30d, scaled, on a probe every {interval}: no page is left of it"
            )
            self._report.tell(at, problem, "write burn_policy out, probe more often, or take a longer window")
        return [PairDraft.of(pair, at=at, policy=_DEFAULT) for pair in pairs]

    def _written_out(self, items: Sequence[object], at: Location) -> list[PairDraft]:
        drafts: list[PairDraft] = []
        seen: dict[object, Location] = {}
        for index, item in enumerate(items):
            place = (*at, index)
            reading = self._reader.read(PairKeys, item, place)
            keys = reading.values
            severity = Severity(keys.severity) if reading.has("severity") else None
            draft = PairDraft(
                at=place,
                long=keys.long if reading.has("long") else None,
                short=keys.short if reading.has("short") else None,
                budget=keys.budget if reading.has("budget") else None,
                severity=severity,
                min_bad_events=keys.min_bad_events if reading.has("min_bad_events") else None,
                hold=keys.hold if reading.has("hold") else None,
            )
            identity = (draft.long, draft.short, draft.severity)
            if None not in identity and identity in seen:
                problem = f"has the windows and the severity of {self._report.path(seen[identity])}"
                self._report.tell(place, problem, "leave one of them out")
            seen.setdefault(identity, place)
            drafts.append(draft)
        return drafts


def _whole(draft: PairDraft) -> Pair | None:
    if not (draft.long and draft.short and draft.budget and draft.severity) or draft.hold is None:
        return None
    least = MIN_BAD_EVENTS[draft.severity] if draft.min_bad_events is None else draft.min_bad_events
    return Pair(
        long=draft.long,
        short=draft.short,
        budget=draft.budget,
        severity=draft.severity,
        min_bad_events=least,
        hold=draft.hold,
    )
