"""The dashboard of checks: what probes and collectors find, how long they take, and what was wrong.

Its metrics are not among those that a forwarder sends by default: docs/dashboards.md says which to add.
"""

from types import MappingProxyType

from slo.interop.dashboards.measures import Ago, Band, Curve, Level, Tone, Unit, Until, Word
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Form, Panel, Section, Variable, Where

EXPIRES_SOON_SECONDS = 14 * 86_400.0
"""Two weeks: time enough to renew a certificate by hand."""

_FOUND = MappingProxyType({0: Word(Tone.DOWN, "Bad"), 1: Word(Tone.UP, "Good")})
_WRONG = MappingProxyType({1: Word(Tone.DOWN, "Not good")})
_EXPIRY = (
    Band(None, Word(Tone.DOWN, "Expired")),
    Band(0.0, Word(Tone.BURNING, "Expires soon")),
    Band(EXPIRES_SOON_SECONDS, Word(Tone.UP, "Valid")),
)

_PROBE, _COLLECTOR = ("probe", "target"), ("collector", "target")
_WHY = ("state", "reason")

_PROBES = (
    Panel(
        title="Probes that are not good",
        text="The last round of each of these, and why it was not good. An empty table is no proof: see the others.",
        form=Form.TABLE,
        by=(*_PROBE, *_WHY),
        width=WHOLE,
        curves=(Curve(label="Now", measure=Level("watchkeep_probe_reason", "max"), words=_WRONG),),
    ),
    Panel(
        title="Probes",
        text="What each round saw. A gap is a time in which nothing was known, as with our own network down.",
        form=Form.STATES,
        by=_PROBE,
        curves=(Curve(label="Probe", measure=Level("probe_success", "min"), words=_FOUND),),
    ),
    Panel(
        title="How long probes take",
        text="The slowest of each target, where several places look at it.",
        form=Form.LINES,
        by=_PROBE,
        curves=(Curve(label="Duration", measure=Level("probe_duration_seconds", "max"), unit=Unit.SECONDS),),
    ),
    Panel(
        title="Certificates expire in",
        text="Time until the first certificate of each target expires.",
        form=Form.LINES,
        by=_PROBE,
        curves=(
            Curve(
                label="Expires in", measure=Until("probe_ssl_earliest_cert_expiry"), unit=Unit.SECONDS, bands=_EXPIRY
            ),
        ),
    ),
    Panel(
        title="Last round of probes",
        text="How long ago a round ended, of each probe that of the target that waits longest.",
        form=Form.LINES,
        by=("probe",),
        curves=(Curve(label="Ago", measure=Ago("watchkeep_probe_last_round_timestamp_seconds"), unit=Unit.SECONDS),),
    ),
)

_COLLECTORS = (
    Panel(
        title="Collectors that are not good",
        text="The last round of each of these, and why it was not good. An empty table is no proof: see the others.",
        form=Form.TABLE,
        by=(*_COLLECTOR, *_WHY),
        width=WHOLE,
        curves=(Curve(label="Now", measure=Level("watchkeep_collector_reason", "max"), words=_WRONG),),
    ),
    Panel(
        title="Collectors",
        text="What each round found inside of the server that it logs in to.",
        form=Form.STATES,
        by=_COLLECTOR,
        curves=(Curve(label="Collector", measure=Level("watchkeep_collector_success", "min"), words=_FOUND),),
    ),
    Panel(
        title="How long collectors take",
        text="The slowest of each target, where several places look at it.",
        form=Form.LINES,
        by=_COLLECTOR,
        curves=(
            Curve(label="Duration", measure=Level("watchkeep_collector_duration_seconds", "max"), unit=Unit.SECONDS),
        ),
    ),
)

CHECKS = Dashboard(
    name="checks",
    title="Watchkeep: checks",
    text="What probes and collectors find, how long they take, and what was wrong. ● Good  ■ Bad  ○ No data",
    variables=(
        Variable(label="customer", title="Customer", metric="probe_success"),
        Variable(label="environment", title="Environment", metric="probe_success"),
        Variable(label="target", title="Target", metric="probe_success", where=Where.METRICS),
    ),
    sections=(
        Section(title="Probes", panels=_PROBES),
        Section(title="Collectors", panels=_COLLECTORS),
        Section(
            title="Rounds",
            panels=(
                Feed(
                    title="Rounds that were not good",
                    text="Each round of a probe that was bad or unknown, with its reason.",
                    datasets=("watchkeep.outcome",),
                ),
            ),
        ),
    ),
)
