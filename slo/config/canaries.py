"""Canaries: what a probe is configured with that looks whether what a forwarder sends arrives."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from slo.config.aimed import OneTarget
from slo.config.check_targets import TargetsReading
from slo.config.entries import Entry
from slo.config.forwarding import OF_ANOTHER_TYPE, TelemetryConfig
from slo.config.identity import Name
from slo.config.names import Names
from slo.config.report import Location, Report
from slo.config.schema import CheckKeys, ForwarderKeys
from slo.config.types import PositiveDuration
from slo.config.wrong import shown
from slo.core.duration import duration_name


class CanaryConfig(OneTarget):
    """What the `Config` of a probe inherits that puts canaries into the spool of a forwarder."""

    target_key: ClassVar[str] = "forwarder"

    forwarder: Name
    """The name of the forwarder that is looked after."""

    within: PositiveDuration = timedelta(minutes=5)
    """How long after it was put a canary has to be there."""


def refuse_lost_canaries(
    probes: Sequence[TargetsReading[CheckKeys]], forwarders: Sequence[Entry[ForwarderKeys]], report: Report
) -> None:
    """The forwarders that canaries go by are there, and what they send can be read back."""
    known = {entry.name: entry for entry in forwarders if entry.name}
    unsure = frozenset[str]().union(*(entry.texts for entry in forwarders))
    for at, name in _named(probes):
        if name in known:
            _refuse_blind(known[name], at, report)
        elif name not in unsure:
            nearest = Names(known).nearest(name)
            mend = f"did you mean {nearest}?" if nearest else "add it to forwarders, or name one that is there"
            report.tell(at, f"there is no forwarder {shown(name)}", mend)


def refuse_hasty_canaries(probe: TargetsReading[CheckKeys], report: Report) -> None:
    """Canaries are looked for once in an interval: what is late sooner cannot be told from what is not."""
    common = probe.entry.keys
    if not common.has("interval"):
        return
    looks = [(probe.entry.at, probe.entry.config, common.values.interval)]
    for target in probe.targets:
        own = target.keys.values.interval if target.keys.has("interval") else None
        looks.append((target.at, target.config, own or common.values.interval))
    for at, config, interval in looks:
        if isinstance(config, CanaryConfig) and config.within < interval:
            within, often = (duration_name(span.total_seconds()) for span in (config.within, interval))
            problem = f"{within} is shorter than the interval {often}, in which canaries are looked for once"
            report.tell((*at, "within"), problem, f"write {often} or more, or a shorter interval")


def _refuse_blind(entry: Entry[ForwarderKeys], at: Location, report: Report) -> None:
    """A forwarder whose other side cannot be asked."""
    config = entry.config
    mend = config.to_read_back if isinstance(config, TelemetryConfig) else OF_ANOTHER_TYPE
    if config is not None and mend:
        report.tell(at, f"what {entry.name} sends cannot be read back", mend)


def _named(probes: Sequence[TargetsReading[CheckKeys]]) -> Iterator[tuple[Location, str]]:
    """The forwarders that canaries go by, and where their names are written."""
    for probe in probes:
        for at, config in [(probe.entry.at, probe.entry.config), *((each.at, each.config) for each in probe.targets)]:
            if isinstance(config, CanaryConfig) and config.forwarder:
                yield (*at, CanaryConfig.target_key), config.forwarder
