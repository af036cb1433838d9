"""What is configured is permitted; a redirect leads into no closed quarter."""

from ipaddress import ip_address

import pytest

from slo.net.guard import Guard

PUBLIC, PRIVATE, LOOPBACK, METADATA = "192.0.2.1", "10.0.0.1", "127.0.0.1", "169.254.169.254"


@pytest.mark.parametrize("address", [PUBLIC, PRIVATE, LOOPBACK, METADATA, "::1", "fe80::1", "0.0.0.0"])
def test_the_target_itself_is_permitted(address: str) -> None:
    assert Guard().permits(ip_address(address), redirected_from=None)


@pytest.mark.parametrize(
    ("source", "destination", "permitted"),
    [
        (PUBLIC, PUBLIC, True),
        (PUBLIC, PRIVATE, True),
        (PUBLIC, LOOPBACK, False),
        (PUBLIC, "127.8.8.8", False),
        (PUBLIC, "0.0.0.0", False),
        (PUBLIC, "::", False),
        (PUBLIC, "::1", False),
        (PUBLIC, "::ffff:127.0.0.1", False),
        (PUBLIC, METADATA, False),
        (PUBLIC, "fe80::1%eth0", False),
        (PUBLIC, "fd00:ec2::254", False),
        (PRIVATE, METADATA, False),
        (LOOPBACK, "::1", True),
        (LOOPBACK, PUBLIC, True),
        (LOOPBACK, METADATA, False),
        (METADATA, METADATA, True),
        (METADATA, LOOPBACK, False),
    ],
)
def test_a_redirect(source: str, destination: str, *, permitted: bool) -> None:
    assert Guard().permits(ip_address(destination), redirected_from=ip_address(source)) == permitted
