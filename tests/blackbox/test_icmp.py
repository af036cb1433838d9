"""The prober `icmp`, on this machine alone: the exporter runs where the tests run."""

import pytest

from tests.blackbox.peers import Pair

MODULES = """
modules:
  usual:
    prober: icmp
    timeout: 5s
  ip4:
    prober: icmp
    icmp: {preferred_ip_protocol: ip4, ip_protocol_fallback: false}
  large:
    prober: icmp
    icmp: {payload_size: 3000, ttl: 1}
  in_one_piece:
    prober: icmp
    icmp: {payload_size: 1400, dont_fragment: true}
  from_elsewhere:
    prober: icmp
    icmp: {source_ip_address: 127.0.0.9, preferred_ip_protocol: ip4}
  from_nowhere:
    prober: icmp
    timeout: 1s
    icmp: {source_ip_address: 203.0.113.9, preferred_ip_protocol: ip4}
  soon:
    prober: icmp
    timeout: 500ms
"""


@pytest.mark.parametrize("target", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("module", ["usual", "large", "in_one_piece"])
def test_the_same_is_said_of_a_host_that_replies(pair: Pair, module: str, target: str) -> None:
    pair.ask(module, target).agree(success=True)


def test_a_name(pair: Pair) -> None:
    pair.ask("ip4", "localhost").agree(success=True)


def test_a_source_address(pair: Pair) -> None:
    pair.ask("from_elsewhere", "127.0.0.1").agree(success=True)


def test_a_source_address_of_nobody_is_no_fault_of_the_target(pair: Pair) -> None:
    both = pair.ask("from_nowhere", "127.0.0.1")
    assert both.theirs.value("probe_success") == 0
    assert (both.ours.status, "no_source_address" in both.ours.text) == (503, True)


def test_a_host_that_does_not_reply(pair: Pair) -> None:
    pair.ask("soon", "240.0.0.1").agree(success=False)
