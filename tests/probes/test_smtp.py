"""What a probe of SMTP takes for good, beside a real server of mail and beside servers that lie."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from probes import smtp
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import server_context, written
from tests.hostile import Behaviour, saying, serving
from tests.mail import Mailbox, mail_server
from tests.probes.looking import Seen, look

HUNG_SECONDS = 0.5
PASSWORD = "s3cret-of-the-watch"
USER = {"user": "watch", "password": PASSWORD}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(authority, tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    return server_context(authority, "localhost")


async def seen_at(mailbox: Mailbox, **keys: object) -> Seen:
    return await look(smtp, {"target": f"localhost:{mailbox.port}", **keys})


async def test_a_session_over_starttls(context: ssl.SSLContext, ca_file: str) -> None:
    with mail_server(tls=context) as mailbox:
        seen = await seen_at(mailbox, tls={"ca_file": ca_file}, sender="watch@a.example", recipient="desk@b.example")
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["resolve", "connect", "greeting", "hello", "tls", "envelope"]
    assert mailbox.taken[:4] == [
        "EHLO watchkeep.invalid",
        "EHLO watchkeep.invalid over TLS",
        "MAIL watch@a.example",
        "RCPT desk@b.example",
    ]
    assert "DATA" not in mailbox.taken
    assert (seen.value("probe_smtp_status_code"), seen.value("probe_smtp_ssl")) == (250, 1)
    assert (seen.findings["last reply"], seen.findings["names"]) == ("250", "localhost")
    assert seen.value("probe_smtp_duration_seconds", phase="greeting") is not None
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None


async def test_it_takes_leave_whatever_was_said() -> None:
    for sender in ("250 go on", "550 not you"):
        with mail_server(mailbox=Mailbox(sender=sender)) as mailbox:
            await seen_at(mailbox, security="none", sender="watch@a.example")
            for _ in range(200):
                if mailbox.taken[-1] == "QUIT":
                    break
                await asyncio.sleep(0.01)
        assert mailbox.taken[-1] == "QUIT"


async def test_tls_from_the_start(context: ssl.SSLContext, ca_file: str) -> None:
    with mail_server(tls=context, at_once=True) as mailbox:
        seen = await seen_at(mailbox, security="tls", tls={"ca_file": ca_file})
        assert list(seen.judgement.phases) == ["resolve", "connect", "tls", "greeting", "hello"]
        assert seen.reason == "ok", seen.judgement.detail
        assert (await seen_at(mailbox, security="tls")).reason == "tls_verify"


async def test_a_server_without_starttls_is_bad_where_that_is_required() -> None:
    with mail_server() as mailbox:
        assert (await seen_at(mailbox)).reason == "tls_not_offered"
        for security in ("opportunistic", "none"):
            seen = await seen_at(mailbox, security=security)
            assert (seen.reason, seen.value("probe_smtp_ssl")) == ("ok", 0)


async def test_tls_that_is_offered_is_verified_also_where_it_need_not_be(context: ssl.SSLContext, ca_file: str) -> None:
    with mail_server(tls=context) as mailbox:
        assert (await seen_at(mailbox, security="opportunistic")).reason == "tls_verify"
        seen = await seen_at(mailbox, security="opportunistic", tls={"ca_file": ca_file})
        assert (seen.reason, seen.value("probe_smtp_ssl")) == ("ok", 1)
        assert (await seen_at(mailbox, security="none")).value("probe_smtp_ssl") == 0


async def test_credentials_are_shown_over_tls_and_in_no_words_of_ours(
    context: ssl.SSLContext, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with mail_server(tls=context, users={"watch": PASSWORD}) as mailbox:
        good = await seen_at(mailbox, tls={"ca_file": ca_file}, **USER)
        wrong = await seen_at(mailbox, tls={"ca_file": ca_file}, user="watch", password="wr0ng-one")
    assert (good.reason, "auth" in good.judgement.phases) == ("ok", True)
    assert (wrong.reason, wrong.judgement.detail) == ("auth_refused", "the reply to AUTH is 535")
    ours = [record for record in caplog.records if not record.name.startswith("mail.")]  # the server's own log
    assert "wr0ng" not in repr(wrong) + repr([record.getMessage() for record in ours])


SAID_OF_READERS = {
    "250 fine": ("ok", 250),
    "450 come back later": ("smtp_deferred", 450),
    "550 5.1.1 nobody of that name": ("smtp_refused", 550),
    "354 what?": ("data", 354),
}


@pytest.mark.parametrize(("answer", "reason", "code"), [(said, *of) for said, of in SAID_OF_READERS.items()])
async def test_a_reply_has_its_reason(answer: str, reason: str, code: int) -> None:
    with mail_server(mailbox=Mailbox(readers={"desk@b.example": answer})) as mailbox:
        seen = await seen_at(mailbox, security="none", sender="w@a.example", recipient="desk@b.example")
    assert (seen.reason, seen.value("probe_smtp_status_code")) == (reason, code)
    if reason != "ok":
        assert seen.judgement.detail == f"RCPT TO:<desk@b.example>: {answer}, not 250 or 251"


async def test_a_refusal_may_be_what_is_expected() -> None:
    for answer, reason in (("550 no relay", "ok"), ("250 fine", "data")):
        with mail_server(mailbox=Mailbox(readers={"any@else.example": answer})) as mailbox:
            expect = {"recipient": [550, 554]}
            keys: dict[str, Any] = {"sender": "w@a.example", "recipient": "any@else.example", "expect": expect}
            assert (await seen_at(mailbox, security="none", **keys)).reason == reason


# Servers that lie


def lying(greeting: bytes, *replies: bytes, then_hang: bool = False) -> Behaviour:
    """Greets, and answers each line with the next of these."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        for reply in replies:
            await reader.readline()
            writer.write(reply)
        if then_hang:
            await asyncio.Event().wait()

    return behave


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-hello\r\n" * 50)
        await writer.drain()
        await asyncio.sleep(0)


HELLO = b"220 mail.example.org\r\n"
LIES: dict[str, tuple[Behaviour, str]] = {
    "many lines": (lying(b"220-mail\r\n220-is\r\n220 here\r\n", b"250-mail\n250-SIZE 1\n250\n"), "ok"),
    "in pieces": (saying(b"22", b"0-a\r", b"\n220 b\r\n2", b"50 c\r\n", then_hang=True), "ok"),
    "busy": (lying(b"421 too many\r\n"), "smtp_deferred"),
    "closed to us": (lying(b"554 no SMTP service here\r\n"), "smtp_refused"),
    "no EHLO": (lying(HELLO, b"502 what?\r\n"), "smtp_refused"),
    "another protocol": (hostile.speaking_first, "data"),
    "no code": (lying(b"hello\r\n"), "data"),
    "a code that is none": (lying(b"620 hello\r\n"), "data"),
    "no space behind the code": (lying(b"2200 hello\r\n"), "data"),
    "two codes in one reply": (lying(b"220-hello\r\n554 no\r\n"), "data"),
    "half a reply": (lying(b"220-hello\r\n"), "data_closed"),
    "nothing": (lying(b""), "data_closed"),
    "a line that is too long": (lying(b"220 " + b"x" * 5_000 + b"\r\n"), "data"),
    "a line that does not end": (lying(b"220 " + b"x" * 5_000, then_hang=True), "data"),
    "a reply that does not end": (endless, "data"),
    "silence": (hostile.silent, "data_timeout"),
    "silence after the greeting": (lying(HELLO, then_hang=True), "data_timeout"),
}


@pytest.mark.parametrize(("behaviour", "reason"), LIES.values(), ids=LIES.keys())
async def test_whatever_it_says_there_is_an_outcome(behaviour: Behaviour, reason: str) -> None:
    async with serving(behaviour) as port:
        config = {"target": f"127.0.0.1:{port}", "security": "none"}
        seen = await look(smtp, config, timeout_seconds=HUNG_SECONDS if reason == "data_timeout" else 10.0)
    assert seen.reason == reason, seen.judgement.detail
    assert len(seen.judgement.detail) < 200


STARTTLS = b"250-mail\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize(
    ("security", "replies", "reason"),
    [
        ("starttls", [STARTTLS, b"220 go ahead\r\n250-mail\r\n250 AUTH PLAIN\r\n"], "data"),
        ("opportunistic", [STARTTLS, b"220 go ahead\r\n250 injected\r\n"], "data"),
        ("starttls", [STARTTLS, b"454 not now\r\n"], "smtp_deferred"),
        ("starttls", [STARTTLS, b"501 no\r\n"], "smtp_refused"),
        ("opportunistic", [STARTTLS, b"454 not now\r\n"], "ok"),
        ("starttls", [b"250-mail\r\n250-SIZE\r\n250 XSTARTTLS\r\n"], "tls_not_offered"),
        ("starttls", [b"250 STARTTLS\r\n"], "tls_not_offered"),
    ],
)
async def test_nothing_in_plain_text_is_taken_for_encrypted(security: str, replies: list[bytes], reason: str) -> None:
    async with serving(lying(HELLO, *replies, then_hang=True)) as port:
        seen = await look(smtp, {"target": f"127.0.0.1:{port}", "security": security})
    assert seen.reason == reason, seen.judgement.detail


@pytest.mark.parametrize(
    ("replies", "reason", "sent"),
    [
        ([b"250-mail\r\n250 AUTH LOGIN\r\n", b"334 a\r\n", b"334 b\r\n", b"235 in\r\n"], "ok", 3),
        ([b"250-mail\r\n250 AUTH=LOGIN PLAIN\r\n", b"235 in\r\n"], "ok", 1),
        (
            [b"250-mail\r\n250 AUTH LOGIN\r\n", b"334 a\r\n", b"504 %s?\r\n" % PASSWORD.encode()],
            "auth_refused",
            2,
        ),
        ([b"250-mail\r\n250 AUTH PLAIN\r\n", b"454 later\r\n"], "smtp_deferred", 1),
        ([b"250-mail\r\n250 AUTH PLAIN\r\n", b"334 more\r\n"], "data", 1),
        ([b"250-mail\r\n250 AUTH CRAM-MD5\r\n"], "auth_method", 0),
        ([b"250 mail\r\n"], "auth_refused", 0),
    ],
)
async def test_how_we_log_in(
    replies: list[bytes], reason: str, sent: int, context: ssl.SSLContext, ca_file: str
) -> None:
    heard: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        for reply in replies:
            heard.append(await reader.readline())
            writer.write(reply)
        await asyncio.Event().wait()

    async with serving(behave, tls=context) as port:
        config = {"target": f"localhost:{port}", "security": "tls", "tls": {"ca_file": ca_file}, **USER}
        seen = await look(smtp, config)
    assert (seen.reason, len(heard) - 1) == (reason, sent)
    assert PASSWORD not in seen.judgement.detail


# What may be configured


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"user": "watch"}, "has one of user and password, give both, or neither"),
        ({**USER, "security": "none"}, "would send the password for everybody to read"),
        ({**USER, "security": "opportunistic"}, "would send the password for everybody to read"),
        ({"recipient": "a@b.example"}, "has a recipient without a sender"),
        ({"sender": "a@b.example>\r\nDATA"}, "String should match pattern"),
        ({"sender": "a b@c.example"}, "String should match pattern"),
        ({"hello": "x\r\nDATA"}, "String should match pattern"),
        ({"expect": {"greeting": []}}, "at least 1 item"),
        ({"expect": {"greeting": [22]}}, "greater than or equal to 200"),
    ],
)
def test_a_wrong_configuration_is_refused(keys: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        smtp.Config.model_validate({"target": "localhost:25", **keys})
    assert message in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    keys = {"target": "localhost:25", "user": "watch", "password_file": str(tmp_path / "password")}
    config = smtp.Config.model_validate(keys)
    assert config.password is not None
    assert config.password.reveal() == PASSWORD
    assert PASSWORD not in repr(config)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = smtp.build(smtp.Config.of("127.0.0.1:25"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
