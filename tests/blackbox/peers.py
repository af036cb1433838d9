"""The two that are compared, and how."""

import contextlib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from slo.app.probing import Probing
from slo.config.load import load
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.blackbox.differences import DIFFERENCES, Labels, without_newer_labels
from tests.services import Service, free_port, program
from tests.web.served import served
from tests.web.watches import FakeWatch

Values = Mapping[tuple[str, Labels], float]

TIMES = frozenset({"probe_duration_seconds", "probe_dns_lookup_time_seconds"})
"""Metrics whose values are times, besides those of phases: they are there on both sides, and differ."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one side says of a round: the status of the answer, its values, and the type of each metric."""

    status: int
    values: Values = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def value(self, name: str, **labels: str) -> float | None:
        """One value; None where there is none."""
        return self.values.get((name, frozenset(labels.items())))

    def family(self, name: str) -> list[dict[str, str]]:
        """The labels of all values of a metric."""
        return [dict(labels) for each, labels in self.values if each == name]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Debian's exporter and ours, by their addresses."""

    theirs: str
    ours: str

    def ask(self, module: str, target: str, *, headers: Mapping[str, str] | None = None, **more: str) -> "Both":
        """Both asked for the same."""
        query = urllib.parse.urlencode({"module": module, "target": target, **more})
        return Both(theirs=_asked(self.theirs, query, headers or {}), ours=_asked(self.ours, query, headers or {}))


@dataclass(frozen=True, kw_only=True)
class Both:
    """What both sides say of the same target."""

    theirs: Said
    ours: Said

    def unexplained(self) -> list[str]:
        """What they do not agree on, and no known difference explains."""
        if (self.theirs.status, self.ours.status) != (200, 200):
            return [f"status {self.theirs.status} there, {self.ours.status} here: {self.ours.text}"]
        found = []
        of_theirs, of_ours = self.theirs.values, without_newer_labels(self.ours.values)
        for name, labels in sorted(of_theirs.keys() | of_ours.keys(), key=str):
            theirs, ours = of_theirs.get((name, labels)), of_ours.get((name, labels))
            if _same(name, theirs, ours) or any(each.covers(name, labels, theirs, ours) for each in DIFFERENCES):
                continue
            found.append(f"{name}{dict(labels)}: {theirs} there, {ours} here")
        both = self.theirs.types.keys() & self.ours.types.keys()
        found += [f"{name} is a {self.theirs.types[name]} there" for name in both if self._type_differs(name)]
        return found

    def _type_differs(self, name: str) -> bool:
        return self.theirs.types[name] != self.ours.types[name]

    def agree(self, *, success: bool) -> None:
        """Fail where they do not agree, or the round did not end as it should."""
        differences = "\n".join(self.unexplained())
        assert not differences, differences
        assert self.theirs.value("probe_success") == float(success), self.ours.text


def _same(name: str, theirs: float | None, ours: float | None) -> bool:
    if theirs is None or ours is None:
        return False
    return theirs == ours or name in TIMES or name.endswith("_duration_seconds")


def _asked(address: str, query: str, headers: Mapping[str, str]) -> Said:
    request = urllib.request.Request(f"http://{address}/probe?{query}", headers=dict(headers))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return Said(status=error.code, text=error.read().decode())
    families = list(text_string_to_metric_families(text)) if "debug" not in query else []
    values = {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}
    return Said(status=status, values=values, types={family.name: family.type for family in families}, text=text)


@contextlib.contextmanager
def pair_of(config: str, folder: Path) -> Iterator[Pair]:
    """Both with this blackbox.yml."""
    file, port = folder / "blackbox.yml", free_port()
    file.write_text(config, encoding="utf-8")
    executable = program("prometheus-blackbox-exporter", package="prometheus-blackbox-exporter")
    command = [executable, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}"]
    watch: Any = FakeWatch()
    with Service(command, port=port, folder=folder), served(_with_prober(watch, file)) as site:
        yield Pair(theirs=f"127.0.0.1:{port}", ours=f"127.0.0.1:{site.port}")


def _with_prober(watch: Any, file: Path) -> Any:
    """The watch, which makes rounds by the modules of that file."""
    kinds = Kinds.installed()
    probing = Probing(kinds, Context.default(SteadyClock()))
    probing.configure(load(file, kinds, {}))
    watch.prober = probing
    return watch
