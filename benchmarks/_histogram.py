"""Histograms of a `/metrics` page: what they grew by, and the quantiles of that."""

from collections.abc import Mapping


def grown(before: Mapping[str, float], after: Mapping[str, float], name: str) -> dict[float, float]:
    """What the buckets of a histogram without labels grew by, by their bounds; empty where there is none."""
    prefix = f"{name}_bucket"
    bounds = [key.split('"')[1] for key in after if key.startswith(prefix)]
    samples = {float(bound): f'{prefix}{{le="{bound}"}}' for bound in bounds}
    return {bound: after[sample] - before.get(sample, 0.0) for bound, sample in samples.items()}


def quantile(buckets: Mapping[float, float], share: float) -> float:
    """The quantile of a histogram's increase, interpolated inside its bucket as Prometheus does it."""
    rank = share * buckets[float("inf")]
    below, lower = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= rank:
            return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
        below, lower = count, bound
    raise AssertionError("a histogram without +Inf")
