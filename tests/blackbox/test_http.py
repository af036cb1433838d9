"""The prober `http`."""

import pytest

from tests.blackbox.peers import Pair
from tests.services import StartNginx

MODULES = """
modules:
  http_2xx:
    prober: http
    timeout: 5s
    http: {preferred_ip_protocol: ip4}
  created:
    prober: http
    http:
      preferred_ip_protocol: ip4
      valid_status_codes: [201]
"""

LOCATIONS = """
location / { return 200 'hello'; }
location /created { return 201 'made'; }
location /moved { return 302 /; }
location /gone { return 404; }
"""


@pytest.fixture(scope="module")
def site(nginx: StartNginx) -> str:
    return f"127.0.0.1:{nginx(LOCATIONS).port}"


@pytest.mark.parametrize(
    ("module", "path", "success"),
    [
        ("http_2xx", "/", True),
        ("http_2xx", "/gone", False),
        ("http_2xx", "/moved", True),
        ("created", "/created", True),
        ("created", "/", False),
    ],
)
def test_the_same_is_said_of_a_site(pair: Pair, site: str, module: str, path: str, *, success: bool) -> None:
    pair.ask(module, f"http://{site}{path}").agree(success=success)
