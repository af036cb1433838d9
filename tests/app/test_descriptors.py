"""A process takes the descriptors that it may have, and gives its clients a share of them."""

import resource
import subprocess
import sys

import pytest

from slo.app.descriptors import connections_of

TAKES = """
import resource
from slo.app.descriptors import take_all
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 5000))
print(take_all(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 5000
    done = subprocess.run([sys.executable, "-c", TAKES], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "5000 (5000, 5000)\n"


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(64, 256), (1024, 256), (20_000, 5000), (1_048_576, 8192), (2**31, 8192)]
)
def test_clients_get_a_share(descriptors: int, connections: int) -> None:
    assert connections_of(descriptors) == connections
