"""A Prometheus with a past: blocks made of a recording, and what rules would have recorded, had they been there.

    history = History(folder)
    history.add(recording)
    history.record(rules, [range(begin, end, 30)])
    with history.served() as prometheus:
        prometheus.query(...)

promtool can evaluate rules over a past too, but makes a block of two hours for each rule, hundreds of them for a month.
Here the server itself answers what each rule gives at each step, and its answers become a block: rules that read what
others record come after those, once the server has their blocks. Alerts that read ALERTS cannot be had in this way.
"""

import contextlib
import json
import re
import subprocess
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.e2e.prometheus import Prometheus
from tests.services import Service, free_port, program

Rule: TypeAlias = Mapping[str, Any]
"""A recording rule as a file of rules has it."""

STEPS_AT_ONCE = 720
"""Few, because `timestamp` reads from the beginning of what is asked for, at every step anew."""
_SELECTOR = re.compile(r"([a-z_][a-z0-9_:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)="([^"]*)"')


class History:
    """What is in the storage of a Prometheus; the folder is its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def add(self, samples: Path) -> None:
        """Take in a file of OpenMetrics."""
        arguments = ["--max-block-duration=576h", "openmetrics", samples, self._folder / "tsdb"]
        command = [program("promtool", package="prometheus"), "tsdb", "create-blocks-from", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def record(self, rules: Iterable[Rule], times: Sequence[range]) -> None:
        """Take in what these rules give at these times (Unix seconds), which is added to what was recorded before."""
        for level in levels(rules):
            with self.served() as prometheus:
                lines = [line for rule in level for line in _recorded(prometheus, rule, times)]
            samples = self._folder / "recorded.om"
            samples.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
            self.add(samples)

    @contextlib.contextmanager
    def served(self) -> Iterator[Prometheus]:
        """A running Prometheus with this past, and without a present: it scrapes nothing and evaluates nothing."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        (self._folder / "prometheus.yml").write_text("{}", encoding="utf-8")
        command = [
            program("prometheus", package="prometheus"),
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/tsdb",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

        def ready() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                return True
            return False

        with Service(command, port=port, folder=self._folder, ready=ready):
            yield Prometheus(url)


def levels(rules: Iterable[Rule]) -> Iterator[list[Rule]]:
    """The rules in the order in which they can be evaluated: each level reads what those before it recorded."""
    left = list(rules)
    while left:
        level = [rule for rule in left if not any(_reads(rule, other) for other in left if other is not rule)]
        assert level, "rules that wait for one another"
        yield level
        left = [rule for rule in left if rule not in level]


def values(prometheus: Prometheus, expression: str, times: range) -> Iterator[tuple[Mapping[str, str], list[Any]]]:
    """The series that an expression gives at these times (Unix seconds): labels, and times with values as text."""
    for first in range(times.start, times.stop, times.step * STEPS_AT_ONCE):
        last = min(first + times.step * STEPS_AT_ONCE, times.stop) - 1
        answer = prometheus.ask("query_range", query=expression, start=str(first), end=str(last), step=str(times.step))
        yield from ((series["metric"], series["values"]) for series in answer["result"])


def _recorded(prometheus: Prometheus, rule: Rule, times: Sequence[range]) -> Iterator[str]:
    recorded: dict[str, list[Any]] = defaultdict(list)
    for labels, samples in (found for span in times for found in values(prometheus, rule["expr"], span)):
        series = {**{name: value for name, value in labels.items() if name != "__name__"}, **rule["labels"]}
        text = ",".join(f"{label}={json.dumps(value)}" for label, value in sorted(series.items()))
        recorded[f"{rule['record']}{{{text}}}"] += samples
    for name, samples in recorded.items():
        yield from (f"{name} {value} {at}" for at, value in sorted(samples))


def _reads(rule: Rule, other: Rule) -> bool:
    """Whether a rule reads what another one records."""
    return any(
        metric == other["record"] and all(other["labels"].get(label, value) == value for label, value in wanted)
        for metric, wanted in ((name, _MATCHER.findall(text)) for name, text in _SELECTOR.findall(rule["expr"]))
    )
