"""What the catalogue says of the metrics that dashboards show: a name that it has not is refused."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from slo.core.telemetry import PARTS_OF_HISTOGRAMS
from slo.exposition.catalogue import Telemetry
from slo.exposition.families import FAMILIES, Family


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Every metric of a watch by the name of its samples."""
    return {**FAMILIES, **{family.name: family for family in _of_processes()}}


def _of_processes() -> Iterator[Family]:
    for metric in Telemetry().registry.collect():
        match metric.type:
            case "histogram":
                names: Sequence[str] = [f"{metric.name}{end}" for end in PARTS_OF_HISTOGRAMS]
            case "counter":
                names = [f"{metric.name}_total"]
            case _:
                names = [metric.name]
        for name in names:
            yield Family(name=name, type=metric.type, help=metric.documentation)


def described(text: str, metrics: Sequence[str]) -> str:
    """A panel's own text, and under it what each of its metrics is. Raises KeyError for one that there is not."""
    return "\n".join((text, "", *(f"- `{metric}`: {families()[metric].help}" for metric in metrics)))
