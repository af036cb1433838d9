"""Hosts with and without a port are read in every way that people write them."""

import pytest

from slo.config.hosts import HostMaybePort


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("ns.example", "ns.example", None),
        ("ns.example:5353", "ns.example", 5353),
        ("192.0.2.1", "192.0.2.1", None),
        ("192.0.2.1:53", "192.0.2.1", 53),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:DB8::1]:53", "2001:DB8::1", 53),
        ("fe80::1%eth0", "fe80::1%eth0", None),
    ],
)
def test_what_is_a_host(text: str, host: str, port: int | None) -> None:
    assert HostMaybePort.parse(text) == HostMaybePort(host, port)


@pytest.mark.parametrize("text", ["", "a b", "a:0", "a:65536", "a:b", "[::1", "::1]", "http://a", "a/b", "u@a", ":53"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        HostMaybePort.parse(text)
