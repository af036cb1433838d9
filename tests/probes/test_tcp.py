"""What a TCP probe takes for good: a connection, and every step of a conversation."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from probes import tcp
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import server_context, written
from tests.hostile import Behaviour, saying, serving
from tests.probes.looking import Seen, look
from tests.services import free_port

HUNG_SECONDS = 0.5


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220-mail.example.org\r\n220 ready\r\n")
    assert await reader.readline() == b"EHLO watchkeep\n"
    writer.write(b"250-mail.example.org\r\n250 STARTTLS\r\n")
    assert await reader.readline() == b"QUIT\n"
    writer.write(b"221 bye")
    writer.close()
    await writer.wait_closed()


def insisting(line: bytes) -> Behaviour:
    """Says this line again and again."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(line * 100)
            await writer.drain()
            await asyncio.sleep(0)

    return behave


Steps = Sequence[Mapping[str, object]]

GREETING: Steps = [{"expect": "^220 "}]
BYTES: Steps = [{"expect_bytes": "\0\1two"}]
TALKS: dict[str, tuple[Behaviour, Steps, str]] = {
    "nothing is expected": (hostile.silent, [], "ok"),
    "it hangs up and nothing is expected": (saying(), [], "ok"),
    "a greeting": (saying(b"220 hello\r\n", then_hang=True), GREETING, "ok"),
    "a greeting in pieces": (saying(b"22", b"0 hel", b"lo\r", b"\n", then_hang=True), GREETING, "ok"),
    "a greeting without its line end": (saying(b"220 hello"), GREETING, "ok"),
    "a greeting after others": (saying(b"hello\n", b"\n220 hello\n", then_hang=True), GREETING, "ok"),
    "a whole line": (saying(b"220 hello\r\n", then_hang=True), [{"expect": "^220 hello$"}], "ok"),
    "another greeting": (saying(b"554 go away\r\n"), GREETING, "data"),
    "another greeting, and it waits": (saying(b"554 go away\r\n", then_hang=True), GREETING, "data_timeout"),
    "nothing is said": (hostile.silent, GREETING, "data_timeout"),
    "half a line": (saying(b"220 hel", then_hang=True), GREETING, "data_timeout"),
    "it hangs up": (saying(), GREETING, "data_closed"),
    "it resets": (saying(b"220", then_reset=True), GREETING, "data_closed"),
    "it says something else for ever": (insisting(b"no\n"), GREETING, "data"),
    "it says one line for ever": (insisting(b"no"), GREETING, "data"),
    "just the bytes": (saying(b"\0\1two and more", then_hang=True), BYTES, "ok"),
    "bytes in pieces": (saying(b"\0", b"\1t", b"wo", then_hang=True), BYTES, "ok"),
    "other bytes": (saying(b"\0\2two", then_hang=True), BYTES, "data"),
    "half the bytes, and it waits": (saying(b"\0\1", then_hang=True), BYTES, "data_timeout"),
    "half the bytes, and it hangs up": (saying(b"\0\1"), BYTES, "data_closed"),
    "bytes behind a line": (
        saying(b"220 hello\r\n\0\1two", then_hang=True),
        [{"expect": "^220", "expect_bytes": "\0\1two"}],
        "ok",
    ),
    "bytes that are no text": (saying(b"5.5.5\0\xff\xfe mysql\n", then_hang=True), [{"expect": "^5.*mysql$"}], "ok"),
    "it shouts while nobody listens": (
        insisting(b"no\n" * 10_000),
        [{"expect": "no"}, {"send": "x"}, {"expect": "yes"}],
        "data",
    ),
    "a conversation": (
        smtp,
        [
            {"expect": "^220 ready$", "send": "EHLO watchkeep"},
            {"expect": "STARTTLS"},
            {"send": "QUIT"},
            {"expect": "^221"},
        ],
        "ok",
    ),
}


@pytest.mark.parametrize(("behaviour", "steps", "reason"), TALKS.values(), ids=TALKS.keys())
async def test_conversations(behaviour: Behaviour, steps: Steps, reason: str) -> None:
    timeout = HUNG_SECONDS if reason == "data_timeout" else 10.0
    async with serving(behaviour) as port:
        config = {"target": f"127.0.0.1:{port}", "query_response": list(steps)}
        seen = await look(tcp, config, timeout_seconds=timeout)
    assert seen.reason == reason, seen.judgement.detail
    assert list(seen.judgement.phases) == (["connect", "exchange"] if steps else ["connect"])
    assert seen.judgement.detail.startswith("step 1: ") == (reason != "ok" and len(steps) == 1)


WHOSE_FAULT = {
    "a greeting": (saying(b"220 hello\n"), GREETING, 0, 0),
    "no line matches": (saying(b"554 no\n"), GREETING, 1, 0),
    "nothing is said": (saying(), GREETING, 1, 0),
    "no line matches so far": (saying(b"554 no\n", then_hang=True), GREETING, 0, 0),
    "it resets": (saying(b"220", then_reset=True), GREETING, 0, 0),
    "a line is too long": (insisting(b"220"), GREETING, 0, 0),
    "other bytes": (saying(b"\0\2two"), BYTES, 0, 1),
    "half the bytes": (saying(b"\0\1"), BYTES, 0, 0),
}
"""What the blackbox exporter says: only a side that has closed has failed an expression."""


@pytest.mark.parametrize(("behaviour", "steps", "regex", "as_bytes"), WHOSE_FAULT.values(), ids=WHOSE_FAULT.keys())
async def test_an_expectation_fails_when_it_can_no_more_be_met(
    behaviour: Behaviour, steps: Steps, regex: float, as_bytes: float
) -> None:
    async with serving(behaviour) as port:
        config = {"target": f"127.0.0.1:{port}", "query_response": list(steps)}
        seen = await look(tcp, config, timeout_seconds=HUNG_SECONDS)
    assert (seen.value("probe_failed_due_to_regex"), seen.value("probe_failed_due_to_bytes")) == (regex, as_bytes)


async def irc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"PING :a1b2 $x\r\n")
    assert await reader.readline() == b"PONG $a1b2 $1\n"
    writer.write(b":irc.example.org 001 watch\n")
    assert await reader.readline() == b"QUIT $1 ${1}\n"
    writer.write(b"ERROR bye\n")


async def test_what_was_heard_can_be_said_and_made_labels_of() -> None:
    steps = [
        {"expect": r"^PING :(?P<cookie>\S+) (.*)$", "send": "PONG $$${cookie} $$1", "labels": {"cookie": "<$1>"}},
        {"expect": "^:([^ ]+) 001()?", "labels": {"server": "$1", "none": "$2${no_such}", "cookie": "-"}},
        {"send": "QUIT $1 ${1}"},
        {"expect": "ERROR"},
    ]
    async with serving(irc) as port:
        seen = await look(tcp, {"target": f"127.0.0.1:{port}", "query_response": steps})
    assert seen.reason == "ok", seen.judgement.detail
    infos = [sample.labels for sample in seen.samples if sample.name == "probe_expect_info"]
    assert infos == [{"cookie": "<a1b2>"}, {"server": "irc.example.org", "none": "", "cookie": "-"}]


async def test_labels_are_said_once_and_of_a_conversation_that_broke_off_too() -> None:
    steps = [{"expect": "a", "labels": {"a": "$0"}}, {"expect": "a", "labels": {"a": "$0"}}, {"expect": "b"}]
    async with serving(saying(b"a\na\n")) as port:
        seen = await look(tcp, {"target": f"127.0.0.1:{port}", "query_response": steps})
    infos = [sample.labels for sample in seen.samples if sample.name == "probe_expect_info"]
    assert (seen.reason, seen.judgement.detail[:6], infos) == ("data_closed", "step 3", [{"a": "a"}])


async def test_nothing_listens() -> None:
    seen = await look(tcp, {"target": f"127.0.0.1:{free_port()}"})
    assert (seen.reason, list(seen.judgement.phases)) == ("connect_refused", ["connect"])


async def test_nobody_answers_the_connection_attempt() -> None:
    with hostile.full_backlog() as port:
        seen = await look(tcp, {"target": f"127.0.0.1:{port}"}, timeout_seconds=HUNG_SECONDS)
    assert seen.reason == "connect_timeout"


async def test_it_comes_from_the_address_that_was_chosen() -> None:
    peers: list[str] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername")[0])
        writer.write(b"noted\n")

    async with serving(noting) as port:
        config = {"target": f"127.0.0.1:{port}", "query_response": [{"expect": "noted"}]}
        for source, reason in (("127.0.0.9", "ok"), ("192.0.2.1", "no_source_address"), ("::1", "no_source_address")):
            assert (await look(tcp, {**config, "source_address": source})).reason == reason
    assert peers == ["127.0.0.9"]


# STARTTLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def upgrading(context: ssl.SSLContext, *, injected: bytes = b"") -> Behaviour:
    """Speaks a little and goes over to TLS; what is injected comes before that, in plain text."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"220 go ahead\r\n" + injected)
        await writer.drain()
        loop = asyncio.get_running_loop()
        protocol = writer.transport.get_protocol()
        encrypted = await loop.start_tls(writer.transport, protocol, context, server_side=True)
        assert encrypted is not None
        encrypted.write(b"250 safe\r\n")
        await asyncio.Event().wait()

    return behave


STARTTLS = [{"expect": "^220", "send": "STARTTLS"}, {"expect": "^220", "starttls": True}, {"expect": "^250 safe"}]


async def upgraded(authority: trustme.CA, tmp_path: Path, name: str, injected: bytes = b"") -> Seen:
    async with serving(upgrading(server_context(authority, name), injected=injected)) as port:
        config = {
            "target": f"localhost:{port}",
            "query_response": STARTTLS,
            "tls": {"ca_file": written(authority, tmp_path)},
        }
        return await look(tcp, config)


async def test_a_conversation_goes_over_to_tls(authority: trustme.CA, tmp_path: Path) -> None:
    seen = await upgraded(authority, tmp_path, "localhost")
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["resolve", "connect", "exchange", "tls"]
    assert seen.value("probe_ssl_last_chain_expiry_timestamp_seconds") is not None


async def test_the_certificate_is_verified_after_the_upgrade(authority: trustme.CA, tmp_path: Path) -> None:
    seen = await upgraded(authority, tmp_path, "www.example.org")
    assert (seen.reason, seen.judgement.detail[:8]) == ("tls_hostname", "step 2: ")


async def test_what_is_injected_before_the_upgrade_is_not_taken_for_encrypted(
    authority: trustme.CA, tmp_path: Path
) -> None:
    seen = await upgraded(authority, tmp_path, "localhost", injected=b"250 safe\r\n")
    assert (seen.reason, seen.judgement.detail[:8]) == ("data", "step 2: ")


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"query_response": [{}]}, "does nothing, give it expect, expect_bytes, send or starttls"),
        ({"query_response": [{"send": "x", "labels": {"a": "$1"}}]}, "has labels and no expect"),
        ({"query_response": [{"expect": "x", "labels": {"a-b": "$1"}}]}, "is no label name of Prometheus"),
        ({"query_response": [{"expect": "x", "labels": {"probe": "$1"}}]}, "says which probe it is"),
        ({"query_response": [{"starttls": True}, {"starttls": True}]}, "starts TLS twice, keep one starttls"),
        ({"query_response": [{"expect": "("}]}, "missing )"),
        ({"target": "localhost"}, "is no HOST:PORT"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        tcp.Config.model_validate({"target": "localhost:1", **config})
    assert message in str(raised.value)


def test_what_is_sent_is_a_secret() -> None:
    config = tcp.Config.model_validate({"target": "a:1", "query_response": [{"send": "AUTH s3cret"}]})
    assert "s3cret" not in repr(config)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = tcp.build(tcp.Config.of("127.0.0.1:1"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
