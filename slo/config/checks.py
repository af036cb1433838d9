"""Reads what looks at targets: the probes and the collectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from slo.config.agent_discovery import GETS_SECRETS, holds_secret, refuse_everywhere
from slo.config.canaries import refuse_hasty_canaries
from slo.config.check_entries import collector_of, probe_of
from slo.config.check_targets import CheckTargets, TargetsReading, refuse_late_extras, refuse_late_timeouts
from slo.config.entries import Entries, Entry, Family
from slo.config.module_target import ModuleTarget, ProbeFamily, with_type
from slo.config.reading import Reader
from slo.config.report import Location, Report
from slo.config.schema import CheckKeys, CollectorKeys, ProbeKeys
from slo.config.settings import CheckEntry, ModuleEntry
from slo.config.vantage_points import VantagePoints, read_vantage_points

OF_THE_WATCH: Mapping[str, str] = {
    "heartbeat": "jobs call the watch, and no agent",
    "canary": "it is the watch that forwards, and no agent",
}
"""The types that only a watch can run, and why."""


class CheckKinds(Protocol):
    """The kinds of checks, and those of what finds their targets."""

    @property
    def probes(self) -> Family:
        """Kinds of probes."""

    @property
    def collectors(self) -> Family:
        """Kinds of collectors."""

    @property
    def discoveries(self) -> Family:
        """Kinds of discoveries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checks:
    """All that was read of them. `vantage_points` are those of the probes that have some, by their places."""

    probes: Sequence[TargetsReading[CheckKeys]]
    collectors: Sequence[TargetsReading[CheckKeys]]
    vantage_points: Mapping[Location, VantagePoints]

    @property
    def all(self) -> Sequence[TargetsReading[CheckKeys]]:
        """Probes and collectors."""
        return (*self.probes, *self.collectors)

    def probe_entries(self, modules: Mapping[str, ModuleEntry]) -> tuple[CheckEntry, ...]:
        """The probes of a configuration without faults."""
        return tuple(probe_of(probe, modules, self.vantage_points.get(probe.entry.at, {})) for probe in self.probes)

    def collector_entries(self) -> tuple[CheckEntry, ...]:
        """The collectors of a configuration without faults."""
        return tuple(collector_of(collector) for collector in self.collectors)

    def refuse_secrets_everywhere(self, modules: Mapping[str, ModuleEntry], report: Report) -> None:
        """What a check logs in with is for those whom the configuration names, and not for whoever runs something."""
        for check in self.all:
            configs = [check.entry.config, *self.vantage_points.get(check.entry.at, {}).values()]
            named = [
                modules[each.module] for each in configs if isinstance(each, ModuleTarget) and each.module in modules
            ]
            if any(map(holds_secret, configs)) or any(module.secret for module in named):
                refuse_everywhere([(each.entry, each.at) for each in check.discoveries], GETS_SECRETS, report)


def read_checks(
    probes: Sequence[object], collectors: Sequence[object], kinds: CheckKinds, *, reader: Reader, report: Report
) -> Checks:
    """Read the lists of both; what is wrong with them is told."""
    of_targets = CheckTargets(kinds.discoveries, reader=reader, report=report)
    of_probes = Entries(
        ProbeKeys,
        ProbeFamily(kinds.probes),
        what="probe",
        reader=reader,
        report=report,
        model_for=of_targets.model_for,
    )
    of_collectors = Entries(
        CollectorKeys,
        kinds.collectors,
        what="collector",
        reader=reader,
        report=report,
        model_for=of_targets.model_for,
    )
    probe_entries = of_probes.read([with_type(item) for item in probes], ("probes",))
    collector_entries = of_collectors.read(collectors, ("collectors",))
    _refuse_namesakes(probe_entries, collector_entries, report)
    checks = Checks(
        probes=[of_targets.read(entry) for entry in probe_entries],
        collectors=[of_targets.read(entry) for entry in collector_entries],
        vantage_points=read_vantage_points(probe_entries, reader=reader, report=report),
    )
    for check in checks.all:
        refuse_late_timeouts(check, report)
        refuse_late_extras(check.entry, report)
        _refuse_agents(check.entry, report)
        refuse_hasty_canaries(check, report)
    return checks


def _refuse_agents(entry: Entry[CheckKeys], report: Report) -> None:
    """What only a watch can run is run by it."""
    keys = entry.keys
    if keys.has("type", "run_by") and keys.values.type in OF_THE_WATCH and keys.values.run_by == "agents":
        report.tell((*entry.at, "run_by"), OF_THE_WATCH[keys.values.type], "leave `run_by` out")


def _refuse_namesakes(
    probes: Sequence[Entry[ProbeKeys]], collectors: Sequence[Entry[CollectorKeys]], report: Report
) -> None:
    """Outcomes are known by the name of their check, whatever it is."""
    named = {probe.name: probe.at for probe in reversed(probes) if probe.name}
    for collector in collectors:
        if other := named.get(collector.name):
            problem = f"{collector.name} is the name of a probe too, {report.beside(collector.at, other)}"
            report.tell((*collector.at, "name"), problem, "give one of them another name")
