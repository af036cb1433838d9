"""From what was read of a probe to its entry in the settings: each target with all that it is asked by."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from pydantic import BaseModel

from slo.config.aimed import AimedConfig
from slo.config.module_target import ModuleTarget
from slo.config.probe_targets import ProbeReading
from slo.config.schema import ProbeKeys
from slo.config.settings import ModuleEntry, ProbeEntry, TargetEntry
from slo.config.target_keys import TargetKeys

DEFAULT_TIMEOUT = timedelta(seconds=5)

_NOTHING_OWN = TargetKeys()
_NO_LABELS: Mapping[str, str] = MappingProxyType({})


def probe_of(reading: ProbeReading, modules: Mapping[str, ModuleEntry]) -> ProbeEntry:
    """The entry of a probe without faults."""
    keys, common = reading.entry.keys.values, reading.entry.whole()

    def entry(config: BaseModel, own: TargetKeys = _NOTHING_OWN, labels: Mapping[str, str] = _NO_LABELS) -> TargetEntry:
        return _target(config, keys, own, labels or own.labels, modules)

    def aimed(target: str, labels: Mapping[str, str]) -> TargetEntry:
        assert isinstance(common, AimedConfig)  # noqa: S101  `aimed` is given for no other
        return entry(common.aimed_at(target), labels=labels)

    if reading.several:
        targets = tuple(entry(each.config, each.keys.values) for each in reading.targets if each.config)
    else:
        targets = (entry(common),)
    return ProbeEntry(
        name=keys.name,
        type=_module_of(common, modules).type if isinstance(common, ModuleTarget) else keys.type,
        interval=keys.interval,
        timeout=_timeout(common, keys, _NOTHING_OWN, modules),
        targets=targets,
        several=reading.several,
        discoveries=tuple(reading.discoveries),
        aimed=aimed if isinstance(common, AimedConfig) else None,
    )


def _target(
    config: BaseModel, keys: ProbeKeys, own: TargetKeys, labels: Mapping[str, str], modules: Mapping[str, ModuleEntry]
) -> TargetEntry:
    timeout = _timeout(config, keys, own, modules)
    kind = keys.type
    if isinstance(config, ModuleTarget):
        module = _module_of(config, modules)
        kind, config = module.type, module.aimed(config.target, config.hostname)
    return TargetEntry(
        type=kind, interval=own.interval or keys.interval, timeout=timeout, config=config, labels=dict(labels)
    )


def _timeout(config: BaseModel, keys: ProbeKeys, own: TargetKeys, modules: Mapping[str, ModuleEntry]) -> timedelta:
    """What is written for the target, for the probe or in its module; else the usual, as far as the interval lets."""
    written = own.timeout or keys.timeout
    usual = _module_of(config, modules).timeout if isinstance(config, ModuleTarget) else timedelta(0)
    interval = own.interval or keys.interval
    return min(written, interval) if written else min(usual or DEFAULT_TIMEOUT, interval)


def _module_of(config: ModuleTarget, modules: Mapping[str, ModuleEntry]) -> ModuleEntry:
    return modules[config.module]
