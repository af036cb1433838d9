"""What is configured is permitted, what others choose within its reach; a redirect leads into no closed quarter."""

from ipaddress import ip_address, ip_network

import pytest

from slo.net.guard import Guard, Reach

PUBLIC, PRIVATE, LOOPBACK, METADATA = "192.0.2.1", "10.0.0.1", "127.0.0.1", "169.254.169.254"


@pytest.mark.parametrize("address", [PUBLIC, PRIVATE, LOOPBACK, METADATA, "::1", "fe80::1", "0.0.0.0"])
def test_the_target_itself_is_permitted(address: str) -> None:
    assert not Guard().address_refusal(ip_address(address), redirected_from=None)
    assert not Guard().host_refusal(address, "http")


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
    refusal = Guard().address_refusal(ip_address(destination), redirected_from=ip_address(source))
    assert (not refusal) == permitted


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        (PUBLIC, True),
        (LOOPBACK, True),
        (METADATA, False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:a9fe:a9fe::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
    ],
)
def test_a_target_that_somebody_else_chose_lies_in_no_closed_network(address: str, *, permitted: bool) -> None:
    assert (not Guard(Reach()).address_refusal(ip_address(address), redirected_from=None)) == permitted


@pytest.mark.parametrize(
    ("reach", "scheme", "host", "address", "permitted"),
    [
        (Reach(hosts=("*.acme.example",)), "http", "api.acme.example", PUBLIC, True),
        (Reach(hosts=("*.acme.example",)), "http", "API.Acme.example.", PUBLIC, True),
        (Reach(hosts=("*.acme.example",)), "http", "acme.example", PUBLIC, False),
        (Reach(hosts=("*.acme.example",)), "http", "evilacme.example", PUBLIC, False),
        (Reach(hosts=("acme.example",)), "http", "acme.example", PUBLIC, True),
        (Reach(schemes=("https",)), "http", "acme.example", PUBLIC, False),
        (Reach(schemes=("https",)), "https", "acme.example", PUBLIC, True),
        (Reach(networks=(ip_network("10.0.0.0/8"),)), "tcp", "acme.example", PRIVATE, True),
        (Reach(networks=(ip_network("10.0.0.0/8"),)), "tcp", "acme.example", "::ffff:10.0.0.1", True),
        (Reach(networks=(ip_network("10.0.0.0/8"),)), "tcp", "acme.example", PUBLIC, False),
        (Reach(networks=(ip_network("0.0.0.0/0"),)), "tcp", "acme.example", METADATA, False),
        (Reach(denied=()), "http", "metadata", METADATA, True),
    ],
)
def test_a_target_that_somebody_else_chose_lies_within_reach(
    reach: Reach, scheme: str, host: str, address: str, *, permitted: bool
) -> None:
    guard = Guard(reach)
    refusal = guard.host_refusal(host, scheme) or guard.address_refusal(ip_address(address), redirected_from=None)
    assert (not refusal) == permitted


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        (PRIVATE, True),
        ("10.0.0.2", False),
        (LOOPBACK, False),
        (METADATA, False),
        (f"::ffff:{PRIVATE}", False),
        (f"64:ff9b::{PRIVATE}", False),
        ("fd00::1", False),
    ],
)
@pytest.mark.parametrize("redirected_from", [None, PRIVATE])
def test_what_was_found_at_an_address_is_there_and_nowhere_else(
    address: str, redirected_from: str | None, *, permitted: bool
) -> None:
    guard = Guard(Reach(only=ip_address(PRIVATE)))
    source = ip_address(redirected_from) if redirected_from else None
    assert (not guard.address_refusal(ip_address(address), redirected_from=source)) == permitted


def test_where_something_was_found_is_no_reason_to_ask_what_must_not_be() -> None:
    denied = Reach(only=ip_address(PRIVATE), denied=(ip_network("10.0.0.0/8"),))
    others = Reach(only=ip_address(PRIVATE), networks=(ip_network("192.0.2.0/24"),))
    for reach in (denied, others, Reach(only=ip_address(METADATA))):
        assert Guard(reach).address_refusal(reach.only or ip_address(PRIVATE), redirected_from=None)
