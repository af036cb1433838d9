"""The guard: where a redirect may lead us."""

import ipaddress

from slo.net.connectivity import IPAddress


class Guard:
    """Keeps whoever answers a probe from choosing what else on our side of the network is asked.

    What the operator wrote into the configuration is always permitted. A redirect leads to loopback addresses only from
    such an address, and likewise to link-local ones, where clouds keep the credentials of machines.
    """

    def permits(self, address: IPAddress, *, redirected_from: IPAddress | None) -> bool:
        """Whether `address` may be connected to. `redirected_from` is who sent us there; None for the target itself."""
        return redirected_from is None or _privacy(address) <= _privacy(redirected_from)


def _privacy(address: IPAddress) -> frozenset[str]:
    """In which of the closed quarters an address lies."""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    quarters = {
        "this machine": address.is_loopback or address.is_unspecified,
        "this link": address.is_link_local or address in _METADATA,
    }
    return frozenset(name for name, inside in quarters.items() if inside)


_METADATA = frozenset({ipaddress.ip_address("fd00:ec2::254")})
"""Addresses with the same use as 169.254.169.254 that are not link-local."""
