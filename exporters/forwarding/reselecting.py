"""A spool whose forwarder is for somebody else now: what waits in it is selected anew before anything goes out."""

from collections.abc import Sequence

from exporters.forwarding.selection import Selection
from slo.core.matching import Matcher
from slo.core.telemetry import Measured, Rank
from slo.core.telemetry_document import read
from slo.store.spool import SpoolFile

MARK = "match"
"""The mark of whom the records in a spool are for."""


def reselected(file: SpoolFile, match: Sequence[Matcher]) -> dict[Rank, int]:
    """Forget what waits, or was refused, and is not for those who are selected now; how many records of each rank.

    Metrics of which any is not for them go together: the next ones say nearly the same. Where it was begun for the same
    ones, nothing is looked at. Raises StoreError.
    """
    wanted, before = ", ".join(map(str, match)), file.marks().get(MARK)
    gone: dict[Rank, int] = {}
    if before not in {None, wanted}:
        selection = Selection(match, (), {})
        gone = file.keep(lambda body: _is_for(selection, body))
    if before != wanted:
        file.append([], {MARK: wanted})
    return gone


def _is_for(selection: Selection, body: bytes) -> bool:
    try:
        telemetry = read(body)
    except ValueError:
        return selection.whole
    if isinstance(telemetry, Measured):
        return all(selection.takes(point.labels) for point in telemetry.points)
    return selection.takes(telemetry.labels)
