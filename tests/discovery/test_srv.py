"""SRV records become targets; a server that fails leaves those that were there."""

from dataclasses import replace

import pytest

from slo.discovery.srv import Config, SRVDiscovery, build
from slo.net.context import Context
from slo.net.resolve import Resolver
from slo.runner.clock import SteadyClock
from tests.discovery.following import following
from tests.services import StartNSD

ZONE = """_https._tcp.shop 7 SRV 0 0 8443 one.shop
_https._tcp.shop 9 SRV 1 0 443 two
_db._tcp.shop 1 SRV 0 0 3306 three
nothing TXT "no service"
"""


def discovery(port: int, *names: str, **keys: object) -> SRVDiscovery:
    context = replace(Context.default(SteadyClock()), resolver=Resolver([f"127.0.0.1:{port}"]))
    return build(Config.model_validate({"names": [*names], **keys}), context)


async def test_hosts_and_ports_of_all_names(nsd: StartNSD) -> None:
    made = discovery(nsd(ZONE).port, "_https._tcp.shop.example.org", "_db._tcp.shop.example.org")
    async with following(made) as followed:
        await followed.again()
        assert followed.addresses == ["one.shop.example.org:8443", "three.example.org:3306", "two.example.org:443"]
    assert made._pause == 5.0


@pytest.mark.parametrize("name", ["gone.example.org", "nothing.example.org"])
async def test_a_name_without_such_records_leads_nowhere(nsd: StartNSD, name: str) -> None:
    async with following(discovery(nsd(ZONE).port, name)) as followed:
        await followed.again()
        assert (followed.addresses, followed.faults) == ([], [])


async def test_a_server_that_fails_leaves_the_last_targets(nsd: StartNSD) -> None:
    service = nsd(ZONE)
    made = discovery(service.port, "_https._tcp.shop.example.org", refresh_interval="100ms")
    async with following(made) as followed:
        await followed.again()
        service.stop()
        await followed.until(lambda it: bool(it.faults))
        assert followed.addresses == ["one.shop.example.org:8443", "two.example.org:443"]
        assert set(followed.reasons) <= {"resolver_down", "timeout"}


async def test_a_name_that_cannot_be_asked_for_hides_no_other(nsd: StartNSD) -> None:
    names = ("_https._tcp.shop.example.org", "refused.example.com")
    async with following(discovery(nsd(ZONE).port, *names, refresh_interval="100ms")) as followed:
        await followed.until(lambda it: it.found is not None and bool(it.faults))
        assert followed.addresses == ["one.shop.example.org:8443", "two.example.org:443"]
