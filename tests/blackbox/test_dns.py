"""The prober `dns`, with a real name server."""

import json
import re
import socket
from collections.abc import Mapping

import pytest
import trustme

from slo.net.dns_message import Query
from slo.net.framed import framed
from tests.blackbox.peers import Pair
from tests.services import NameServerTLS, Service, StartNSD, free_port

ZONE = r"""
@ MX 10 mail
@ TXT "v=spf1 -all" "second \"part\" \\ \200"
@ CAA 0 issue "ca.example; account=1"
mail A 192.0.2.2
www A 192.0.2.1
www A 192.0.2.3
www AAAA 2001:db8::1
alias CNAME www
_sip._tcp SRV 1 2 5060 www
naptr NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:a@b!" .
signed DS 1 8 2 abababababababababababababababababababababababababababababababab
key DNSKEY 257 3 8 AwEAAaAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
_443._tcp TLSA 3 1 1 abababababababababababababababababababababababababababababababab
ssh SSHFP 1 1 abababababababababababababababababababab
ptr PTR www
other DNAME example.net.
machine HINFO "i386" "linux 6"
place LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
place LOC 10 2 3.500 S 114 53 32.123 W 3.14m 1m 100m 20m
cert CERT PKIX 1 RSASHA256 AAAA
uri TYPE256 \# 16 000a0001687474703a2f2f612f6220
people RP a.example.org. b.example.org.
smime TYPE53 \# 5 0300000aff
spf SPF "v=spf1"
unknown TYPE65534 \# 2 aabb
web TYPE65 \# 20 0001000001000302683200020000000300020050
odd\.label\032x A 192.0.2.9
next NSEC a.example.org. A MX RRSIG TYPE1234
hashed NSEC3PARAM 1 0 10 aabb
sig RRSIG A 8 2 300 20300101000000 20200101000000 1234 example.org. AAAA
address EUI48 00-11-22-33-44-55
""" + "".join(f"big A 10.0.0.{number}\n" for number in range(1, 41))

QUESTIONS = [
    ("@", "MX"),
    ("@", "TXT"),
    ("@", "CAA"),
    ("@", "NS"),
    ("@", "SOA"),
    ("@", "ANY"),
    ("www", "A"),
    ("www", "AAAA"),
    ("alias", "A"),
    ("_sip._tcp", "SRV"),
    ("naptr", "NAPTR"),
    ("signed", "DS"),
    ("key", "DNSKEY"),
    ("_443._tcp", "TLSA"),
    ("ssh", "SSHFP"),
    ("ptr", "PTR"),
    ("other", "DNAME"),
    ("machine", "HINFO"),
    ("place", "LOC"),
    ("cert", "CERT"),
    ("uri", "URI"),
    ("people", "RP"),
    ("smime", "SMIMEA"),
    ("spf", "SPF"),
    ("unknown", "ANY"),
    ("web", "HTTPS"),
    (r"odd\.label\032x", "A"),
    ("next", "NSEC"),
    ("hashed", "NSEC3PARAM"),
    ("sig", "RRSIG"),
    ("address", "EUI48"),
    ("big", "A"),
]

RULES = {
    "none": {},
    "matches": {"fail_if_matches_regexp": ["192"]},
    "matches_not": {"fail_if_matches_regexp": ["no"]},
    "all_match": {"fail_if_all_match_regexp": ["192"]},
    "all_match_not": {"fail_if_all_match_regexp": [r"\.1$"]},
    "not_matches": {"fail_if_not_matches_regexp": [r"\.1$"]},
    "not_matches_not": {"fail_if_not_matches_regexp": ["192", "IN"]},
    "none_matches": {"fail_if_none_matches_regexp": ["no", "never"]},
    "none_matches_not": {"fail_if_none_matches_regexp": ["no", r"\.1$"]},
}
"""Each rule of a section, where it fails and where it does not."""

GOOD_OF_TWO = {"none", "matches_not", "all_match", "not_matches_not", "none_matches_not"}
GOOD_OF_NOTHING = {"none", "matches", "matches_not", "all_match", "all_match_not"}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> NameServerTLS:
    """Where the name server speaks TLS. The authority of its certificate is beside that."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return NameServerTLS(port=free_port(), certificate=folder / "server.pem", key=folder / "server.pem")


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - it is what the fixture `pair` looks for
    secure: NameServerTLS = request.getfixturevalue("secure")
    modules: dict[str, Mapping[str, object]] = {
        f"{kind}{number}": {"query_name": name.replace("@", "example.org"), "query_type": kind}
        for number, (name, kind) in enumerate((f"{n}.example.org" if n != "@" else n, k) for n, k in QUESTIONS)
    }
    for name, rules in RULES.items():
        modules[f"answer_{name}"] = {"query_name": "www.example.org", "query_type": "A", "validate_answer_rrs": rules}
        modules[f"additional_{name}"] = {
            "query_name": "www.example.org",
            "query_type": "A",
            "validate_additional_rrs": rules,
        }
        modules[f"empty_{name}"] = {
            "query_name": "nothing.example.org",
            "query_type": "A",
            "valid_rcodes": ["NXDOMAIN"],
            "validate_answer_rrs": rules,
        }
    modules |= {
        "udp": {"query_name": "www.example.org", "query_type": "A", "transport_protocol": "udp"},
        "any": {"query_name": "www.example.org"},
        "truncated": {"query_name": "big.example.org", "query_type": "A", "transport_protocol": "udp"},
        "nobody": {"query_name": "nobody.example.org", "query_type": "SOA"},
        "chaos": {"query_name": "version.server.", "query_type": "TXT", "query_class": "CH"},
        "not_recursive": {"query_name": "www.example.org", "query_type": "A", "recursion_desired": False},
        "from_elsewhere": {"query_name": "www.example.org", "query_type": "A", "source_ip_address": "127.0.0.9"},
        "from_nowhere": {"query_name": "www.example.org", "query_type": "A", "source_ip_address": "203.0.113.9"},
    }
    for name, tls in (("tls", {"ca_file": str(secure.key.parent / "ca.pem")}), ("mistrusted", {})):
        modules[name] = {"query_name": "example.org", "query_type": "MX", "dns_over_tls": True, "tls_config": tls}
    usual = {"preferred_ip_protocol": "ip4", "transport_protocol": "tcp"}
    return json.dumps(
        {
            "modules": {
                name: {"prober": "dns", "timeout": "2s", "dns": {**usual, **keys}} for name, keys in modules.items()
            }
        }
    )


@pytest.fixture(scope="module")
def server(nsd: StartNSD, secure: NameServerTLS) -> Service:
    return nsd(ZONE, tls=secure)


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda number: QUESTIONS[number][1])
def test_the_same_is_said_of_records_of_every_type(pair: Pair, server: Service, number: int) -> None:
    pair.ask(f"{QUESTIONS[number][1]}{number}", f"127.0.0.1:{server.port}").agree(success=True)


@pytest.mark.parametrize("rules", RULES)
def test_the_same_is_made_of_the_rules_for_a_section(pair: Pair, server: Service, rules: str) -> None:
    target = f"127.0.0.1:{server.port}"
    pair.ask(f"answer_{rules}", target).agree(success=rules in GOOD_OF_TWO)
    pair.ask(f"empty_{rules}", target).agree(success=rules in GOOD_OF_NOTHING)
    both = pair.ask(f"additional_{rules}", target)
    assert both.theirs.value("probe_success") == both.ours.value("probe_success")


@pytest.mark.parametrize(
    ("module", "success"),
    [
        ("udp", True),
        ("any", True),
        ("truncated", True),
        ("nobody", False),
        ("chaos", True),
        ("not_recursive", True),
        ("from_elsewhere", True),
    ],
)
def test_the_same_is_said_of_a_server(pair: Pair, server: Service, module: str, *, success: bool) -> None:
    pair.ask(module, f"127.0.0.1:{server.port}").agree(success=success)


def test_the_same_is_said_over_tls(pair: Pair, server: Service, secure: NameServerTLS) -> None:
    pair.ask("tls", f"localhost:{secure.port}").agree(success=True)
    pair.ask("mistrusted", f"localhost:{secure.port}").agree(success=False)


def test_a_source_address_of_nobody_is_no_fault_of_the_target(pair: Pair, server: Service) -> None:
    both = pair.ask("from_nowhere", f"127.0.0.1:{server.port}")
    assert both.theirs.value("probe_success") == 0
    assert (both.ours.status, "no_source_address" in both.ours.text) == (503, True)


@pytest.mark.parametrize("target", ["[::1]:{port}", "localhost:{port}"])
def test_the_same_is_said_of_a_server_by_another_address(pair: Pair, server: Service, target: str) -> None:
    pair.ask("udp", target.format(port=server.port)).agree(success=True)


@pytest.mark.parametrize("module", ["udp", "any"])
def test_the_same_is_said_where_nothing_listens(pair: Pair, module: str) -> None:
    pair.ask(module, f"127.0.0.1:{free_port()}").agree(success=False)


# Expressions match the text of a record


def exchanged(port: int, name: str, kind: str) -> list[str]:
    """The records of a response, as we write them."""
    query = Query(name, kind, "IN", recursion_desired=True)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, connection.makefile("rb") as answer:
        connection.sendall(framed(query.encoded(1)))
        response = query.response(answer.read(int.from_bytes(answer.read(2))), 1)
    return [record.text for record in (*response.answer, *response.authority, *response.additional)]


def logged(text: str) -> list[str]:
    """The records that the exporter tells of in its log."""
    found = re.findall(r'msg="Validating RR" rr=("(?:[^"\\]|\\.)*"|\S+)', text)
    return [json.loads(each) if each.startswith('"') else each for each in found]


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=lambda number: QUESTIONS[number][1])
def test_records_are_written_as_the_exporter_writes_them(pair: Pair, server: Service, number: int) -> None:
    name, kind = QUESTIONS[number]
    both = pair.ask(f"{kind}{number}", f"127.0.0.1:{server.port}", debug="true")
    theirs = logged(both.theirs.text)
    assert theirs
    assert exchanged(server.port, "example.org" if name == "@" else f"{name}.example.org", kind) == theirs
