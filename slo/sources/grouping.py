"""SLOs with `group_by`: one for each combination of values that these labels have among the series of its total."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from slo.core.selector import Matcher
from slo.core.sli import CountersSLI
from slo.core.slo import SLO


def grouped(slo: SLO, series: Iterable[Mapping[str, str]]) -> list[SLO]:
    """The SLOs that `slo` stands for, in order of their values; itself where it has no `group_by`."""
    if not slo.group_by or not isinstance(slo.definition, CountersSLI):
        return [slo]
    total = slo.definition.total
    found = {tuple(labels.get(label, "") for label in slo.group_by) for labels in series if total.matches(labels)}
    return [instance(slo, dict(zip(slo.group_by, values, strict=True))) for values in sorted(found)]


def instance(slo: SLO, values: Mapping[str, str]) -> SLO:
    """The SLO of one combination of values."""
    definition = slo.definition
    assert isinstance(definition, CountersSLI)  # noqa: S101  only counters have series here
    total, part = definition.total, definition.part
    for label, value in values.items():
        matcher = Matcher(label=label, operator="=", value=value)
        total, part = total.with_matcher(matcher), part.with_matcher(matcher)
    narrowed = replace(definition, total=total, part=part)
    return replace(
        slo,
        sli=narrowed.key,
        definition=narrowed,
        labels={**slo.labels, **values},
        scope=",".join(f"{label}={value}" for label, value in values.items()),
        group_by=(),
    )
