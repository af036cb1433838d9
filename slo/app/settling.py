"""Settling: what a process does once everything is there that will live as long as it does."""

import contextlib
import ctypes
import gc

SELDOM = 1000
"""A full collection comes after so many smaller ones, in place of ten. With 10,000 targets it takes 50 ms, in which no
round begins, and it finds next to nothing: what refers to itself here is young, and the smaller ones find that.
"""


def settle() -> None:
    """Keep the collector off what exists now, and give back what starting took."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SELDOM)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
