"""The dashboard of SLOs: what was promised, what is left of the budget, how fast it burns, and what people do about it.

Everything in it is among what every forwarder sends by default, so that a customer sees it in his own place.
"""

from types import MappingProxyType

from slo.interop.dashboards.measures import (
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
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Form, Panel, Section, Variable

GOOD, BAD, UNKNOWN = "slo_sli_good_total", "slo_sli_bad_total", "slo_sli_unknown_total"

KNOWN_ENOUGH = 0.8
"""The coverage from which on figures are believed: what fired resolves only then."""

_LEFT = (Band(None, Word(Tone.DOWN, "Overspent")), Band(0.0, Word(Tone.UP, "Left")))
_BURN = (Band(None, Word(Tone.UP, "Allowed")), Band(1.0, Word(Tone.BURNING, "Too fast")))
_KNOWN = (Band(None, Word(Tone.NO_DATA, "Little is known")), Band(KNOWN_ENOUGH, Word(Tone.UP, "Known")))
_FIRING = MappingProxyType({0: Word(Tone.UP, "Quiet"), 1: Word(Tone.BURNING, "Firing")})

_REMAINING = Level("slo_error_budget_remaining_ratio", "min")
_FIRES = Curve(label="Alert", measure=Level("slo_alert_firing", "max"), words=_FIRING)
_SLI = Curve(label="SLI", measure=Share(GOOD, (GOOD, BAD)), unit=Unit.RATIO)

_GLANCE = Panel(
    title="Objectives at a glance",
    text="One row for each SLO; of an SLO of several groups the worst one. The SLI is that of the time shown, the "
    "budget that of the SLO's own window. Of what has no value nothing is known.",
    form=Form.TABLE,
    by=("slo",),
    width=WHOLE,
    curves=(
        Curve(label="State", measure=Standing(), words=STANDINGS),
        _SLI,
        Curve(label="Objective", measure=Level("slo_objective_ratio", "max"), unit=Unit.RATIO),
        Curve(label="Budget left", measure=_REMAINING, unit=Unit.RATIO, bands=_LEFT),
        Curve(label="Spent in", measure=Until("slo_error_budget_exhaustion_timestamp_seconds"), unit=Unit.SECONDS),
        Curve(label="Highest burn rate", measure=Level("slo_burn_rate", "max"), unit=Unit.TIMES, bands=_BURN),
        Curve(
            label="Lowest coverage", measure=Level("slo_window_coverage_ratio", "min"), unit=Unit.RATIO, bands=_KNOWN
        ),
        _FIRES,
    ),
)

_BUDGETS = (
    Panel(
        title="Budget left",
        text="What is left of the error budget of the SLO's window. At 0 it is spent; below, the promise is broken.",
        form=Form.LINES,
        by=("slo",),
        curves=(Curve(label="Budget left", measure=_REMAINING, unit=Unit.RATIO, bands=_LEFT),),
    ),
    Panel(
        title="Burn rate by window",
        text="How many times faster than allowed the budget burns. At 1 it would last to the end of the window.",
        form=Form.LINES,
        by=("slo", "window"),
        curves=(Curve(label="Burn rate", measure=Level("slo_burn_rate", "max"), unit=Unit.TIMES, bands=_BURN),),
    ),
    Panel(
        title="SLI",
        text="Good events as a share of good and bad ones, at each moment. A gap is a time without events.",
        form=Form.LINES,
        by=("slo",),
        curves=(_SLI,),
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
    Panel(
        title="Coverage by window",
        text="How much of each window is known. The less, the less a failure weighs; below 80 % nothing resolves.",
        form=Form.LINES,
        by=("slo", "window"),
        curves=(
            Curve(label="Coverage", measure=Level("slo_window_coverage_ratio", "min"), unit=Unit.RATIO, bands=_KNOWN),
        ),
    ),
    Panel(
        title="Budget left, over other windows",
        text="For SLOs whose budget is shown over several windows.",
        form=Form.LINES,
        by=("slo", "window"),
        curves=(
            Curve(
                label="Budget left",
                measure=Level("slo_error_budget_remaining_window_ratio", "min"),
                unit=Unit.RATIO,
                bands=_LEFT,
            ),
        ),
    ),
)

_EXCLUSIONS = (
    Panel(
        title="Budget left, had nothing been excluded",
        text="For SLOs with exclusions in their window.",
        form=Form.LINES,
        by=("slo",),
        curves=(
            Curve(
                label="Budget left",
                measure=Level("slo_error_budget_remaining_raw_ratio", "min"),
                unit=Unit.RATIO,
                bands=_LEFT,
            ),
        ),
    ),
    Panel(
        title="Time excluded",
        text="How much of the window is left out of every figure, such as maintenance.",
        form=Form.LINES,
        by=("slo",),
        curves=(Curve(label="Excluded", measure=Level("slo_excluded_seconds", "max"), unit=Unit.SECONDS),),
    ),
)

_ALERTS = (
    Panel(
        title="State",
        text="Burning while an alert fires, overspent with a budget below 0, no data where nothing is known now.",
        form=Form.STATES,
        by=("slo",),
        curves=(Curve(label="State", measure=Standing(), words=STANDINGS),),
    ),
    Panel(
        title="Alerts",
        text="A page wants somebody now, a ticket in working hours.",
        form=Form.STATES,
        by=("slo", "severity"),
        curves=(_FIRES,),
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
        Variable(label="customer", title="Customer", metric="slo_objective_ratio"),
        Variable(label="environment", title="Environment", metric="slo_objective_ratio"),
        Variable(label="slo", title="SLO", metric="slo_objective_ratio"),
    ),
    sections=(
        Section(title="Objectives", panels=(_GLANCE,)),
        Section(title="Budgets", panels=_BUDGETS),
        Section(title="Exclusions", panels=_EXCLUSIONS),
        Section(title="Alerts and incidents", panels=_ALERTS),
    ),
)
