"""Configurations for tests, with kinds of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from slo.config.aimed import OneTarget
from slo.config.load import load
from slo.config.report import Location
from slo.config.settings import ModuleEntry, Settings
from slo.config.types import HTTPURL, KindConfig, Pattern, PositiveDuration, Secret, Section
from slo.errors import ConfigError, WatchkeepError


class Credentials(Section):
    """Who asks."""

    user: str
    password: Secret


class Look(OneTarget):
    """A kind with a key of every sort."""

    target_key: ClassVar[str] = "url"

    url: HTTPURL
    status: tuple[int, ...] = (200,)
    body: Pattern | None = None
    wait: PositiveDuration = timedelta(seconds=1)
    token: Secret | None = None
    credentials: Credentials | None = None
    headers: Mapping[str, str] = Field(default={})
    strict: bool = False


class Told(KindConfig):
    """A kind with a secret that must be there."""

    key: Secret


class Find(KindConfig):
    """A discovery."""

    where: str


@dataclass
class Family:
    """Kinds by name; `broken` is one that cannot be imported. `imported` are those that were asked for."""

    configs: Mapping[str, type[KindConfig]]
    imported: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [*self.configs, "broken"]

    def config(self, name: str) -> type[KindConfig]:
        self.imported.append(name)
        if name == "broken":
            raise WatchkeepError("probes.broken cannot be imported: no module named colibri")
        return self.configs[name]


@dataclass
class Kinds:
    """The kinds `look` for probes and `told` for destinations."""

    probes: Family = field(default_factory=lambda: Family({"look": Look, "peek": Look}))
    collectors: Family = field(default_factory=lambda: Family({"inside": Look}))
    destinations: Family = field(default_factory=lambda: Family({"told": Told}))
    discoveries: Family = field(default_factory=lambda: Family({"find": Find}))
    forwarders: Family = field(default_factory=lambda: Family({"told": Told}))

    def scrape_config(self) -> type[KindConfig]:
        return Look

    def read_modules(self, data: Mapping[str, object], at: Location, **_: object) -> dict[str, ModuleEntry]:
        return {name: ModuleEntry(name=name, type="look", timeout=timedelta(0), aimed=Look) for name in data}


GATE = "probes: [{name: gate, type: look, url: 'http://gate.example/'}]\n"
"""The smallest probe, to put SLOs under."""


def loaded(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """What a configuration of one file is loaded as."""
    file = folder / "watch.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, Kinds(), environ or {})


def faults(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """The faults of a configuration of one file, as `line:column: path: problem, mend`."""
    try:
        loaded(text, folder, environ)
    except ConfigError as error:
        return [str(fault).removeprefix(f"{folder}/watch.yaml:") for fault in error.faults]
    return []


def slo(**keys: object) -> str:
    """An SLO of the gate in flow style, its keys as given."""
    written = {"name": "a", "objective": "99.9%", "window": "30d", "sli": "{probe: gate}"} | keys
    return f"{GATE}slos: [{{{', '.join(f'{key}: {value}' for key, value in written.items())}}}]\n"
