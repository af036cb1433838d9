"""From what was read of a check to its entry in the settings: each target with all that it is asked by."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from pydantic import BaseModel

from slo.config.aimed import OneTarget
from slo.config.check_targets import TargetsReading
from slo.config.module_target import ModuleTarget
from slo.config.schema import CheckKeys, CollectorKeys, ProbeKeys
from slo.config.section import KindConfig
from slo.config.settings import AfterFailureSettings, CheckEntry, CheckFamily, ModuleEntry, TargetEntry
from slo.config.target_keys import TargetKeys

DEFAULT_TIMEOUT = timedelta(seconds=5)

NOTHING_OWN = TargetKeys()
NO_LABELS: Mapping[str, str] = MappingProxyType({})


def probe_of(
    reading: TargetsReading[CheckKeys], modules: Mapping[str, ModuleEntry], vantage_points: Mapping[str, KindConfig]
) -> CheckEntry:
    """The entry of a probe without faults. `vantage_points` are its keys as each of them has them."""
    keys = reading.entry.keys.values
    assert isinstance(keys, ProbeKeys)  # noqa: S101  what probes are read with
    entry = _entry(reading, "probes", modules, vantage_points)
    quorum = keys.quorum or len(vantage_points) // 2 + 1
    return replace(entry, vantage_points=tuple(vantage_points), quorum=quorum)


def collector_of(reading: TargetsReading[CheckKeys]) -> CheckEntry:
    """The entry of a collector without faults."""
    return _entry(reading, "collectors", {}, {})


def _entry(
    reading: TargetsReading[CheckKeys],
    family: CheckFamily,
    modules: Mapping[str, ModuleEntry],
    vantage_points: Mapping[str, KindConfig],
) -> CheckEntry:
    keys, common = reading.entry.keys.values, reading.entry.whole()
    most = keys.max_samples if isinstance(keys, CollectorKeys) else None
    after = keys.after_failure
    after_failure = AfterFailureSettings(interval=after.interval, rounds=after.rounds) if after else None

    def entry(config: KindConfig, own: TargetKeys = NOTHING_OWN, labels: Mapping[str, str] = NO_LABELS) -> TargetEntry:
        kind, asked, usual = _asked(keys.type, config, modules)
        interval = own.interval or keys.interval
        return TargetEntry(
            type=kind,
            family=family,
            interval=interval,
            timeout=min(own.timeout or keys.timeout or usual or DEFAULT_TIMEOUT, interval),
            config=asked,
            labels={**own.labels, **labels},
            after_failure=after_failure,
            max_samples=most,
            vantage_points={
                name: _asked(keys.type, _as_seen_from(point, common, config), modules)[1]
                for name, point in vantage_points.items()
            },
        )

    def aimed(target: str, labels: Mapping[str, str]) -> TargetEntry:
        assert isinstance(common, OneTarget)  # noqa: S101  `aimed` is given for no other
        return entry(common.aimed_at(target), labels=labels)

    if reading.several:
        targets = tuple(entry(each.config, each.keys.values) for each in reading.targets if each.config)
    else:
        targets = (entry(common),)
    kind, usual = _kind_of(keys.type, common, modules)
    return CheckEntry(
        name=keys.name,
        type=kind,
        family=family,
        run_by=keys.run_by,
        interval=keys.interval,
        timeout=min(keys.timeout or usual or DEFAULT_TIMEOUT, keys.interval),
        targets=targets,
        several=reading.several,
        discoveries=tuple(each.entry for each in reading.discoveries),
        aimed=aimed if isinstance(common, OneTarget) else None,
    )


def _as_seen_from(point: KindConfig, common: KindConfig, config: KindConfig) -> KindConfig:
    """The configuration of a target with what a vantage point has otherwise than the probe."""
    fields = {field: getattr(point, field) for field in point.model_fields_set}
    return config.model_copy(
        update={field: value for field, value in fields.items() if value != getattr(common, field)}
    )


def _asked(
    kind: str, config: KindConfig, modules: Mapping[str, ModuleEntry]
) -> tuple[str, BaseModel, timedelta | None]:
    """The kind that looks, its configuration, and the timeout that a module has."""
    if not isinstance(config, ModuleTarget):
        return kind, config, None
    module = modules[config.module]
    return module.type, module.aimed(config.target, config.hostname), module.timeout


def _kind_of(kind: str, config: KindConfig, modules: Mapping[str, ModuleEntry]) -> tuple[str, timedelta | None]:
    """The kind that looks at targets that nothing is other for, and the timeout that a module has."""
    if not isinstance(config, ModuleTarget):
        return kind, None
    module = modules[config.module]
    return module.type, module.timeout
