"""The heap of the process: glibc gives threads heaps of their own, and each of them stays resident."""

import contextlib
import ctypes

MALLOC_ARENA_MAX = -8
"""The number of this setting in glibc's malloc.h."""


def share_one_heap() -> None:
    """Have all threads use one heap: they hold what they make for a moment only."""
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such setting
        ctypes.CDLL(None).mallopt(MALLOC_ARENA_MAX, 1)
