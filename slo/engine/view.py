"""Views: through which columns of the ledger one SLO is read."""

from dataclasses import dataclass
from fractions import Fraction

from slo.core.budgeting import Method
from slo.core.slo import SLO
from slo.engine.columns import Column, Mean, Selected, Sliced
from slo.engine.excluded import Excluded


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The columns of one SLO: what is shown as its events, what its alerts go by, and what its budget goes by."""

    events: Column | Mean
    alert: Column | Mean
    budget: Column | Mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Of events in slots that end after `at` (Unix seconds), `after` may be bad as a share, instead of `before`."""

    at: int
    before: Fraction
    after: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How the figures and the alerts of one SLO, as it is defined now, are made of the ledger.

    `raw` is what they would be if nothing were excluded, None where nothing is. `changes` are those of its objective.
    `slis` are those that it cannot do without: its own, and those of the SLOs that it is made of; while any of these is
    excluded, which is `excused`, they need not have data.
    """

    slo: SLO
    reading: Reading
    raw: Reading | None
    excluded: Excluded
    changes: tuple[Change, ...]
    slis: frozenset[str]
    excused: Excluded

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Both."""
        return (self.reading,) if self.raw is None else (self.reading, self.raw)

    @property
    def sources(self) -> tuple[str | Selected, ...]:
        """The columns of events that it is made of, with what is excluded: one, or the members of a mean."""
        events = self.readings[-1].events
        members = tuple(member for member, _ in events.weights) if isinstance(events, Mean) else (events,)
        return tuple(member.source if isinstance(member, Sliced) else member for member in members)

    @property
    def begun(self) -> int:
        """Since when anything counts for it (Unix seconds); 0 for always."""
        pieces = [source.pieces[0] for source in self.sources if isinstance(source, Selected)]
        return max((piece.after or 0 for piece in pieces), default=0)

    @property
    def counted_slis(self) -> tuple[str, ...]:
        """The SLI that counts in it now; of a mean, those that count last in its members."""
        if not isinstance(self.reading.events, Mean):
            return (self.slo.sli,)
        return tuple(source if isinstance(source, str) else source.pieces[-1].sli for source in self.sources)

    @property
    def weighed(self) -> bool:
        """Whether errors are weighed by coverage. Those of Sloth are not, which `ratio_timeslices` follows."""
        return self.slo.budgeting.method is not Method.RATIO_TIMESLICES
