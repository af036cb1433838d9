"""What a DNS probe takes for good: the response of a real server, and none of what a hostile one may send."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from pydantic import ValidationError

from probes import dns
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import Behaviour, serving
from tests.probes.looking import Seen, look
from tests.services import NameServerTLS, Service, StartNSD, free_port

HUNG_SECONDS = 0.5

ZONE = """
@ MX 10 mail
@ TXT "v=spf1 -all" "second"
@ CAA 0 issue "ca.example"
mail A 192.0.2.2
www A 192.0.2.1
www A 192.0.2.3
www AAAA 2001:db8::1
alias CNAME www
_sip._tcp SRV 1 2 5060 www
naptr NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:a@b!" .
signed DS 1 8 2 abababababababababababababababababababababababababababababababab
key DNSKEY 257 3 8 AwEAAQ==
_443._tcp TLSA 3 1 1 abababababababababababababababababababababababababababababababab
ptr PTR www
""" + "".join(f"big A 10.0.0.{number}\n" for number in range(1, 41))

Keys = Mapping[str, Any]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server(nsd: StartNSD, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return nsd(ZONE)


def asked(port: int, name: str, kind: str = "A", **keys: Any) -> dict[str, Any]:
    return {"target": f"127.0.0.1:{port}", "question": {"name": name, "type": kind}, **keys}


# A real server

TYPES = {
    "A": ("www.example.org", r"^www\.example\.org\.\t300\tIN\tA\t192\.0\.2\.[13]$"),
    "AAAA": ("www.example.org.", r"\tAAAA\t2001:db8::1$"),
    "CNAME": ("alias.example.org", r"^alias\.example\.org\.\t300\tIN\tCNAME\twww\.example\.org\.$"),
    "MX": ("example.org", r"\tMX\t10 mail\.example\.org\.$"),
    "NS": ("example.org", r"\tNS\tns\.example\.org\.$"),
    "SOA": ("example.org", r"\tSOA\tns\.example\.org\. hostmaster\.example\.org\. 2026112601 3600 600 86400 60$"),
    "SRV": ("_sip._tcp.example.org", r"\tSRV\t1 2 5060 www\.example\.org\.$"),
    "TXT": ("example.org", r'\tTXT\t"v=spf1 -all" "second"$'),
    "CAA": ("example.org", r'\tCAA\t0 issue "ca\.example"$'),
    "PTR": ("ptr.example.org", r"\tPTR\twww\.example\.org\.$"),
    "NAPTR": ("naptr.example.org", r'\tNAPTR\t100 10 "u" "sip\+E2U" "!\^\.\*\$!sip:a@b!" \.$'),
    "DS": ("signed.example.org", r"\tDS\t1 8 2 (AB){32}$"),
    "DNSKEY": ("key.example.org", r"\tDNSKEY\t257 3 8 AwEAAQ==$"),
    "TLSA": ("_443._tcp.example.org", r"\tTLSA\t3 1 1 (ab){32}$"),
    "ANY": ("www.example.org", r"192\.0\.2\.|2001:db8"),
}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("kind", TYPES)
async def test_records_of_every_common_type_are_matched_as_text(server: Service, kind: str, transport: str) -> None:
    name, pattern = TYPES[kind]
    expect = {"answer": {"all": [pattern]}}
    seen = await look(dns, asked(server.port, name, kind, transport=transport, expect=expect))
    assert (seen.reason, seen.judgement.detail) == ("ok", "")
    assert list(seen.judgement.phases) == ["connect", "request"]


RULES: dict[str, tuple[str, Keys, str]] = {
    "nothing is expected": ("www", {}, ""),
    "all match": ("www", {"all": ["IN", "192"]}, ""),
    "not all match": ("www", {"all": [r"\.1$"]}, "192.0.2.3' does not match"),
    "all of nothing": ("nothing", {"all": ["."]}, "there is no record"),
    "all of what there is": ("www", {"all_if_any": ["192"]}, ""),
    "not all of what there is": ("www", {"all_if_any": [r"\.1$"]}, "does not match"),
    "all of what there is not": ("nothing", {"all_if_any": ["."]}, ""),
    "some match": ("www", {"any": ["no", r"\.1$"]}, ""),
    "none of these matches": (
        "www",
        {"any": ["no", "never"]},
        "no record matches 'no' or 'never'; the first is 'www.example.org.",
    ),
    "some of nothing": ("nothing", {"any": ["."]}, "there is no record"),
    "none matches": ("www", {"none": ["no"]}, ""),
    "one matches": ("www", {"none": ["no", r"\.1$"]}, "192.0.2.1' matches"),
    "none of nothing": ("nothing", {"none": ["."]}, ""),
}


@pytest.mark.parametrize(("name", "rules", "problem"), RULES.values(), ids=RULES.keys())
async def test_rules(server: Service, name: str, rules: Keys, problem: str) -> None:
    config = asked(server.port, f"{name}.example.org", expect={"rcodes": ["NOERROR", "NXDOMAIN"], "answer": rules})
    seen = await look(dns, config)
    assert seen.reason == ("dns_records" if problem else "ok")
    assert problem in seen.judgement.detail


async def test_each_section_has_rules_of_its_own(server: Service) -> None:
    rules = {"answer": {"all": ["MX"]}, "authority": {"all": ["NS"]}, "additional": {"any": [r"mail.*192\.0\.2\.2"]}}
    assert (await look(dns, asked(server.port, "example.org", "MX", expect=rules))).reason == "ok"
    for section in rules:
        seen = await look(dns, asked(server.port, "example.org", "MX", expect={section: {"none": ["."]}}))
        assert (seen.reason, seen.judgement.detail.split(":")[0]) == ("dns_records", section)


async def test_response_codes(server: Service) -> None:
    unknown = asked(server.port, "nobody.example.org")
    seen = await look(dns, unknown)
    assert (seen.reason, seen.judgement.detail) == ("dns_rcode", "NXDOMAIN, not NOERROR")
    assert (await look(dns, unknown | {"expect": {"rcodes": ["NXDOMAIN"]}})).reason == "ok"
    refused = asked(server.port, "www.example.net", expect={"rcodes": ["REFUSED"]})
    assert (await look(dns, refused)).reason == "ok"
    assert (await look(dns, refused | {"question": {"name": "www.example.org"}})).reason == "dns_rcode"


async def test_a_class_and_a_name_of_the_server_itself(server: Service) -> None:
    question = {"name": "version.server.", "type": "TXT", "class": "CH"}
    expect = {"answer": {"all": [r"\tCH\tTXT\t"]}}
    seen = await look(dns, {"target": f"[::1]:{server.port}", "question": question, "expect": expect})
    assert seen.reason == "ok", seen.judgement.detail
    assert seen.value("probe_ip_protocol") == 6


async def test_a_response_that_does_not_fit_is_looked_at_as_it_is(server: Service) -> None:
    rules = {"answer": {"any": [r"10\.0\.0\.40"]}}
    cut = await look(dns, asked(server.port, "big.example.org", expect=rules))
    assert (cut.reason, "the response was truncated" in cut.judgement.detail) == ("dns_records", True)
    whole = await look(dns, asked(server.port, "big.example.org", transport="tcp", expect=rules))
    assert (whole.reason, whole.value("probe_dns_answer_rrs")) == ("ok", 40)
    assert whole.findings["response"].startswith("NOERROR, records: 40 answer, ")
    assert whole.findings["answer"] == "and 35 more"


async def test_dns_over_tls(nsd: StartNSD, authority: trustme.CA, tmp_path: Path) -> None:
    issued, pem = authority.issue_cert("localhost"), tmp_path / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secure = NameServerTLS(port=free_port(), certificate=pem, key=pem)
    nsd("", tls=secure)
    config = asked(secure.port, "example.org", "SOA", transport="tls", ip_protocol="ip4")
    config |= {"target": f"localhost:{secure.port}", "tls": {"ca_file": str(tmp_path / "ca.pem")}}
    seen = await look(dns, config)
    assert (seen.reason, list(seen.judgement.phases)) == ("ok", ["resolve", "connect", "tls", "request"])
    phases = {sample.labels["phase"] for sample in seen.samples if sample.name == "probe_dns_duration_seconds"}
    assert phases == {"resolve", "connect", "request"}
    assert (await look(dns, config | {"tls": {}})).reason == "tls_verify"


async def test_samples_of_a_response(server: Service) -> None:
    seen = await look(dns, asked(server.port, "example.org", "SOA"))
    values = {sample.name: sample.value for sample in seen.samples if not sample.labels}
    assert values["probe_dns_serial"] == 2026112601
    assert {name: values[f"probe_dns_{name}"] for name in ("answer_rrs", "authority_rrs", "additional_rrs")} == {
        "answer_rrs": 1,
        "authority_rrs": 1,
        "additional_rrs": 2,
    }
    assert values["probe_dns_query_succeeded"] == 1
    assert (await look(dns, asked(server.port, "example.org", "NS"))).value("probe_dns_serial") is None


async def test_samples_without_a_response() -> None:
    seen = await look(dns, asked(free_port(), "example.org", "SOA"))
    assert seen.reason == "connect_refused"
    assert (seen.value("probe_dns_query_succeeded"), seen.value("probe_dns_answer_rrs")) == (0, 0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_source_of_a_question_can_be_chosen(server: Service, transport: str) -> None:
    config = asked(server.port, "www.example.org", transport=transport)
    assert (await look(dns, config | {"source_address": "127.0.0.9"})).reason == "ok"
    for foreign in ("192.0.2.77", "::1"):
        seen = await look(dns, config | {"source_address": foreign})
        assert (seen.reason, foreign in seen.judgement.detail) == ("no_source_address", True)


async def test_the_other_protocol_is_tried_where_nothing_listens() -> None:
    async with answering_by_udp(lambda request: [response(request)]) as port:
        config = asked(port, "www.example.org") | {"target": f"localhost:{port}"}
        assert (await look(dns, config)).reason == "ok"
        assert (await look(dns, config | {"ip_protocol_fallback": False})).reason == "connect_refused"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_server_that_stands_still(nsd: StartNSD, transport: str) -> None:
    server = nsd("")
    workers = [server.pid, *children(server.pid)]
    for process in workers:
        os.kill(process, signal.SIGSTOP)
    try:
        seen = await look(dns, asked(server.port, "example.org", transport=transport), timeout_seconds=HUNG_SECONDS)
    finally:
        for process in workers:
            os.kill(process, signal.SIGCONT)
    assert (seen.reason, list(seen.judgement.phases)) == ("response_timeout", ["connect", "request"])
    again = await look(dns, asked(server.port, "ns.example.org", transport=transport))
    assert again.reason == "ok"


def children(process: int) -> list[int]:
    """The processes that it started, and those that they did."""
    own = [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return [*own, *(below for child in own for below in children(child))]


# Hostile servers

Answers = Callable[[bytes], Sequence[bytes]]

FOREIGN = bytes([0, 0])


def response(request: bytes, *, answer: bytes = b"", count: int = 0, flags: int = 0x8180) -> bytes:
    """A response to this request, with these records."""
    return request[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + request[12:] + answer


def other_id(request: bytes) -> bytes:
    return bytes([request[0] ^ 0xFF]) + response(request)[1:]


def record(name: bytes, data: bytes, kind: int = 1) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


class _Hostile(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        assert self._transport is not None
        for answer in self._answers(data):
            self._transport.sendto(answer, peer)


@contextlib.asynccontextmanager
async def answering_by_udp(answers: Answers) -> AsyncIterator[int]:
    """A server that answers like that; gives its port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Hostile(answers), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


POINTER_TO_ITSELF = b"\xc0\x21"  # behind the question www.example.org

UNLIKE: dict[str, Callable[[bytes], bytes]] = {
    "one byte": lambda request: request[:1],
    "garbage": lambda request: b"\xff" * 40,
    "garbage behind the id": lambda request: request[:2] + b"\xff" * 40,
    "the wrong id": other_id,
    "the question itself": lambda request: request,
    "another question": lambda request: response(request).replace(b"\3www", b"\3xyz"),
    "no question": lambda request: request[:2] + struct.pack("!HHHHH", 0x8180, 0, 0, 0, 0),
    "fewer records than it says": lambda request: response(request, count=3),
    "half a record": lambda request: response(request, answer=record(b"\xc0\x0c", b"1234")[:-2], count=1),
    "more records than anybody has": lambda request: response(request, count=60_000),
    "a name that points at itself": lambda request: response(request, answer=record(POINTER_TO_ITSELF, b""), count=1),
    "a name that points onward": lambda request: response(request, answer=record(b"\xc0\xff", b""), count=1),
    "a label of a kind that is not": lambda request: response(request, answer=record(b"\x80a\0", b""), count=1),
    "more than was asked for": lambda request: response(request) + bytes(600),
    "another opcode": lambda request: response(request, flags=0xA180),
}


@pytest.mark.parametrize("unlike", UNLIKE.values(), ids=UNLIKE.keys())
async def test_what_is_no_response_is_dropped_over_udp(unlike: Callable[[bytes], bytes]) -> None:
    async with answering_by_udp(lambda request: [unlike(request), unlike(request), response(request)]) as port:
        assert (await look(dns, asked(port, "www.example.org"))).reason == "ok"
    async with answering_by_udp(lambda request: [unlike(request)]) as port:
        seen = await look(dns, asked(port, "www.example.org"), timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, seen.judgement.detail[:9]) == ("dns_malformed", "1 dropped")
    assert seen.value("probe_dns_query_succeeded") == 0


async def test_a_server_that_is_silent() -> None:
    async with answering_by_udp(lambda request: []) as port:
        seen = await look(dns, asked(port, "www.example.org"), timeout_seconds=HUNG_SECONDS)
    assert (seen.reason, list(seen.judgement.phases)) == ("response_timeout", ["connect", "request"])


async def test_who_is_not_asked_is_not_heard() -> None:
    def forge(request: bytes) -> Sequence[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(response(request), peers[-1])
        return []

    class Seeing(_Hostile):
        def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
            peers.append(peer)
            super().datagram_received(data, peer)

    peers: list[tuple[str, int]] = []
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Seeing(forge), local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    seen = await look(dns, asked(port, "www.example.org"), timeout_seconds=HUNG_SECONDS)
    transport.close()
    assert (seen.reason, len(peers)) == ("response_timeout", 1)


async def test_a_flood_does_not_delay_the_outcome_or_anybody_else() -> None:
    """The flood comes from another loop, in a thread: it never leaves the socket empty."""
    flooding = asyncio.Event()

    def flood(server: socket.socket) -> None:
        request, peer = server.recvfrom(1000)
        while not flooding.is_set():
            with contextlib.suppress(OSError):
                server.sendto(other_id(request), peer)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = asyncio.create_task(asyncio.to_thread(flood, server))
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        config = asked(server.getsockname()[1], "www.example.org")
        seen = await look(dns, config, timeout_seconds=HUNG_SECONDS)
        flooding.set()
        counting.cancel()
        await thread
    dropped = int(seen.judgement.detail.split()[0])
    assert seen.reason == "dns_malformed"
    assert dropped > 10
    assert turns >= dropped


# Over a connection it is the server who says it


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2) + message


def saying(answer: Callable[[bytes], bytes], *, then_hang: bool = True) -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        for byte in answer(request)[:40]:  # in pieces
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(answer(request)[40:])
        await writer.drain()
        if then_hang:
            await asyncio.Event().wait()
        writer.close()
        await writer.wait_closed()

    return behave


async def by_tcp(behaviour: Behaviour, timeout_seconds: float = 10.0) -> Seen:
    async with serving(behaviour) as port:
        return await look(dns, asked(port, "www.example.org", transport="tcp"), timeout_seconds=timeout_seconds)


@pytest.mark.parametrize("unlike", UNLIKE.values(), ids=UNLIKE.keys())
async def test_what_is_no_response_is_a_fault_over_tcp(unlike: Callable[[bytes], bytes]) -> None:
    expected = "ok" if unlike is UNLIKE["more than was asked for"] else "dns_malformed"  # junk behind it hurts nobody
    assert (await by_tcp(saying(lambda request: framed(unlike(request))))).reason == expected


CONVERSATIONS: dict[str, tuple[Behaviour, str]] = {
    "a response": (saying(lambda request: framed(response(request))), "ok"),
    "a response, and it hangs up": (saying(lambda request: framed(response(request)), then_hang=False), "ok"),
    "a response, and another": (saying(lambda request: framed(response(request)) * 9), "ok"),
    "an empty message": (saying(lambda request: framed(b"")), "dns_malformed"),
    "nothing is said": (hostile.silent, "response_timeout"),
    "half a length": (saying(lambda request: b"\0"), "response_timeout"),
    "half a message": (saying(lambda request: framed(response(request))[:-1]), "response_timeout"),
    "it hangs up": (saying(lambda request: b"", then_hang=False), "response_closed"),
    "it hangs up in the middle": (saying(lambda r: framed(response(r))[:-1], then_hang=False), "response_closed"),
    "it resets": (hostile.resetting_at_once, "response_reset"),
    "the largest message that is": (saying(lambda r: framed(response(r) + bytes(65_000))), "ok"),
}


@pytest.mark.parametrize(("behaviour", "reason"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
async def test_conversations(behaviour: Behaviour, reason: str) -> None:
    seen = await by_tcp(behaviour, HUNG_SECONDS if reason.endswith("timeout") else 10.0)
    assert seen.reason == reason, seen.judgement.detail


async def test_many_records_with_long_names_that_point_at_one_another_are_read() -> None:
    def bomb(request: bytes) -> bytes:
        long = b"\1a" * 120 + b"\0"
        start = struct.pack("!H", 0xC000 | len(response(request)))
        answer = record(long, b"1234") + record(start, start, kind=5) * 1999
        return framed(response(request, answer=answer, count=2000))

    async with serving(saying(bomb)) as port:
        config = asked(port, "www.example.org", transport="tcp", expect={"answer": {"all": ["a"]}})
        seen = await look(dns, config)
    assert (seen.reason, seen.value("probe_dns_answer_rrs")) == ("ok", 2000)


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"question": {"name": "a..b"}}, "cannot be asked for"),
        ({"question": {"name": "a" * 64}}, "cannot be asked for"),
        ({"question": {"name": "a", "type": "AAAAA"}}, "'AAAAA' is no type of records, write it as A, MX or TYPE65280"),
        ({"question": {"name": "a", "class": "INN"}}, "'INN' is no class of records, write IN, CH or HS"),
        ({"expect": {"rcodes": ["NXDOMAN"]}}, "'NXDOMAN' is no response code, write it as NOERROR or NXDOMAIN"),
        ({"expect": {"answer": {"all": ["("]}}}, "missing )"),
        ({"target": "a b"}, "'a b' is no host, with or without a port, write ns.example or [::1]:53"),
        ({"source_address": "localhost"}, "'localhost' is no IP address"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Keys, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        dns.Config.model_validate({"target": "localhost", "question": {"name": "a"}, **config})
    assert message in str(raised.value)


def test_a_configured_probe_can_be_aimed_at_another_server() -> None:
    config = dns.Config.model_validate({"target": "ns", "question": {"name": "a", "class": "CH"}, "transport": "tls"})
    other = config.aimed_at("[::1]:53")
    assert (str(other.target), other.question, other.transport) == ("[::1]:53", config.question, "tls")


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    config = dns.Config.model_validate({"target": "127.0.0.1", "question": {"name": "a"}})
    probe = dns.build(config, Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
