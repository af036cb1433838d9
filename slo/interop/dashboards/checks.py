"""The dashboard of checks: what probes and collectors find, how long they take, and what was wrong.

Its metrics are not among those that a forwarder sends by default: docs/dashboards.md says which to add.
"""

from types import MappingProxyType

from slo.interop.dashboards.measures import Ago, Band, Curve, Level, Tone, Unit, Until, Word
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Form, Panel, Section, Variable, Where, lines, states

EXPIRES_SOON_SECONDS = 14 * 86_400.0
"""Two weeks: time enough to renew a certificate by hand."""

_FOUND = MappingProxyType({0: Word(Tone.DOWN, "Bad"), 1: Word(Tone.UP, "Good")})
_WRONG = MappingProxyType({1: Word(Tone.DOWN, "Not good")})
_EXPIRY = (
    Band(None, Word(Tone.DOWN, "Expired")),
    Band(0.0, Word(Tone.BURNING, "Expires soon")),
    Band(EXPIRES_SOON_SECONDS, Word(Tone.UP, "Valid")),
)


def _found_by(check: str, metrics: str, saw: str) -> tuple[Panel, ...]:
    """What is wrong, what each round saw, and how long it took, of probes or of collectors."""
    by = (check, "target")
    return (
        Panel(
            title=f"{check.capitalize()}s that are not good",
            text="The last round of each of these, and why it was not good. An empty table is no proof: see the "
            "others.",
            form=Form.TABLE,
            by=(*by, "state", "reason"),
            width=WHOLE,
            curves=(Curve(label="Now", measure=Level(f"watchkeep_{check}_reason", "max"), words=_WRONG),),
        ),
        states(
            f"{check.capitalize()}s",
            saw,
            Level(f"{metrics}_success", "min"),
            _FOUND,
            label=check.capitalize(),
            by=by,
        ),
        lines(
            f"How long {check}s take",
            "The slowest of each target, where several places look at it.",
            Level(f"{metrics}_duration_seconds", "max"),
            Unit.SECONDS,
            label="Duration",
            by=by,
        ),
    )


_PROBES = (
    *_found_by(
        "probe",
        "probe",
        "What each round saw. A gap is a time in which nothing was known, as with our own network down.",
    ),
    lines(
        "Certificates expire in",
        "Time until the first certificate of each target expires.",
        Until("probe_ssl_earliest_cert_expiry"),
        Unit.SECONDS,
        label="Expires in",
        by=("probe", "target"),
        bands=_EXPIRY,
    ),
    lines(
        "Last round of probes",
        "How long ago a round ended, of each probe that of the target that waits longest.",
        Ago("watchkeep_probe_last_round_timestamp_seconds"),
        Unit.SECONDS,
        label="Ago",
        by=("probe",),
    ),
)

_COLLECTORS = _found_by(
    "collector", "watchkeep_collector", "What each round found inside of the server that it logs in to."
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
