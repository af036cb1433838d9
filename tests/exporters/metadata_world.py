"""A machine in a cloud, for a network namespace of its own: its metadata service counts who connects to it.

`python -m tests.exporters.metadata_world CONFIG` asks `/probe` for every way to the metadata service that an attacker
has, by the modules and the guard of that configuration, and prints what became of each.
"""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import uvloop

from exporters.probing import Asked
from slo.app.probing import Probing
from slo.config.load import load
from slo.kinds import Kinds
from slo.net.context import Context
from slo.net.resolve import Resolver
from slo.runner.clock import SteadyClock
from tests.net import dns

METADATA = {"169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1"}

EMBEDDED = (
    *("[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::1]"),
    *("[2001:0:c000:201::5601:5601]", "[fd00::5efe:a9fe:a9fe]", "[::ffff:0:a9fe:a9fe]"),
)
"""Addresses that only a gateway or a tunnel would lead there, which this machine has none of."""

SETUP = "ip link set lo up; ip addr add 169.254.169.254/32 dev lo; ip addr add fd00:ec2::254/128 dev lo nodad"
"""What makes a namespace such a machine."""

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ns3cret"


class RebindingServer(dns.NameServer):
    """Answers for `metadata` and `mapped` where they are, and for `rebind` with this machine first and then not."""

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        asked = self.asked[("rebind.test", dns.A)]
        dns.ADDRESSES["rebind"] = {dns.A: "127.0.0.1" if asked % 2 == 0 else "169.254.169.254"}
        super().datagram_received(data, peer)


async def main(config: Path) -> None:
    """Ask for everything, and print outcomes and connections as JSON."""
    dns.ADDRESSES["metadata"] = {dns.A: "169.254.169.254"}
    dns.ADDRESSES["mapped"] = {dns.AAAA: "::ffff:169.254.169.254"}
    dns.ADDRESSES["beside"] = {dns.A: "169.254.169.254", dns.AAAA: "::1"}
    dns.TTL_SECONDS = 0
    connected: Counter[str] = Counter()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = ip_address(writer.get_extra_info("sockname")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        connected[str(mapped or address)] += 1
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1]
        if path.startswith(b"/to/"):
            place = path.removeprefix(b"/to/")
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(answer, "::", 0)
    four = await asyncio.start_server(answer, "0.0.0.0", port := server.sockets[0].getsockname()[1])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(RebindingServer, local_addr=("127.0.0.1", 0))
    resolver = Resolver([f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"])
    clock, kinds = SteadyClock(), Kinds.installed()
    context = replace(Context.default(clock), resolver=resolver)
    probing = Probing(kinds, context)
    probing.configure(load(config, kinds, {}))
    found: dict[str, str] = {}
    for module, target in targets(port):
        made = await probing.probe(Asked(module=module, target=target), 5.0)
        found[f"{module} {target.replace(str(port), 'PORT')}"] = made.outcome.reason
    sys.stdout.write(json.dumps({"found": found, "connected": connected}))
    transport.close()
    server.close()
    four.close()
    await context.close()


def targets(port: int) -> list[tuple[str, str]]:
    """Every way to the metadata service: module and target."""
    hosts = [
        *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.254.169.254."),
        *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"),
        *("metadata.test", "mapped.test", "beside.test"),
    ]
    direct = [("http", f"http://{host}:{port}/") for host in (*hosts, *EMBEDDED, "user:secret@169.254.169.254")]
    over_tcp = [("tcp", f"{host}:{port}") for host in (*hosts, *EMBEDDED)]
    redirected = [("http", f"http://127.0.0.1:{port}/to/http://{host}:{port}/") for host in (*hosts, *EMBEDDED)]
    twice = [("http", f"http://127.0.0.1:{port}/to/http://localhost:{port}/to/http://169.254.169.254:{port}/")]
    rebinding = [("http", f"http://rebind.test:{port}/to/http://rebind.test:{port}/")]
    return [*direct, *over_tcp, *redirected, *twice, *rebinding]


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
