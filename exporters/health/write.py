"""What came of writing something and reading it back."""

from collections.abc import Iterator
from dataclasses import dataclass

from slo.core.reason import State, state_of
from slo.core.sample import Sample
from slo.exposition.families import Family

FAMILIES = {
    "watchkeep_write_success": Family(
        name="watchkeep_write_success",
        type="gauge",
        help="Whether what was written was read back; absent where nothing was, or that is not known.",
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """Reason and detail: `ok` where what was written was read back."""

    reason: str
    detail: str = ""


def samples(write: Write | None) -> Iterator[Sample]:
    """The write as a metric, `FAMILIES`."""
    if write is not None and state_of(write.reason) is not State.UNKNOWN:
        yield Sample("watchkeep_write_success", 1.0 if write.reason == "ok" else 0.0)
