"""File descriptors: as many as this process may have, and how they are shared out."""

import resource

FEWEST_CONNECTIONS, MOST_CONNECTIONS = 256, 8192
SHARE = 4
"""Clients get one in this many; the rest is for what is probed, the store and whoever is told."""


def take_all() -> int:
    """Take as many as this process may have; how many that is. The soft limit is for programs that use select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # a hard limit above what the kernel permits by now
        return _number(soft)
    return _number(hard)


def connections_of(descriptors: int) -> int:
    """How many clients may be connected: Prometheus keeps a connection for each target that it has probed."""
    return min(MOST_CONNECTIONS, max(FEWEST_CONNECTIONS, descriptors // SHARE))


def _number(limit: int) -> int:
    return 2**31 if limit == resource.RLIM_INFINITY else limit
