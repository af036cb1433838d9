"""A journal that was put back from a backup says so itself: the first event after those of the backup."""

from dataclasses import dataclass
from datetime import datetime

from slo.core.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored(Event):
    """Somebody put the journal back as it was at `made_at`: whatever was written to it since then is not in it.

    It belongs to no incident. The event before it is the backup's last one.
    """

    by: str
    made_at: datetime
