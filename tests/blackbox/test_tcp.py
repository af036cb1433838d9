"""The prober `tcp`."""

from tests.blackbox.peers import Pair
from tests.services import StartNginx, free_port

MODULES = """
modules:
  tcp_connect:
    prober: tcp
    timeout: 2s
    tcp: {preferred_ip_protocol: ip4}
"""


def test_a_port_that_is_open_and_one_that_is_not(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("tcp_connect", f"127.0.0.1:{nginx('').port}").agree(success=True)
    pair.ask("tcp_connect", f"127.0.0.1:{free_port()}").agree(success=False)
