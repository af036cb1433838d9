"""Messages of DNS are read whatever is in them, or refused."""

import struct

import dns.message
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo.net import dns_records
from slo.net.dns_message import Query
from slo.net.dns_records import MOST_RECORDS, read_message

HEAD = struct.pack("!HHHHHH", 7, 0x8180, 0, 1, 0, 0)
RECORDS = (
    ("www.example.org.", "A", "192.0.2.1", "www.example.org.\t300\tIN\tA\t192.0.2.1"),
    ("www.example.org.", "AAAA", "2001:db8::1", "www.example.org.\t300\tIN\tAAAA\t2001:db8::1"),
    (".", "NS", "a.root.", ".\t300\tIN\tNS\ta.root."),
    ("example.org.", "MX", "10 mail.example.org.", "example.org.\t300\tIN\tMX\t10 mail.example.org."),
    ("t.", "TXT", r'"a b" "c\"d\\e\200"', 't.\t300\tIN\tTXT\t"a b" "c\\"d\\\\e\\200"'),
    ("d.", "DS", "1 8 1 " + "ab" * 20, "d.\t300\tIN\tDS\t1 8 1 " + "AB" * 20),
    ("h.", "TLSA", "3 1 1 " + "ab" * 32, "h.\t300\tIN\tTLSA\t3 1 1 " + "ab" * 32),
    (r"odd\.la\ bel\000.", "A", "192.0.2.1", "odd\\.la\\ bel\\000.\t300\tIN\tA\t192.0.2.1"),
    ("s.", "HTTPS", "1 . alpn=h2 no-default-alpn", 's.\t300\tIN\tHTTPS\t1 . alpn="h2" no-default-alpn=""'),
    ("l.", "LOC", "1 2 3 N 4 5 6 E -2m 0.5m 1m 10m", "l.\t300\tIN\tLOC\t01 02 3.000 N 04 05 6.000 E -2m 0.50m 1m 10m"),
    ("n3.", "NSEC3PARAM", "1 0 10 aabb", "n3.\t300\tIN\tNSEC3PARAM\t1 0 10 AABB"),
    ("u.", "TYPE65534", r"\# 2 aabb", "u.\t300\tCLASS1\tTYPE65534\t\\# 2 aabb"),
)  # fmt: skip


def written(name: str, kind: str, data: str) -> bytes:
    """A response with that record."""
    response = dns.message.make_response(dns.message.make_query(name, kind, id=7))
    response.answer.append(dns.rrset.from_text(name, 300, "IN", kind, data))
    return response.to_wire()


@pytest.mark.parametrize(("name", "kind", "data", "text"), RECORDS, ids=[row[1] for row in RECORDS])
def test_a_record_as_text(name: str, kind: str, data: str, text: str) -> None:
    (record,) = read_message(written(name, kind, data)).answer
    assert record.text == text


def one(record: bytes) -> bytes:
    return HEAD + record


def test_data_that_is_not_what_its_type_has_counts_and_is_shown_in_hexadecimal() -> None:
    (short,) = read_message(one(b"\1a\0" + struct.pack("!HHIH", 1, 1, 60, 3) + b"123")).answer
    assert short.text == "a.\t60\tCLASS1\tTYPE1\t\\# 3 313233"
    digest = struct.pack("!HBB", 1, 8, 2) + b"1234"  # SHA-256 in four bytes
    (digested,) = read_message(one(b"\1a\0" + struct.pack("!HHIH", 43, 1, 60, 8) + digest)).answer
    assert digested.text.startswith("a.\t60\tCLASS1\tTYPE43\t\\# 8 ")


def test_a_pointer_that_leads_nowhere_is_the_fault_of_its_record_alone() -> None:
    onward = b"\0" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\xff"
    loop = b"\0" + struct.pack("!HHIH", 5, 1, 60, 4) + b"\1a" + b"\xc0\x17"
    good = b"\0" + struct.pack("!HHIH", 1, 1, 60, 4) + b"1234"
    data = struct.pack("!HHHHHH", 7, 0x8180, 0, 3, 0, 0) + onward + loop + good
    assert [record.data.to_text() for record in read_message(data).answer[2:]] == ["49.50.51.52"]


def test_an_extended_code_is_one_code() -> None:
    query = Query("a", "A", "IN", recursion_desired=True)
    asked = query.encoded(7)
    options = b"\0" + struct.pack("!HHIH", 41, 1232, 1 << 24, 0)
    response = query.response(asked[:2] + struct.pack("!HHHHH", 0x8180, 1, 0, 0, 1) + asked[12:] + options, 7)
    assert (response.code, len(response.additional)) == ("BADVERS", 1)


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"])
def test_a_server_that_did_not_get_to_the_question_may_leave_it_out(code: str) -> None:
    query = Query("a", "A", "IN", recursion_desired=True)
    number = {"FORMERR": 1, "SERVFAIL": 2, "NOTIMP": 4, "REFUSED": 5}[code]
    assert query.response(struct.pack("!HHHHHH", 7, 0x8180 | number, 0, 0, 0, 0), 7).code == code
    with pytest.raises(ValueError, match="another question"):
        query.response(struct.pack("!HHHHHH", 7, 0x8183, 0, 0, 0, 0), 7)


def test_names_are_compared_without_their_case() -> None:
    query = Query("www.Example.org", "A", "IN", recursion_desired=True)
    asked = query.encoded(7)
    shouted = asked[:2] + struct.pack("!HHHHH", 0x8180, 1, 0, 0, 0) + asked[12:].replace(b"Example", b"eXAMPLE")
    assert query.response(shouted, 7).code == "NOERROR"


@pytest.mark.parametrize("count", [MOST_RECORDS, MOST_RECORDS + 1])
def test_a_message_has_so_many_records_and_no_more(count: int) -> None:
    data = (
        struct.pack("!HHHHHH", 7, 0x8180, 0, count, 0, 0)
        + (b"\0" + struct.pack("!HHIH", 1, 1, 60, 4) + b"1234") * count
    )
    if count > MOST_RECORDS:
        with pytest.raises(ValueError, match="2001 records"):
            read_message(data)
    else:
        assert len(read_message(data).answer) == count


@pytest.mark.parametrize(("length", "followed"), [(1, True), (15, True), (17, False), (8000, False)])
def test_a_chain_of_pointers_is_followed_so_far_and_no_farther(length: int, followed: bool) -> None:  # noqa: FBT001
    """The data of the first record is a name, and pointers each to what is before it; the second's name is the last."""
    place = len(HEAD) + 1 + 10
    pointers = b"".join(struct.pack("!H", 0xC000 | (place + 2 * at + 1 if at else place)) for at in range(length))
    chain = b"\1a\0" + pointers
    record = b"\0" + struct.pack("!HHIH", 65280, 1, 60, len(chain)) + chain
    last = struct.pack("!H", 0xC000 | place + 3 + 2 * (length - 1)) + struct.pack("!HHIH", 1, 1, 60, 4) + b"1234"
    data = struct.pack("!HHHHHH", 7, 0x8180, 0, 2, 0, 0) + record + last
    if followed:
        assert read_message(data).answer[1].text == "a.\t60\tIN\tA\t49.50.51.52"
    else:
        with pytest.raises(ValueError, match="DNS message"):
            read_message(data)


def test_a_name_that_many_point_at_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0

    def counted(parser: dns_records._Parser, size: int) -> bytes:
        nonlocal reads
        reads += 1
        return read(parser, size)

    read = dns_records._Parser.get_bytes
    monkeypatch.setattr(dns_records._Parser, "get_bytes", counted)
    long, to_it = b"\1a" * 120 + b"\0", struct.pack("!H", 0xC000 | len(HEAD))
    first = long + struct.pack("!HHIH", 1, 1, 60, 4) + b"1234"
    others = (to_it + struct.pack("!HHIH", 5, 1, 60, 2) + to_it) * 999
    message = read_message(struct.pack("!HHHHHH", 7, 0x8180, 0, 1000, 0, 0) + first + others)
    assert message.answer[-1].text == f"{'a.' * 120}\t60\tIN\tCNAME\t{'a.' * 120}"
    assert reads < 10_000


def outcome(data: bytes) -> None:
    """Read it, and all of its records as text; a ValueError is the only thing that may come out."""
    try:
        message = read_message(data)
    except ValueError:
        return
    for record in (*message.answer, *message.authority, *message.additional):
        assert record.text.count("\t") >= 4


@given(st.binary(max_size=300))
@example(b"")
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    outcome(HEAD + data)


@given(st.sampled_from(RECORDS), st.data())
def test_a_message_with_errors_in_it_is_read_or_refused(row: tuple[str, str, str, str], data: st.DataObject) -> None:
    wire = bytearray(written(*row[:3]))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(2, len(wire) - 1))] = data.draw(st.integers(0, 255))
    outcome(bytes(wire[: data.draw(st.integers(0, len(wire)))]))
    outcome(bytes(wire))


@given(st.sampled_from(RECORDS))
def test_what_dnspython_reads_is_read_alike(row: tuple[str, str, str, str]) -> None:
    wire = written(*row[:3])
    theirs = [data for rrset in dns.message.from_wire(wire).answer for data in rrset]
    assert [record.data for record in read_message(wire).answer] == theirs
