"""Networks of a test's own: two namespaces of the kernel with a cable between them."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.services import program

HERE, THERE = "10.231.1.1", "10.231.1.2"
"""The addresses of the two ends of the cable."""

_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Cable:
    """A cable between the namespace `near`, which has the address HERE, and `far`, which has THERE."""

    near: str
    far: str

    def pull(self) -> None:
        """Nothing leaves `near` any more."""
        _ip("-n", self.near, "link", "set", "cable", "down")

    def plug(self) -> None:
        """All is as it was."""
        _ip("-n", self.near, "link", "set", "cable", "up")


@contextlib.contextmanager
def cable() -> Iterator[Cable]:
    """Two namespaces with a cable between them; needs root."""
    laid = Cable(f"watchkeep-{os.getpid()}-near", f"watchkeep-{os.getpid()}-far")
    with contextlib.ExitStack() as made:
        for name in (laid.near, laid.far):
            _ip("netns", "add", name)
            made.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", laid.near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", laid.far)
        for name, address in ((laid.near, HERE), (laid.far, THERE)):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _ip("-n", name, "link", "set", "cable", "up")
        yield laid


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread, and every thread and process that it starts meanwhile, are in that namespace."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as there:  # noqa: PTH123  # no paths
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip(*arguments: str) -> None:
    subprocess.run([program("ip", package="iproute2"), *arguments], check=True)
