"""The dashboard of SLOs: what was promised, what is left of the budget, how fast it burns, and what people do about it.

Everything in it is among what every forwarder sends by default, so that a customer sees it in his own place.
"""

from types import MappingProxyType

from slo.core.telemetry import TOTALS
from slo.interop.dashboards.measures import (
    COVERAGE,
    FIRING,
    OBJECTIVE,
    REMAINING,
    STANDINGS,
    Band,
    Curve,
    Level,
    Rise,
    Share,
    Standing,
    Tone,
    Unit,
    Until,
    Word,
)
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Form, Panel, Section, Variable, lines, states

GOOD, BAD, UNKNOWN = TOTALS

KNOWN_ENOUGH = 0.8
"""The coverage from which on figures are believed: what fired resolves only then."""

_LEFT = (Band(None, Word(Tone.DOWN, "Overspent")), Band(0.0, Word(Tone.UP, "Left")))
_BURN = (Band(None, Word(Tone.UP, "Allowed")), Band(1.0, Word(Tone.BURNING, "Too fast")))
_KNOWN = (Band(None, Word(Tone.NO_DATA, "Little is known")), Band(KNOWN_ENOUGH, Word(Tone.UP, "Known")))
_FIRING = MappingProxyType({0: Word(Tone.UP, "Quiet"), 1: Word(Tone.BURNING, "Firing")})

_REMAINING, _FIRES, _SHARE = Level(REMAINING, "min"), Level(FIRING, "max"), Share(GOOD, (GOOD, BAD))

_GLANCE = Panel(
    title="Objectives at a glance",
    text="One row for each SLO; of an SLO of several groups the worst one. The SLI is that of the time shown, the "
    "budget that of the SLO's own window. Of what has no value nothing is known.",
    form=Form.TABLE,
    by=("slo",),
    width=WHOLE,
    curves=(
        Curve(label="State", measure=Standing(), words=STANDINGS),
        Curve(label="SLI", measure=_SHARE, unit=Unit.RATIO),
        Curve(label="Objective", measure=Level(OBJECTIVE, "max"), unit=Unit.RATIO),
        Curve(label="Budget left", measure=_REMAINING, unit=Unit.RATIO, bands=_LEFT),
        Curve(label="Spent in", measure=Until("slo_error_budget_exhaustion_timestamp_seconds"), unit=Unit.SECONDS),
        Curve(label="Highest burn rate", measure=Level("slo_burn_rate", "max"), unit=Unit.TIMES, bands=_BURN),
        Curve(label="Lowest coverage", measure=Level(COVERAGE, "min"), unit=Unit.RATIO, bands=_KNOWN),
        Curve(label="Alert", measure=_FIRES, words=_FIRING),
    ),
)

_BUDGETS = (
    lines(
        "Budget left",
        "What is left of the error budget of the SLO's window. At 0 it is spent; below, the promise is broken.",
        _REMAINING,
        Unit.RATIO,
        by=("slo",),
        bands=_LEFT,
    ),
    lines(
        "Burn rate by window",
        "How many times faster than allowed the budget burns. At 1 it would last to the end of the window.",
        Level("slo_burn_rate", "max"),
        Unit.TIMES,
        label="Burn rate",
        by=("slo", "window"),
        bands=_BURN,
    ),
    lines(
        "SLI",
        "Good events as a share of good and bad ones, at each moment. A gap is a time without events.",
        _SHARE,
        Unit.RATIO,
        by=("slo",),
    ),
    Panel(
        title="Events",
        text="What was counted, of all SLOs that are shown together. Unknown is neither good nor bad, and never good.",
        form=Form.LINES,
        by=(),
        curves=tuple(
            Curve(label=label, measure=Rise(metric), unit=Unit.PER_SECOND)
            for label, metric in (("Good", GOOD), ("Bad", BAD), ("Unknown", UNKNOWN))
        ),
    ),
    lines(
        "Coverage by window",
        "How much of each window is known. The less, the less a failure weighs; below 80 % nothing resolves.",
        Level(COVERAGE, "min"),
        Unit.RATIO,
        label="Coverage",
        by=("slo", "window"),
        bands=_KNOWN,
    ),
    lines(
        "Budget left, over other windows",
        "For SLOs whose budget is shown over several windows.",
        Level("slo_error_budget_remaining_window_ratio", "min"),
        Unit.RATIO,
        label="Budget left",
        by=("slo", "window"),
        bands=_LEFT,
    ),
)

_EXCLUSIONS = (
    lines(
        "Budget left, had nothing been excluded",
        "For SLOs with exclusions in their window.",
        Level("slo_error_budget_remaining_raw_ratio", "min"),
        Unit.RATIO,
        label="Budget left",
        by=("slo",),
        bands=_LEFT,
    ),
    lines(
        "Time excluded",
        "How much of the window is left out of every figure, such as maintenance.",
        Level("slo_excluded_seconds", "max"),
        Unit.SECONDS,
        label="Excluded",
        by=("slo",),
    ),
)

_ALERTS = (
    states(
        "State",
        "Burning while an alert fires, overspent with a budget below 0, no data where nothing is known now.",
        Standing(),
        STANDINGS,
        by=("slo",),
    ),
    states(
        "Alerts",
        "A page wants somebody now, a ticket in working hours.",
        _FIRES,
        _FIRING,
        label="Alert",
        by=("slo", "severity"),
    ),
    Feed(
        title="What happened",
        text="Incidents from opened to resolved with what people did, and exclusions, silences and contracts.",
        datasets=("watchkeep.incident", "watchkeep.audit"),
        width=WHOLE,
    ),
)

SLOS = Dashboard(
    name="slos",
    title="Watchkeep: SLOs",
    text="Service level objectives, their error budgets, and what burns them. ● Up  ▲ Burning  ■ Overspent  ○ No data",
    variables=(
        Variable(label="customer", title="Customer", metric=OBJECTIVE),
        Variable(label="environment", title="Environment", metric=OBJECTIVE),
        Variable(label="slo", title="SLO", metric=OBJECTIVE),
    ),
    sections=(
        Section(title="Objectives", panels=(_GLANCE,)),
        Section(title="Budgets", panels=_BUDGETS),
        Section(title="Exclusions", panels=_EXCLUSIONS),
        Section(title="Alerts and incidents", panels=_ALERTS),
    ),
)
