"""A network of a test's own with several machines: namespaces of the kernel, all at one switch."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.services import program

NETWORK = "10.232.1"
SWITCH = "switch"


@dataclass(frozen=True)
class Machine:
    """A machine: the name of its namespace, and its address."""

    namespace: str
    address: str

    def pull(self) -> None:
        """Nothing gets out of it or into it any more."""
        _ip("-n", self.namespace, "link", "set", "cable", "down")

    def plug(self) -> None:
        """All is as it was."""
        _ip("-n", self.namespace, "link", "set", "cable", "up")


@contextlib.contextmanager
def lan(names: Sequence[str]) -> Iterator[dict[str, Machine]]:
    """Machines of these names that reach one another; needs root."""
    prefix = f"wk{os.getpid()}"
    switch = f"{prefix}-{SWITCH}"
    machines: dict[str, Machine] = {}
    with contextlib.ExitStack() as made:
        _namespace(switch, made)
        _ip("-n", switch, "link", "add", SWITCH, "type", "bridge")
        _ip("-n", switch, "link", "set", SWITCH, "up")
        for number, name in enumerate(names, 1):
            machine = machines[name] = Machine(f"{prefix}-{name}", f"{NETWORK}.{number}")
            _namespace(machine.namespace, made)
            port = f"port{number}"
            _ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "cable", "netns", machine.namespace)
            _ip("-n", switch, "link", "set", port, "master", SWITCH, "up")
            _ip("-n", machine.namespace, "address", "add", f"{machine.address}/24", "dev", "cable")
            _ip("-n", machine.namespace, "link", "set", "cable", "up")
        yield machines


def _namespace(name: str, made: contextlib.ExitStack) -> None:
    _ip("netns", "add", name)
    made.callback(_ip, "netns", "del", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _ip(*arguments: str) -> None:
    subprocess.run([program("ip", package="iproute2"), *arguments], check=True)
