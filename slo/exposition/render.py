"""The text exposition 0.0.4 of SLO figures and of what probes saw.

The hot path of `/metrics`: labels hardly ever change, so their text is made once and kept as long as it is in use. A
figure with nothing to divide by is absent. Renderers are generators that yield small blocks of whole lines (some are
empty), so that their caller may let others run in between.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from slo.core.outcome import Outcome, Point
from slo.core.policy import Severity
from slo.core.reason import State
from slo.core.sample import Sample
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.exposition.buffer import LINES_A_BLOCK, header
from slo.exposition.families import FAMILIES, Family
from slo.exposition.labels import METRIC_NAME, escaped, label_text

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROWS_A_BLOCK = 100
"""How many SLOs or checks are rendered before others may run: a millisecond or two."""

RESERVED_LABELS = frozenset({"slo", "window", "severity"})
"""Labels that the figures of SLOs have themselves: an SLO's own of that name would make the line invalid."""

SAID_BY_THE_RUNNER = frozenset({"probe_success", "probe_duration_seconds"})
"""Known of every check from its outcome, so that a kind's own word for it is passed over."""

TOTALS = ("good", "bad", "unknown")


def _block(family: Family, batches: Iterable[Sequence[str]]) -> Iterator[str]:
    """A family, one batch of lines at a time, its header before the first; nothing where there are no lines."""
    above = header(family)
    for lines in batches:
        if lines:
            yield above + "\n".join(lines) + "\n"
            above = ""


def _batched(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    return (lines[start : start + LINES_A_BLOCK] for start in range(0, len(lines), LINES_A_BLOCK))


_Rows: TypeAlias = Sequence[tuple[str, SLOStatus]]
"""SLOs with the text of their labels."""


class SLORenderer:
    """Renders the figures of SLOs. Keeps the label texts of the SLOs that it rendered last."""

    def __init__(self) -> None:
        self._labels: dict[str, tuple[SLO, str]] = {}

    def render(self, statuses: Sequence[SLOStatus]) -> Iterator[str]:
        """The families `slo_*`, with the label `slo` and the SLO's own labels."""
        self._labels = {status.slo.key: (status.slo, self._labels_of(status.slo)) for status in statuses}
        rows = [(self._labels[status.slo.key][1], status) for status in statuses]
        batches = [rows[start : start + ROWS_A_BLOCK] for start in range(0, len(rows), ROWS_A_BLOCK)]
        for state in TOTALS:
            yield from _block(FAMILIES[f"slo_sli_{state}_total"], (_totals(batch, state) for batch in batches))
        for name, lines in (
            ("slo_objective_ratio", _objectives),
            ("slo_error_budget_remaining_ratio", _remaining),
            ("slo_error_budget_exhaustion_timestamp_seconds", _exhaustions),
            ("slo_error_budget_remaining_window_ratio", _remaining_by_window),
            ("slo_error_budget_remaining_raw_ratio", _raw_remaining),
            ("slo_excluded_seconds", _excluded),
            ("slo_burn_rate", _burn_rates),
            ("slo_window_coverage_ratio", _coverages),
            ("slo_alert_firing", _firing),
        ):
            yield from _block(FAMILIES[name], map(lines, batches))

    def _labels_of(self, slo: SLO) -> str:
        known, text = self._labels.get(slo.key, (None, ""))
        if known is slo:
            return text
        return label_text(slo_labels(slo))


def slo_labels(slo: SLO) -> dict[str, str]:
    """The labels of every metric of an SLO."""
    return {"slo": slo.name, **{name: value for name, value in slo.labels.items() if name not in RESERVED_LABELS}}


def _totals(rows: _Rows, state: str) -> list[str]:
    return [f"slo_sli_{state}_total{{{labels}}} {status.totals.get(state, 0)}" for labels, status in rows]


def _objectives(rows: _Rows) -> list[str]:
    return [f"slo_objective_ratio{{{labels}}} {float(status.slo.objective)!r}" for labels, status in rows]


def _remaining(rows: _Rows) -> list[str]:
    return [
        f"slo_error_budget_remaining_ratio{{{labels}}} {status.budget.remaining!r}"
        for labels, status in rows
        if status.budget.remaining is not None
    ]


def _exhaustions(rows: _Rows) -> list[str]:
    return [
        f"slo_error_budget_exhaustion_timestamp_seconds{{{labels}}} {status.budget.exhaustion.timestamp()!r}"
        for labels, status in rows
        if status.budget.exhaustion is not None
    ]


def _raw_remaining(rows: _Rows) -> list[str]:
    return [
        f"slo_error_budget_remaining_raw_ratio{{{labels}}} {status.budget.raw.remaining!r}"
        for labels, status in rows
        if status.budget.raw and status.budget.raw.remaining is not None
    ]


def _excluded(rows: _Rows) -> list[str]:
    return [
        f"slo_excluded_seconds{{{labels}}} {status.budget.excluded_seconds}"
        for labels, status in rows
        if status.budget.raw
    ]


def _remaining_by_window(rows: _Rows) -> list[str]:
    return [
        f'slo_error_budget_remaining_window_ratio{{{labels},window="{escaped(budget.window)}"}} {budget.remaining!r}'
        for labels, status in rows
        if len(status.budgets) > 1
        for budget in status.budgets
        if budget.remaining is not None
    ]


def _burn_rates(rows: _Rows) -> list[str]:
    return [
        f'slo_burn_rate{{{labels},window="{figures.window}"}} {figures.burn_rate!r}'
        for labels, status in rows
        for figures in status.windows
        if figures.burn_rate is not None
    ]


def _coverages(rows: _Rows) -> list[str]:
    return [
        f'slo_window_coverage_ratio{{{labels},window="{figures.window}"}} {figures.coverage!r}'
        for labels, status in rows
        for figures in status.windows
    ]


def _firing(rows: _Rows) -> list[str]:
    return [
        f'slo_alert_firing{{{labels},severity="{severity}"}} {int(any(p.severity is severity for p in status.firing))}'
        for labels, status in rows
        for severity in Severity
    ]


_Value: TypeAlias = tuple[str, float, Mapping[str, str]]
_Key: TypeAlias = str | tuple[str, ...]
_Prefixes: TypeAlias = dict[Point, tuple[Mapping[str, str], dict[_Key, str]]]
"""Of each check its labels, and the texts before the values that it had with them."""
_NO_PREFIXES: dict[_Key, str] = {}


class ProbeRenderer:
    """Renders outcomes and samples of checks. Keeps the prefixes that it rendered last."""

    def __init__(self) -> None:
        self._prefixes: _Prefixes = {}

    def render(
        self,
        rounds: Iterable[tuple[Outcome, Iterable[Sample]]],
        *,
        on_fault: Callable[[Outcome, Exception], None],
    ) -> Iterator[str]:
        """The families of the last outcomes and of their samples, with the labels `probe`, `target` and `vantage`.

        Besides them they have the labels of the target; where a sample has one of the same name, the sample's stands.

        An unknown outcome has neither `probe_success` nor a duration: it says nothing about the target. A check whose
        samples cannot be made goes without them, and `on_fault` is told.
        """
        kept: _Prefixes = {}
        families: dict[str, list[str]] = {}
        for index, (outcome, samples) in enumerate(rounds):
            values: list[_Value] = [*_values_of(outcome)]
            values.append(Sample("watchkeep_probe_last_round_timestamp_seconds", outcome.at.timestamp()))
            try:
                values += [(s.name, float(s.value), s.labels) for s in samples if s.name not in SAID_BY_THE_RUNNER]
            except Exception as error:  # noqa: BLE001  # one kind's bug must not take the others' metrics away
                on_fault(outcome, error)
            self._add(families, kept, outcome, values)
            if index % ROWS_A_BLOCK == 0:
                yield ""
        self._prefixes = kept
        for name, lines in families.items():
            yield from _block(_family(name), _batched(lines))

    def _add(
        self,
        families: dict[str, list[str]],
        kept: _Prefixes,
        outcome: Outcome,
        values: Iterable[_Value],
    ) -> None:
        known, old = self._prefixes.get(outcome.point, (outcome.labels, _NO_PREFIXES))
        if known != outcome.labels:
            old = _NO_PREFIXES
        _, new = kept.setdefault(outcome.point, (outcome.labels, {}))
        for name, value, labels in values:
            key: _Key = (name, *labels, *labels.values()) if labels else name
            prefix = old.get(key)
            if prefix is None:
                if not METRIC_NAME.fullmatch(name):
                    continue
                text = label_text({**outcome.labels, **labels, **_identity(outcome)})
                prefix = f"{name}{{{text}}} "
            new[key] = prefix
            lines = families.get(name)
            if lines is None:
                lines = families[name] = []
            lines.append(f"{prefix}{value!r}")


_BY_NAME = itemgetter(0)

_HEADERS: dict[str, str] = {}
"""The lines before the values of a family, by its name."""


def probed(outcome: Outcome, samples: Iterable[Sample], *, timeout_seconds: float) -> str:
    """What `/probe` says of one round: the families of its outcome and samples, in order of name, without identity.

    Raises whatever making a sample raises.
    """
    values = _values_of(outcome)
    values.append(Sample("probe_timeout_seconds", timeout_seconds))
    values += [sample for sample in samples if sample.name not in SAID_BY_THE_RUNNER]
    values.sort(key=_BY_NAME)
    lines, family = [], ""
    for name, value, labels in values:
        if name != family:
            family = name
            lines.append(_HEADERS.get(name) or _HEADERS.setdefault(name, header(_family(name))))
        prefix = _prefix(name, tuple(labels.items())) if labels else name
        lines.append(f"{prefix} {value!r}\n")
    return "".join(lines)


@lru_cache(maxsize=4096)
def _prefix(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    """A metric with its labels, as a line begins with it: mostly phases, the same for every target."""
    return f"{name}{{{label_text(dict(labels))}}}"


def _family(name: str) -> Family:
    return FAMILIES.get(name) or Family(name=name, type="untyped", help="Said by the kind of the check.")


def _identity(outcome: Outcome) -> dict[str, str]:
    """The labels that tell one check from another; `vantage` only where there are several vantage points."""
    vantage = {"vantage": outcome.vantage_point} if outcome.vantage_point else {}
    return {"probe": outcome.check, "target": outcome.target, **vantage}


def _values_of(outcome: Outcome) -> list[Sample]:
    values = []
    if outcome.state is not State.UNKNOWN:
        values.append(Sample("probe_success", 1.0 if outcome.state is State.GOOD else 0.0))
        values.append(Sample("probe_duration_seconds", outcome.duration_seconds))
    if outcome.state is not State.GOOD:
        labels = {"state": outcome.state.value, "reason": outcome.reason}
        values.append(Sample("watchkeep_probe_reason", 1.0, labels))
    return values
