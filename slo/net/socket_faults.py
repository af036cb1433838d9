"""What the errors of sockets mean: whose fault it is that nothing was reached."""

import errno

from slo.config.hosts import IPAddress
from slo.errors import Fault


def source_of(address: IPAddress, source: IPAddress | None) -> tuple[str, int] | None:
    """What to bind to, so that packets to `address` come from `source`. Raises Fault where these are no pair."""
    if source is None:
        return None
    if source.version != address.version:
        raise Fault("no_source_address", detail=f"{source} cannot send over IPv{address.version}")
    return str(source), 0


def fault_of(error: OSError, place: str, *, source: IPAddress | None = None) -> Fault | OSError:
    """The fault that an error of a socket stands for; the error itself where it has no reason of its own."""
    if source is not None and error.errno in _FOREIGN_SOURCE:
        return Fault("no_source_address", detail=f"{source} is no address of this machine")
    reason = _REASONS.get(error.errno or 0)
    return Fault(reason, detail=place) if reason else error


def fault_of_socket(error: OSError, path: str) -> Fault | OSError:
    """The same of a socket in the file system."""
    reason = _SOCKET_REASONS.get(error.errno or 0)
    return Fault(reason, detail=path) if reason else fault_of(error, path)


_SOCKET_REASONS = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK, errno.EPROTOTYPE), "connect_refused"),
    errno.EAGAIN: "connect_timeout",  # its queue is full, which a socket of the network would wait for
    **dict.fromkeys((errno.EACCES, errno.EPERM), "not_permitted"),
}
"""Errors that mean something else where the other side is a file."""

_FOREIGN_SOURCE = frozenset({errno.EADDRNOTAVAIL, errno.EINVAL})

_REASONS = {
    errno.ECONNREFUSED: "connect_refused",
    errno.ECONNRESET: "connect_reset",
    errno.ECONNABORTED: "connect_reset",
    errno.EPIPE: "connect_reset",
    errno.ETIMEDOUT: "connect_timeout",
    errno.ENETUNREACH: "connect_unreachable",
    errno.EHOSTUNREACH: "connect_unreachable",
    errno.ENETDOWN: "connect_unreachable",
    errno.EHOSTDOWN: "connect_unreachable",
    errno.ENONET: "connect_unreachable",
    errno.ENODEV: "connect_unreachable",
    errno.EACCES: "connect_unreachable",
    errno.EPERM: "connect_unreachable",
    errno.EINVAL: "connect_unreachable",
    errno.EMFILE: "no_file_descriptors",
    errno.ENFILE: "no_file_descriptors",
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EADDRINUSE: "no_local_port",
    errno.ENOBUFS: "no_memory",
    errno.ENOMEM: "no_memory",
}
