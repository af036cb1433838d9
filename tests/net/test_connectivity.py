"""Our own network gone is unknown, and never bad: tried in network namespaces of the test's own.

The children below run without any network of the machine's; what they would send has nowhere to go.
"""

import json
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from slo.net.connectivity import Connectivity
from tests.services import program

CHECKOUT = Path(__file__).resolve().parent.parent.parent

PROBES = """
import asyncio, json, socket, sys, uvloop
from probes import http, tcp
from slo.core.outcome import Judgement
from slo.net.context import Context
from slo.runner.clock import SteadyClock

listening = socket.create_server(("127.0.0.1", 0)) if "lo" in sys.argv[2] else None

async def main():
    clock = SteadyClock()
    context = Context.default(clock)
    found = {"up": context.connectivity.up()}
    for name, target in json.loads(sys.argv[1]).items():
        if target.startswith("http"):
            check = http.build(http.Config.of(target), context)
        else:
            own = listening.getsockname()[1] if listening else 1
            check = tcp.build(tcp.Config.of(target.replace("OWN", str(own))), context)
        facts = await check.observe(clock.monotonic() + 0.5)
        judgement, = check.judge(facts)
        found[name] = f"{judgement.state} {judgement.reason}"
    await context.close()
    print(json.dumps(found))

uvloop.run(main())
"""

LOOPBACK = "ip link set lo up"
CABLE = (
    "ip link add ours type veth peer name theirs; ip addr add 10.9.0.1/24 dev ours; ip link set ours up;"
    "ip link set theirs up; ip route add default via 10.9.0.2;"
    # A neighbour that does not answer is given up at once rather than after three seconds.
    "echo 1 > /proc/sys/net/ipv4/neigh/ours/mcast_solicit; echo 50 > /proc/sys/net/ipv4/neigh/ours/retrans_time_ms"
)


def in_namespace(setup: str, targets: dict[str, str]) -> dict[str, str | bool]:
    """The judgements of probes of these targets in a namespace of their own that was set up like that."""
    unshare = program("unshare", package="util-linux")
    program("ip", package="iproute2")
    script = f'set -e; {setup or ":"}; exec "$0" -c "$1" "$2" "$3"'
    command = [unshare, "--net", "--mount", "sh", "-c", script, sys.executable, PROBES, json.dumps(targets), setup]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str | bool] = json.loads(done.stdout)
    return found


DOWN = "unknown network_down"
REFUSED = "bad connect_refused"

NETWORKS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "no interface at all": (
        "",
        {
            "an address": ("http://192.0.2.1/", DOWN),
            "an address of six": ("http://[2001:db8::1]/", DOWN),
            "a name": ("http://www.example.org/", DOWN),
            "even the loopback is down": ("127.0.0.1:1", DOWN),
        },
    ),
    "only the loopback": (
        LOOPBACK,
        {
            "an address": ("http://192.0.2.1/", DOWN),
            "a name": ("www.example.org:80", DOWN),
            "this machine refuses": ("127.0.0.1:1", REFUSED),
            "this machine by name refuses": ("http://localhost:1/", REFUSED),
            "this machine answers": ("127.0.0.1:OWN", "good ok"),
        },
    ),
    "a network whose neighbours are silent": (
        f"{LOOPBACK}; {CABLE}",
        {
            "a neighbour": ("10.9.0.9:80", "bad connect_unreachable"),
            "our own address refuses": ("10.9.0.1:1", REFUSED),
            "there is no network of six": ("http://[2001:db8::1]/", DOWN),
        },
    ),
    "the cable is pulled": (
        f"{LOOPBACK}; {CABLE}; ip link set theirs down",
        {
            "an address": ("http://192.0.2.1/", DOWN),
            "a neighbour": ("10.9.0.9:80", DOWN),
            "our own address refuses": ("10.9.0.1:1", REFUSED),
            "this machine refuses": ("127.0.0.1:1", REFUSED),
        },
    ),
    "the default route is gone": (
        f"{LOOPBACK}; {CABLE}; ip route del default",
        {
            "an address": ("http://192.0.2.1/", DOWN),
            "a neighbour": ("10.9.0.9:80", "bad connect_unreachable"),
        },
    ),
    "no local port is left": (
        f"{LOOPBACK}; echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range",
        {"the only one is taken": ("127.0.0.1:OWN", "unknown no_local_port")},
    ),
}


@pytest.mark.parametrize(("setup", "targets"), NETWORKS.values(), ids=NETWORKS.keys())
def test_networks(setup: str, targets: dict[str, tuple[str, str]]) -> None:
    found = in_namespace(setup, {name: target for name, (target, _) in targets.items()})
    up = found.pop("up")
    assert found == {name: expected for name, (_, expected) in targets.items()}
    assert up == ("ip link add" in setup and "down" not in setup)


def test_this_machine_reaches_itself() -> None:
    assert Connectivity().reaches(ip_address("127.0.0.1"))
