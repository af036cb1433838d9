"""Recordings and configurations as text: what `watchkeep replay` is given, from what the oracle is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.replay.oracle import SECOND, Objective, Pair, spelt
from tests.replay.oracle_counts import Series

SPELT_OUT = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One recording with its SLOs; `story` says what happens in it. Times are milliseconds.

    `recording` has the series of a metric one after another, as OpenMetrics wants them. `scaled` are the names of SLOs
    that leave their policy out.
    """

    story: str
    recording: Sequence[Series]
    objectives: Sequence[Objective]
    slot: int
    step: int
    scaled: frozenset[str] = frozenset()

    @property
    def config(self) -> str:
        """The configuration, in YAML."""
        return "\n".join([f"slot: {spelt(self.slot)}", "slos:", *self._slos(), ""])

    @property
    def samples(self) -> str:
        """The recording, in OpenMetrics with timestamps."""
        return "\n".join([*self._lines(), "# EOF", ""])

    def _slos(self) -> Iterator[str]:
        for slo in self.objectives:
            sli = slo.indicator
            yield f"  - name: {slo.name}"
            yield f'    objective: "{float(slo.objective)!r}"'
            yield f"    window: {spelt(slo.window)}"
            yield "    sli:"
            yield "      counters:"
            yield f"        total: '{sli.total}'"
            yield f"        {sli.part_is}: '{sli.part}'"
            if slo.name not in self.scaled:
                yield "    burn_policy:"
                yield from (f"      - {_written_out(pair)}" for pair in slo.pairs)

    def _lines(self) -> Iterator[str]:
        for metric, members in groupby(self.recording, key=lambda series: series.labels["__name__"]):
            kind = "counter" if metric.endswith("_total") else "gauge"
            yield f"# TYPE {metric.removesuffix('_total')} {kind}"
            for series in members:
                labels = ",".join(f'{name}="{value}"' for name, value in series.labels.items() if name != "__name__")
                name = f"{metric}{{{labels}}}" if labels else metric
                yield from (f"{name} {_number(value)} {at / SECOND:.3f}" for at, value in series.samples)


def _written_out(pair: Pair) -> str:
    keys = {
        "long": spelt(pair.long),
        "short": spelt(pair.short),
        "budget": f'"{float(pair.budget)!r}"',
        "severity": pair.severity,
        "min_bad_events": str(pair.min_bad_events or ""),  # left out: 0 is the default of counters
        "for": spelt(pair.hold),
    }
    return "{" + ", ".join(f"{key}: {value}" for key, value in keys.items() if value) + "}"


def _number(value: float) -> str:
    spelt_out = SPELT_OUT.get(repr(value))
    return spelt_out or (str(int(value)) if value == int(value) else repr(value))
