"""Probes by a module of the blackbox exporter: a kind of its own, whose `type` may be left out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from slo.config.aimed import OneTarget
from slo.config.check_targets import TargetsReading
from slo.config.entries import Family
from slo.config.names import Names
from slo.config.report import Location, Report
from slo.config.schema import CheckKeys
from slo.config.section import KindConfig
from slo.config.settings import ModuleEntry
from slo.config.urls import parted
from slo.config.wording import in_words
from slo.config.wrong import shown, wrong

BY_MODULE = "module"
"""The type of such a probe."""


def _shown_target(value: str) -> str:
    if parted(value)[1] is not None:
        raise wrong("holds credentials, and targets are shown", "give them in the module, as basic_auth")
    return value


class ModuleTarget(OneTarget):
    """A target that is asked as one of `modules` says."""

    module: str
    """The name of the module."""

    target: Annotated[str, AfterValidator(_shown_target)] = Field(min_length=1)
    """The target, as it is written for the blackbox exporter, without credentials: targets are shown."""

    hostname: str = ""
    """The name that the target is asked under: its Host header, or the name in its certificate."""


class ProbeFamily:
    """The kinds of probes, and that by a module."""

    def __init__(self, kinds: Family) -> None:
        self._kinds = kinds

    @property
    def names(self) -> Collection[str]:
        """Every kind, listed without importing any."""
        return [*self._kinds.names, BY_MODULE]

    def config(self, name: str) -> type[KindConfig]:
        """The `Config` of a kind. Raises WatchkeepError where it cannot be had."""
        return ModuleTarget if name == BY_MODULE else self._kinds.config(name)


def with_type(item: object) -> object:
    """An entry of `probes` with the type that follows from its keys."""
    if isinstance(item, Mapping) and "type" not in item and BY_MODULE in item:
        return {**item, "type": BY_MODULE}
    return item


def refuse_lost_modules(
    probes: Sequence[TargetsReading[CheckKeys]],
    modules: Mapping[str, ModuleEntry],
    known: Collection[str],
    report: Report,
) -> None:
    """The modules that probes name are there, and can have their targets. `known` are those with faults as well."""
    names = Names(known)
    for probe in probes:
        common = probe.entry.config
        if not isinstance(common, ModuleTarget):
            continue
        asked = [(common, probe.entry.at)] if common.module not in known or not probe.several else []
        own = [(each.config, each.at) for each in probe.targets if isinstance(each.config, ModuleTarget)]
        asked += [(config, at) for config, at in own if config.module in known or config.module != common.module]
        for config, at in asked:
            if config.module not in known:
                nearest = names.nearest(config.module)
                mend = f"did you mean {nearest}?" if nearest else "add it to modules, or name one that is there"
                report.tell((*at, "module"), f"there is no module {shown(config.module)}", mend)
            elif config.module in modules:
                _refuse_target(modules[config.module], config, at, report)


def _refuse_target(module: ModuleEntry, config: ModuleTarget, at: Location, report: Report) -> None:
    try:
        module.aimed(config.target, config.hostname)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            report.tell(report.existing(at, ("target",)), *in_words(found, config.target))
    except ValueError as error:
        report.tell((*at, "hostname"), str(error), "write a name as www.example.org")
