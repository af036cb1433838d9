"""The ports of a pod: which one is meant, by number, by name, or because there is no other."""

from collections.abc import Iterator
from dataclasses import dataclass

from slo.core.pod import Pod, Port
from slo.errors import Fault

HIGHEST = 65535


@dataclass(frozen=True, kw_only=True, slots=True)
class PodPort:
    """A port of a pod, and the container that says it listens there; empty where none does."""

    number: int
    container: str = ""


def port_of(pod: Pod, wanted: int | str | None, container: str = "") -> PodPort:
    """The port with a number or a name, or the only one over TCP for None. Only ports of `container` are meant where
    that is given; a number need not be declared.

    Raises Fault: `no_port`, `several_ports`.
    """
    declared = list(declared_by(pod, container))
    if isinstance(wanted, int):
        return next((each for each, port in declared if port.number == wanted), PodPort(number=wanted))
    if isinstance(wanted, str):
        named = next((each for each, port in declared if port.name == wanted), None)
        if named is None:
            raise Fault("no_port", detail=f"no container of it has a port that is called {wanted!r}")
        return named
    found = {each.number: each for each, port in reversed(declared) if port.protocol == "TCP"}
    if len(found) > 1:
        numbers = ", ".join(map(str, sorted(found)[:10]))
        raise Fault("several_ports", detail=f"it has the ports {numbers}: say which with `port`")
    if not found:
        raise Fault("no_port", detail="no container of it declares a port over TCP: say which with `port`")
    return next(iter(found.values()))


def port_in(text: str) -> int | str | None:
    """The port that a text of an annotation names: a number, or the name of a container's port; None for neither."""
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 5 and 0 < int(text) <= HIGHEST else None
    return text if text and len(text) <= 63 and text.isascii() and text.isprintable() else None


def declared_by(pod: Pod, container: str = "") -> Iterator[tuple[PodPort, Port]]:
    """The ports that its containers declare, or one of them."""
    for each in pod.containers:
        for port in each.ports if container in {"", each.name} else ():
            if 0 < port.number <= HIGHEST:
                yield PodPort(number=port.number, container=each.name), port
