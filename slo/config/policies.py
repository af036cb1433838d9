"""Reads burn policies: a name, pairs written out, or the default that follows from the SLO."""

from collections.abc import Mapping, Sequence

from slo.config.names import Names
from slo.config.reading import Reader
from slo.config.refusals import PairDraft, SLODraft
from slo.config.report import Location, Report
from slo.config.slo_keys import PairKeys
from slo.config.wording import described
from slo.config.wrong import shown
from slo.core.duration import duration_name
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.scaling import scaled_policy
from slo.core.sli import CheckSLI

SINGLE_ROUNDS = 3
"""How many bad rounds a pair wants for a page unless it says so itself: one lost round pages nobody."""

_DEFAULT = "google-30d, scaled"


class Policies:
    """Reads the key `burn_policy` of SLOs."""

    def __init__(self, *, reader: Reader, report: Report) -> None:
        self._reader = reader
        self._report = report

    def read(self, data: Mapping[str, object], slo: SLODraft) -> list[PairDraft]:
        """The pairs of the SLO that `data` is written for; what is wrong with them is told."""
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
        indicator = slo.indicator
        if not (slo.window and slo.slot and indicator.sli) or slo.window % slo.slot:
            return []
        if isinstance(indicator.sli, CheckSLI) and not indicator.interval:
            return []
        at = (*slo.at, "window")
        pairs = scaled_policy(slo.window, slot=slo.slot, shortest=slo.shortest)
        if not any(pair.severity is Severity.PAGE for pair in pairs) and slo.window >= slo.shortest:
            window, shortest = (duration_name(span.total_seconds()) for span in (slo.window, slo.shortest))
            limit = f"where no window is shorter than {shortest}"
            problem = f"{window} is too short for {_DEFAULT}, {limit}: no page is left of it"
            mend = f"write burn_policy out, {slo.indicator.more_often or 'feed it'} more often, or take a longer window"
            self._report.tell(at, problem, mend)
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


def whole(draft: PairDraft, *, of_rounds: bool) -> Pair | None:
    """The pair of a draft that has everything. `of_rounds`: its SLO counts single rounds."""
    if not (draft.long and draft.short and draft.budget and draft.severity) or draft.hold is None:
        return None
    least = draft.min_bad_events
    if least is None:
        least = SINGLE_ROUNDS if of_rounds and draft.severity is Severity.PAGE else 0
    return Pair(
        long=draft.long,
        short=draft.short,
        budget=draft.budget,
        severity=draft.severity,
        min_bad_events=least,
        hold=draft.hold,
    )
