"""The dashboard of the watch itself: whether it looks, counts, delivers and forwards.

It is for those who run the watch: what these metrics are about belongs to no customer, so that a forwarder with `match`
never sends them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from slo.interop.dashboards.measures import Ago, Band, Level, Rise, Share, Tone, Unit, Word
from slo.interop.dashboards.panels import HALF, THIRD, Dashboard, Panel, Section, Variable, Where, lines, states

_DEAD = (Band(None, Word(Tone.UP, "None")), Band(1.0, Word(Tone.BURNING, "Refused")))

_WHOLE_PATH = MappingProxyType({0: Word(Tone.UP, "Whole"), 1: Word(Tone.DOWN, "Broken")})
_IN_FORCE = MappingProxyType({0: Word(Tone.DOWN, "Refused"), 1: Word(Tone.UP, "In force")})
_USABLE = MappingProxyType({0: Word(Tone.DOWN, "Not usable"), 1: Word(Tone.UP, "Usable")})


_lines = partial(lines, width=THIRD)


def _states(title: str, text: str, metric: str, words: Mapping[int, Word], by: Sequence[str] = ()) -> Panel:
    """A panel of one state over time, of which `min` is the worst where 1 is well."""
    worst = min(words, key=lambda value: words[value].tone is Tone.UP)
    return states(title, text, Level(metric, "max" if worst else "min"), words, by=by, width=THIRD)


_FORWARDING = (
    _lines(
        "Waiting to be forwarded",
        "What a destination has not taken yet. It grows while the destination is away.",
        Level("watchkeep_forwarder_spool_bytes", "sum"),
        Unit.BYTES,
        by=("forwarder",),
    ),
    _lines(
        "Forwarded",
        "Records that were taken.",
        Rise("watchkeep_forwarder_records_sent_total"),
        Unit.PER_SECOND,
        by=("forwarder",),
    ),
    _lines(
        "Last taken, ago",
        "How long ago each destination took something.",
        Ago("watchkeep_forwarder_last_success_timestamp_seconds"),
        Unit.SECONDS,
        by=("forwarder",),
    ),
    _lines(
        "Given up",
        "Records that nobody will get, and why.",
        Rise("watchkeep_forwarder_records_dropped_total"),
        Unit.PER_SECOND,
        by=("forwarder", "record", "reason"),
    ),
    _lines(
        "Requests that failed",
        "Requests that were not taken and are made again, and why.",
        Rise("watchkeep_forwarder_failures_total"),
        Unit.PER_SECOND,
        by=("forwarder", "reason"),
    ),
    _lines(
        "Dead letters",
        "Records that were refused for good: look at them with `watchkeep forward status`.",
        Level("watchkeep_forwarder_dead_letters", "sum"),
        Unit.COUNT,
        by=("forwarder",),
        bands=_DEAD,
    ),
)

_DELIVERY = (
    _lines(
        "Open incidents",
        "By priority.",
        Level("watchkeep_incidents_open", "sum"),
        Unit.COUNT,
        by=("priority",),
    ),
    _lines(
        "Messages that wait",
        "Pages, tickets and letters on their way.",
        Level("watchkeep_outbox_depth", "sum"),
        Unit.COUNT,
        by=("destination",),
    ),
    _lines(
        "Oldest message that waits",
        "How long somebody has not been told yet.",
        Level("watchkeep_outbox_oldest_age_seconds", "max"),
        Unit.SECONDS,
        by=("destination",),
    ),
    _lines(
        "Deliveries that failed",
        "Attempts that failed, and why.",
        Rise("watchkeep_delivery_failures_total"),
        Unit.PER_SECOND,
        by=("destination", "reason"),
    ),
    _states(
        "Paths",
        "Whether what is to be told gets through.",
        "watchkeep_path_broken",
        _WHOLE_PATH,
        by=("destination",),
    ),
    _lines(
        "Last heartbeat, ago",
        "How long ago the dead man's switch took one.",
        Ago("watchkeep_heartbeat_last_success_timestamp_seconds"),
        Unit.SECONDS,
        by=("destination",),
    ),
)

_ROUNDS = (
    _lines(
        "Rounds",
        "Rounds of probes that ended.",
        Rise("watchkeep_probe_rounds_total"),
        Unit.PER_SECOND,
        by=("state",),
    ),
    _lines(
        "Lateness of rounds",
        "How long after its due time a round starts, on average.",
        Share("watchkeep_probe_lateness_seconds_sum", ("watchkeep_probe_lateness_seconds_count",)),
        Unit.SECONDS,
    ),
    _lines(
        "Rounds missed",
        "Rounds that could not start within their interval: too many targets for this machine.",
        Rise("watchkeep_probe_missed_total"),
        Unit.PER_SECOND,
    ),
    _lines(
        "Evaluation",
        "How long it takes to evaluate every SLO at a slot's end, on average.",
        Share("watchkeep_evaluation_duration_seconds_sum", ("watchkeep_evaluation_duration_seconds_count",)),
        Unit.SECONDS,
    ),
    _lines(
        "Last evaluation, ago",
        "How old the figures are.",
        Ago("watchkeep_evaluation_timestamp_seconds"),
        Unit.SECONDS,
    ),
    _lines(
        "Slots not on disk",
        "Closed slots that a kill now would lose the counts of.",
        Level("watchkeep_ledger_pending_slots", "max"),
        Unit.COUNT,
    ),
)

_AGENTS = (
    _lines(
        "Last report of agents, ago",
        "How long ago each agent's report came.",
        Ago("watchkeep_agent_last_report_timestamp_seconds"),
        Unit.SECONDS,
        by=("agent",),
        width=HALF,
    ),
    _lines(
        "Records of agents lost",
        "Records whose numbers are missing.",
        Rise("watchkeep_agent_records_lost_total"),
        Unit.PER_SECOND,
        by=("agent",),
        width=HALF,
    ),
)

_PROCESS = (
    _states(
        "Configuration",
        "Whether the one that was read last is the one in force.",
        "watchkeep_config_last_reload_successful",
        _IN_FORCE,
    ),
    _states(
        "Own network",
        "While it is not usable, failures to connect are unknown and not bad.",
        "watchkeep_network_up",
        _USABLE,
    ),
    _lines(
        "Requests answered",
        "Requests to the page, the API and the metrics.",
        Rise("watchkeep_http_requests_total"),
        Unit.PER_SECOND,
        by=("route", "code"),
    ),
    _lines(
        "Processor",
        "Seconds of processor time per second: 1 is a whole core.",
        Rise("process_cpu_seconds_total"),
        Unit.COUNT,
    ),
    _lines("Memory", "Memory that is resident.", Level("process_resident_memory_bytes", "max"), Unit.BYTES),
    _lines("Ledger on disk", "How large the ledger is.", Level("watchkeep_ledger_size_bytes", "max"), Unit.BYTES),
)

WATCH = Dashboard(
    name="watch",
    title="Watchkeep: the watch itself",
    text="Whether the watch looks, counts, delivers and forwards. An empty panel here is a watch that says nothing.",
    variables=(Variable(label="instance", title="Instance", metric="watchkeep_build_info", where=Where.SCRAPES),),
    sections=(
        Section(title="Forwarding", panels=_FORWARDING),
        Section(title="Incidents and deliveries", panels=_DELIVERY),
        Section(title="Looking and counting", panels=_ROUNDS),
        Section(title="Agents", panels=_AGENTS),
        Section(title="Process", panels=_PROCESS),
    ),
)
