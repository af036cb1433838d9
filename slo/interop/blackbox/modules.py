"""Reads the modules of blackbox.yml, each by the options of its prober."""

import importlib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Protocol, cast

from pydantic import BeforeValidator, ValidationError

from slo.config.agent_discovery import holds_secret
from slo.config.aimed import OneTarget
from slo.config.names import Names
from slo.config.reading import Reader
from slo.config.report import Location, Report
from slo.config.settings import ModuleEntry
from slo.config.types import Duration
from slo.config.wording import in_words
from slo.config.wrong import shown
from slo.interop.blackbox.section import BlackboxSection

PROBERS = ("dns", "grpc", "http", "icmp", "tcp", "unix", "websocket")

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = rf"([0-9]{{1,9}}(?:\.[0-9]*)?|\.[0-9]+)({'|'.join(_UNITS)})"
_GO_DURATION = re.compile(rf"(?:{_PART}){{1,8}}")

_HOSTNAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


def _go_duration(value: object) -> object:
    """A duration as Go writes it: fractions too, and other units than Prometheus has."""
    if not isinstance(value, str) or not _GO_DURATION.fullmatch(value):
        return value
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, value)))


class ModuleKeys(BlackboxSection):
    """What every module has."""

    prober: str
    timeout: Annotated[Duration, BeforeValidator(_go_duration)] = timedelta(0)


class _Prober(Protocol):
    """What the module of a prober exports."""

    KIND: str
    PLACEHOLDER: str
    Options: type[Any]
    target_of: Callable[[str], str]


def read_modules(
    data: Mapping[str, object], at: Location, *, config_of: Callable[[str], type[Any]], reader: Reader, report: Report
) -> dict[str, ModuleEntry]:
    """The modules at a location, by name; those with a fault, which is told, are left out.

    `config_of` gives the `Config` of one of our kinds.
    """
    entries = (_module(name, item, (*at, name), config_of, reader, report) for name, item in data.items())
    return {entry.name: entry for entry in entries if entry is not None}


def _module(
    name: str, data: object, at: Location, config_of: Callable[[str], type[Any]], reader: Reader, report: Report
) -> ModuleEntry | None:
    item = {} if data is None else data
    common = {key: value for key, value in item.items() if key not in PROBERS} if isinstance(item, Mapping) else item
    keys = reader.check(ModuleKeys, common, at, beside=PROBERS)
    sections = {
        prober: reader.check(_prober(prober).Options, item[prober] or {}, (*at, prober))
        for prober in PROBERS
        if isinstance(item, Mapping) and prober in item
    }
    if keys is None or None in sections.values():
        return None
    if keys.prober not in PROBERS:
        nearest = Names(PROBERS).nearest(keys.prober)
        mend = f"did you mean {nearest}?" if nearest else f"the probers are: {', '.join(PROBERS)}"
        report.tell((*at, "prober"), f"{shown(keys.prober)} is no prober", mend)
        return None
    prober = _prober(keys.prober)
    options = sections.get(keys.prober) or reader.check(prober.Options, {}, (*at, keys.prober))
    if options is None:
        return None
    config = config_of(prober.KIND)
    try:
        template: OneTarget = config.model_validate({config.target_key: prober.PLACEHOLDER, **options.keys})
    except ValidationError as error:
        for found in error.errors(include_url=False):
            there = report.existing((*at, keys.prober), found["loc"][:1])
            problem, mend = in_words(found, report.written(there))
            report.tell(there, problem, mend)
        return None

    def aimed(target: str, hostname: str = "") -> OneTarget:
        config = template.aimed_at(prober.target_of(target))
        if hostname and not _HOSTNAME.fullmatch(hostname):
            raise ValueError("the parameter hostname is no name of a host")
        return config.model_copy(update=options.other_keys(target, hostname))

    return ModuleEntry(name=name, type=prober.KIND, timeout=keys.timeout, secret=holds_secret(template), aimed=aimed)


def _prober(name: str) -> _Prober:
    return cast("_Prober", importlib.import_module(f"slo.interop.blackbox.{name}"))
