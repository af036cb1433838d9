"""The guard: which addresses may be connected to, when others than the operator choose them."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial

from slo.config.hosts import IPAddress, IPNetwork
from slo.net.embedded import embedded

CLOSED: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("169.254.0.0/16", "fe80::/10"),  # link-local: clouds keep the credentials of machines there
        *("fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32"),  # and at these
        *("fd00:c1::a9fe:a9fe/128", "192.0.0.192/32", "fd00:42::42/128"),
        *("fd00:a9fe:a9fe::1/128", "fd00:100::100:200/128"),
        *("0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32"),  # nobody in particular
    )
)
"""Where no target lies that somebody else than the operator may choose, unless the configuration says otherwise.

Sources: RFC 3927, RFC 4291; the metadata services of AWS (and of its containers and pods), Google Cloud, Alibaba Cloud,
Azure, Oracle Cloud, Scaleway and Akamai.
"""

KEPT_ADDRESSES = 4096
"""A target is asked again and again: what is known of so many addresses is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Where a target may lie that is no part of the configuration. Each list that is not empty narrows it.

    `hosts` are names in lower case, and `*.example.org` for all names below one; `schemes` are what may be spoken. An
    address of IPv6 that holds one of IPv4 must not be in `denied` networks in either form, and has to be in `networks`
    with the one that it holds, since that is where it leads. `only` is the one address that a target may be at.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[IPNetwork, ...] = ()
    schemes: tuple[str, ...] = ()
    denied: tuple[IPNetwork, ...] = CLOSED
    only: IPAddress | None = None


class Guard:
    """Keeps others from choosing what on our side of the network is asked.

    What the operator wrote into the configuration is always permitted. Who answers a probe leads it, by a redirect, to
    loopback addresses only from such an address, and likewise to the closed networks. With a `reach` the target itself
    was chosen by somebody else, and has to lie within it, wherever a redirect leads. Addresses are looked at when they
    are connected to, not when a name is read: a name may mean another address every time.
    """

    def __init__(self, reach: Reach | None = None) -> None:
        self._reach = reach
        self._out_of_reach = lru_cache(maxsize=KEPT_ADDRESSES)(partial(_out_of_reach, reach)) if reach else None

    def host_refusal(self, host: str, scheme: str) -> str:
        """Why a host may not be asked, before its name is resolved; empty where it may be."""
        reach = self._reach
        if reach is None:
            return ""
        if reach.schemes and scheme not in reach.schemes:
            return f"{scheme or 'what is spoken there'} is not among the schemes that may be asked"
        if reach.hosts and not any(_is_host(host.lower().rstrip("."), pattern) for pattern in reach.hosts):
            return f"{host} is not among the hosts that may be asked"
        return ""

    def socket_refusal(self) -> str:
        """Why a socket in the file system may not be connected to; empty where it may be.

        It has neither a host nor a network, so that a list of those leaves it out, unless the scheme is named.
        """
        reach = self._reach
        if reach is None or "unix" in reach.schemes or not (reach.schemes or reach.hosts or reach.networks):
            return ""
        return "sockets of this machine are not among what may be asked"

    def address_refusal(self, address: IPAddress, *, redirected_from: IPAddress | None) -> str:
        """Why an address may not be connected to; empty where it may be.

        `redirected_from` is who sent us there; None for the target itself.
        """
        if self._out_of_reach is not None and (refusal := self._out_of_reach(address)):
            return refusal
        if redirected_from is not None and not _quarters(address) <= _quarters(redirected_from):
            return f"a redirect must not lead to {address}"
        return ""


def _out_of_reach(reach: Reach, address: IPAddress) -> str:
    """Why an address is not within reach; empty where it is."""
    if reach.only not in {None, address}:
        return f"{address} is not {reach.only}, where the target was found"
    within = embedded(address)
    if any(_is_in(each, reach.denied) for each in (address, *within)):
        return f"{address} is in a network that must not be asked"
    if reach.networks and not all(_is_in(each, reach.networks) for each in within or (address,)):
        return f"{address} is in none of the networks that may be asked"
    return ""


def _is_host(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _is_in(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    return any(address in network for network in networks)


def _quarters(address: IPAddress) -> frozenset[str]:
    """In which of the closed quarters an address lies, or one that it holds."""
    forms = (address, *embedded(address))
    quarters = {
        "this machine": any(each.is_loopback or each.is_unspecified for each in forms),
        "closed": any(_is_in(each, CLOSED) for each in forms),
    }
    return frozenset(name for name, inside in quarters.items() if inside)
