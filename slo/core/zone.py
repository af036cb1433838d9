"""Time zones by their IANA names, and what the local times in them mean.

The rules come from the package tzdata, never from the machine: the system's own files are often years behind, and two
replicas, or an auditor with the same lock file, must get the same periods to the second.
"""

import bisect
import functools
from datetime import datetime
from importlib import resources
from zoneinfo import ZoneInfo


@functools.cache
def zone_names() -> frozenset[str]:
    """Every name that `zone_named` takes."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@functools.cache
def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name, for instance `Europe/London`, as the IANA spells it. Raises ValueError."""
    if name not in zone_names():
        raise ValueError(
            f"there is no time zone {name!r}; write the name of one as the IANA has it, such as Europe/London or UTC"
        )
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def unix_seconds(local: datetime, zone: ZoneInfo) -> int:
    """The instant that a local time without a zone means, in Unix seconds; fractions of a second are dropped.

    A time that occurs twice is the first of the two. One that clocks skip is read with the offset from before the gap,
    so that 02:30 becomes 03:30 where they go from 02:00 to 03:00. Source: RFC 5545, section 3.3.5.
    """
    return int(local.replace(tzinfo=zone, fold=0).timestamp())


@functools.lru_cache(maxsize=4096)
def first_instant(local: datetime, zone: ZoneInfo) -> int:
    """The first instant at which the clocks of a zone show a local time or a later one, in Unix seconds.

    Of a time that comes twice it is the first one; of one that is skipped it is the instant at which clocks go forward.
    Remembered, since the clocks of thousands of incidents run through the same few days.
    """
    with_offset_before = unix_seconds(local, zone)
    with_offset_after = int(local.replace(tzinfo=zone, fold=1).timestamp())
    if with_offset_before <= with_offset_after:
        return with_offset_before
    # It is skipped: the clocks go forward between these two instants. A zone does not tell when: look for it.
    instants = range(with_offset_after, with_offset_before)
    return instants.start + bisect.bisect_left(instants, local, key=lambda at: local_time(at, zone))


def local_time(at_seconds: int, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show at an instant in Unix seconds, without a zone."""
    return datetime.fromtimestamp(at_seconds, zone).replace(tzinfo=None)
