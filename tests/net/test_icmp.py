"""Packets of ICMP are what they should be, and whatever comes is read or ignored."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.net.icmp import Echo, IPVersion, echo_request, read_reply, read_trouble

VERSIONS = st.sampled_from([4, 6])
ECHOES = st.builds(
    Echo, identity=st.integers(0, 0xFFFF), sequence=st.integers(0, 0xFFFF), payload=st.binary(max_size=200)
)


def test_a_request_is_what_the_standard_says() -> None:
    echo = Echo(identity=0x1234, sequence=1, payload=b"abc")
    assert echo_request(4, echo).hex() == "0800 2168 1234 0001 616263".replace(" ", "")
    assert echo_request(6, echo).hex() == "8000 0000 1234 0001 616263".replace(" ", "")


@given(ECHOES)
def test_the_checksum_of_a_request_adds_up(echo: Echo) -> None:
    packet = echo_request(4, echo) + b"\0" * (len(echo.payload) % 2)
    total = sum(int.from_bytes(packet[at : at + 2]) for at in range(0, len(packet), 2))
    assert total % 0xFFFF == 0


@given(VERSIONS, ECHOES)
def test_a_reply_has_what_the_request_had(version: IPVersion, echo: Echo) -> None:
    request = echo_request(version, echo)
    assert read_reply(version, request) is None
    assert read_reply(version, bytes([{4: 0, 6: 129}[version], 0]) + request[2:]) == echo


@given(VERSIONS, st.binary(max_size=120))
def test_whatever_comes_is_read_or_ignored(version: IPVersion, packet: bytes) -> None:
    for kind in (0, 1, 2, 3, 11, 129):
        read_reply(version, bytes([kind]) + packet)
        read_trouble(version, bytes([kind]) + packet, "somebody")


@pytest.mark.parametrize(
    ("version", "kind", "code", "reason"),
    [
        (4, 3, 1, "connect_unreachable"),
        (4, 3, 4, "echo_too_large"),
        (4, 11, 0, "echo_ttl"),
        (4, 11, 1, None),  # a fragment is missing: another may still come
        (4, 5, 0, None),  # a redirect is the kernel's business
        (6, 1, 0, "connect_unreachable"),
        (6, 2, 0, "echo_too_large"),
        (6, 3, 0, "echo_ttl"),
        (6, 3, 1, None),
    ],
)
def test_an_error_is_about_the_request_that_it_quotes(
    version: IPVersion, kind: int, code: int, reason: str | None
) -> None:
    request = echo_request(version, Echo(identity=7, sequence=9, payload=b"payload"))
    target = ipaddress.ip_address("192.0.2.1" if version == 4 else "2001:db8::1")
    header = bytearray(20 if version == 4 else 40)
    if version == 4:
        header[0], header[9], header[16:20] = 0x45, 1, target.packed
    else:
        header[6], header[24:40] = 58, target.packed
    trouble = read_trouble(version, bytes([kind, code]) + bytes(6) + bytes(header) + request, "192.0.2.254")
    assert (trouble and trouble.reason) == reason
    if trouble:
        assert (trouble.identity, trouble.sequence, trouble.target) == (7, 9, target)
