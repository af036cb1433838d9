"""An address of IPv4 is found in whatever address of IPv6 it is written into, and the guard judges by both."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.net.embedded import embedded
from slo.net.guard import CLOSED, Guard, Reach

FILLINGS = st.binary(min_size=16, max_size=16)
Writing = Callable[[bytes, bytes], bytes]

WRITINGS: dict[str, Writing] = {
    "mapped": lambda four, _: bytes(10) + b"\xff\xff" + four,
    "translated": lambda four, _: bytes(8) + b"\xff\xff\0\0" + four,
    "compatible": lambda four, _: bytes(12) + four,
    "NAT64": lambda four, _: bytes.fromhex("0064ff9b") + bytes(8) + four,
    "local NAT64 /48": lambda four, x: bytes.fromhex("0064ff9b0001") + four[:2] + x[:1] + four[2:] + x[1:6],
    "local NAT64 /56": lambda four, x: bytes.fromhex("0064ff9b0001") + x[:1] + four[:1] + x[1:2] + four[1:] + x[2:6],
    "local NAT64 /64": lambda four, x: bytes.fromhex("0064ff9b0001") + x[:3] + four + x[3:6],
    "local NAT64 /96": lambda four, x: bytes.fromhex("0064ff9b0001") + x[:6] + four,
    "6to4": lambda four, x: b"\x20\x02" + four + x[:10],
    "Teredo, client": lambda four, x: b"\x20\x01\0\0" + x[:8] + bytes(byte ^ 0xFF for byte in four),
    "Teredo, server": lambda four, x: b"\x20\x01\0\0" + four + x[:8],
    "ISATAP": lambda four, x: x[:8] + b"\0\0\x5e\xfe" + four,
    "ISATAP, global": lambda four, x: x[:8] + b"\x02\0\x5e\xfe" + four,
}

CLOSED_IPV4 = [network for network in CLOSED if isinstance(network, IPv4Network)]
NOBODY = IPv4Network("0.0.0.0/8")


def _within(networks: list[IPv4Network]) -> st.SearchStrategy[IPv4Address]:
    return st.one_of([st.integers(int(each[0]), int(each[-1])) for each in networks]).map(IPv4Address)


@pytest.mark.parametrize("writing", WRITINGS)
@given(data=st.data(), filling=FILLINGS)
def test_a_denied_address_is_denied_in_every_writing(writing: str, data: st.DataObject, filling: bytes) -> None:
    zeros_fill = writing.startswith("local")
    address = data.draw(_within([each for each in CLOSED_IPV4 if not (zeros_fill and each == NOBODY)]))
    written = IPv6Address(WRITINGS[writing](address.packed, filling))
    if written in {IPv6Address("::"), IPv6Address("::1")}:
        return
    assert address in embedded(written)
    assert Guard(Reach()).address_refusal(written, redirected_from=None)
    assert Guard(Reach(networks=(ip_network("::/0"),))).address_refusal(written, redirected_from=None)
    assert Guard().address_refusal(written, redirected_from=ip_address("192.0.2.1"))


@pytest.mark.parametrize("writing", WRITINGS)
@given(address=_within([IPv4Network("10.0.0.0/8")]), filling=FILLINGS)
def test_what_the_operator_denies_is_denied_in_every_writing(
    writing: str, address: IPv4Address, filling: bytes
) -> None:
    written = IPv6Address(WRITINGS[writing](address.packed, filling))
    for denied in ("10.0.0.0/8", f"{written}/128"):
        guard = Guard(Reach(denied=(ip_network(denied),)))
        assert guard.address_refusal(written, redirected_from=None)


@pytest.mark.parametrize("writing", WRITINGS)
@given(address=_within([IPv4Network("127.0.0.0/8")]), filling=FILLINGS)
def test_a_redirect_leads_to_this_machine_in_no_writing(writing: str, address: IPv4Address, filling: bytes) -> None:
    written = IPv6Address(WRITINGS[writing](address.packed, filling))
    assert Guard().address_refusal(written, redirected_from=ip_address("192.0.2.1"))


@given(address=_within([IPv4Network("0.0.0.0/0"), IPv4Network("192.0.2.0/24")]), filling=FILLINGS)
def test_what_may_be_asked_is_said_of_the_address_that_is_held(address: IPv4Address, filling: bytes) -> None:
    allowed = Guard(Reach(networks=(ip_network("192.0.2.0/24"), ip_network("::/0")), denied=()))
    for writing in ("mapped", "NAT64", "6to4"):
        written = IPv6Address(WRITINGS[writing](address.packed, filling))
        refusal = allowed.address_refusal(written, redirected_from=None)
        assert bool(refusal) == (address not in ip_network("192.0.2.0/24"))


@pytest.mark.parametrize(
    "address", ["::", "::1", "fe80::1%eth0", "2001:db8::a9fe:a9fe", "64:ff9b:2::a9fe:a9fe", "fd00::5eff:0:0"]
)
def test_most_addresses_hold_no_other(address: str) -> None:
    assert not embedded(ip_address(address))


def test_zeros_that_fill_up_a_local_prefix_are_no_address() -> None:
    written = ip_address("64:ff9b:1::192.0.2.1")
    assert embedded(written) == {ip_address("192.0.2.1")}
    assert not Guard(Reach(networks=(ip_network("192.0.2.0/24"),))).address_refusal(written, redirected_from=None)
