"""The destination `email`: letters that stay in their thread, and a verdict whatever the server does."""

import asyncio
import logging
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import ValidationError

from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.demo.vendors.authority import Authority
from slo.net.context import Context
from slo.router.destinations.email import LATE_ATTEMPTS, PAGES_ONLY, Config, Email, build
from tests.router.destinations.goldens import hold_text_against
from tests.router.making import at, message, of_a_person

PASSWORD = "s3cret-of-the-mail"
READERS = ["anna@customer.example", "Ben <ben@customer.example>"]
Make = Callable[..., Email]


@dataclass
class Mailbox:
    """A server of mail, whose answers can be set: by reader, to the sender, to the letter."""

    readers: dict[str, str] = field(default_factory=dict)
    sender: str = ""
    letter: str = "250 taken"
    hang: str = ""
    reset: bool = False
    letters: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        await self._maybe_hang("MAIL")
        envelope.mail_from = address
        return self.sender or "250 go on"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.readers.get(address, "250 known")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.letter.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.letters.append((tuple(envelope.rcpt_tos), envelope.content))
        await self._maybe_hang("DATA")
        if self.reset:
            assert isinstance(server.transport, asyncio.Transport)
            connection = server.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.transport.abort()
        return self.letter

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        await self._maybe_hang("QUIT")
        return "221 bye"

    async def _maybe_hang(self, command: str) -> None:
        if self.hang == command:
            await asyncio.sleep(30)

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.users.append(given.login.decode())
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)


async def listening(mailbox: Mailbox, *, over_tls: ssl.SSLContext | None = None, **keys: Any) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="mail.example", loop=loop, **keys), "127.0.0.1", 0, ssl=over_tls
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    return server


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    server = await listening(mailbox)
    yield mailbox
    server.close()


@pytest.fixture
def make(context: Context) -> Make:
    def make(port: int, **keys: object) -> Email:
        given: dict[str, object] = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "sender": "Watchkeep <watch@provider.example>",
            "to": READERS,
            "list_id": "incidents.provider.example",
            "timeout": "5s",
        }
        return build(Config.model_validate({k: v for k, v in (given | keys).items() if v is not None}), context)

    return make


def letter(mailbox: Mailbox, number: int = -1) -> EmailMessage:
    parsed = message_from_bytes(mailbox.letters[number][1], policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(of: EmailMessage, sort: str) -> str:
    body = of.get_body((sort,))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).replace("\r\n", "\n")


def mail(action: Action = Action.TRIGGER, **others: Any) -> Message:
    return message(f"m-{action}", destination="mail", action=action, **others)


ETA_KNOWN = ETA(recover_at=at(7200), confidence=Confidence.MEDIUM, next_update_at=at(1800))
SAMPLES = [
    ("email-trigger", mail(due=at(3660), services=("gate", "deck"))),
    (
        "email-eta",
        mail(
            Action.ETA,
            by="anna",
            text="The primary is being restored.\nWrites work again afterwards.",
            status="acknowledged",
            responded_at=at(300),
            owner="anna",
            eta=ETA_KNOWN,
        ),
    ),
    ("email-note", mail(Action.NOTE, by="<b>ben</b>", text='5 < 6 & "so"', external_url="", status="acknowledged")),
    ("email-of-a-person", of_a_person(action=Action.NOTE, by="kim", text="On it.", services=("gate",))),
    (
        "email-resolve",
        mail(Action.RESOLVE, at=at(3690), status="resolved", summary="gate-availability is resolved: clear for 5m"),
    ),
]


@pytest.mark.parametrize(("name", "of"), SAMPLES)
async def test_a_letter_says_what_a_customer_wants_to_know(
    make: Make, mailbox: Mailbox, name: str, of: Message
) -> None:
    assert isinstance(await make(mailbox.port).deliver(of, Lane()), Sent)
    got = letter(mailbox)
    hold_text_against(f"{name}.txt", f"Subject: {got['Subject']}\n\n{part(got, 'plain')}")
    hold_text_against(f"{name}.html", part(got, "html"))


async def test_an_incident_is_one_thread_even_where_nobody_remembers_its_first_letter(
    make: Make, mailbox: Mailbox
) -> None:
    destination = make(mailbox.port)
    first = await destination.deliver(mail(), Lane())
    assert isinstance(first, Sent)
    assert first.reference == letter(mailbox)["Message-ID"]
    for lane in (Lane(reference=first.reference), Lane(), Lane(reference="OPS-1"), Lane(reference="<a@b>\r\nBcc: c@d")):
        await destination.deliver(mail(Action.NOTE, text="hello", summary="another one"), lane)
        later = letter(mailbox)
        assert (later["In-Reply-To"], later["References"]) == (first.reference, first.reference)
        assert later["Subject"] == letter(mailbox, 0)["Subject"]
        assert later["Message-ID"] != first.reference
    # The next generation, and the first one of a journal that was begun anew.
    for another in (mail(key="acme:gate-availability:-:g2"), mail(opened_at=at(3600))):
        await destination.deliver(another, Lane())
        assert letter(mailbox)["Message-ID"] != first.reference
        assert letter(mailbox)["References"] is None


async def test_a_letter_that_is_sent_again_is_the_same_letter(make: Make, mailbox: Mailbox) -> None:
    destination = make(mailbox.port)
    for action in (Action.TRIGGER, Action.NOTE):
        for attempts in (0, 1):
            await destination.deliver(mail(action), Lane(attempts=attempts))
        assert mailbox.letters[-1] == mailbox.letters[-2]


async def test_its_headers_say_that_a_program_wrote_it_and_to_whom(make: Make, mailbox: Mailbox) -> None:
    await make(mailbox.port).deliver(mail(), Lane())
    [(readers, _)], got = mailbox.letters, letter(mailbox)
    assert readers == ("anna@customer.example", "ben@customer.example")
    assert (got["From"], got["To"]) == (
        "Watchkeep <watch@provider.example>",
        "anna@customer.example, Ben <ben@customer.example>",
    )
    assert (got["List-Id"], got["Auto-Submitted"]) == ("<incidents.provider.example>", "auto-generated")
    assert got["Date"].datetime == at(90)
    assert got["Message-ID"].endswith("@provider.example>")
    await make(mailbox.port, list_id="").deliver(mail(), Lane())
    assert letter(mailbox)["List-Id"] is None


HOSTILE = (
    "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\r\n.\r\nMAIL FROM:<eve@evil.example>\ud800\x00\u2028"
)


async def test_nothing_that_is_said_becomes_a_header_a_command_or_markup(make: Make, mailbox: Mailbox) -> None:
    hostile = mail(
        Action.NOTE,
        slo=HOSTILE,
        incident=HOSTILE,
        summary=HOSTILE,
        by=HOSTILE,
        why=HOSTILE,
        text=HOSTILE * 1000,
        owner=HOSTILE,
        services=(HOSTILE,),
        labels={"customer": HOSTILE, "environment": HOSTILE},
        external_url='https://watch.example/"onclick="x',
    )
    assert isinstance(await make(mailbox.port).deliver(hostile, Lane()), Sent)
    [(_, wire)], got = mailbox.letters, letter(mailbox)
    assert got["Bcc"] is None
    assert not got.defects
    assert "<script" not in part(got, "html")
    assert '"onclick=' not in part(got, "html")
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    wire.decode("ascii")


@pytest.mark.parametrize(
    ("behaviour", "verdict", "letters"),
    [
        ({"readers": {"anna@customer.example": "550 no such user", "ben@customer.example": "550 nor that"}},
         Refused(reason="rejected", detail="550 for anna@customer.example: no such user; 550 for ben@customer.example: "
                 "nor that"), 0),
        ({"readers": {"anna@customer.example": "451 come back", "ben@customer.example": "550 no such user"}},
         Retry(reason="deferred", detail="451 for anna@customer.example: come back; 550 for ben@customer.example: "
               "no such user"), 0),
        ({"sender": "550 not from you"}, Refused(reason="rejected", detail="SMTP 550: not from you"), 0),
        ({"sender": "530 log in first"}, Retry(reason="unauthorized", detail="SMTP 530: log in first"), 0),
        ({"sender": "421 going down"}, Retry(reason="deferred", detail="SMTP 421: going down"), 0),
        ({"letter": "451 disk full"}, Retry(reason="deferred", detail="SMTP 451: disk full"), 0),
        ({"letter": "554 spam"}, Refused(reason="rejected", detail="SMTP 554: spam"), 0),
        ({"letter": "250 taken", "reset": True}, Ambiguous(reason="reset"), 1),
        ({"hang": "MAIL"}, Retry(reason="timeout"), 0),
        ({"hang": "DATA"}, Ambiguous(reason="timeout"), 1),
        ({"letter": f"554 you are {PASSWORD}"}, Refused(reason="rejected", detail="SMTP 554: you are <secret>"), 0),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else None,
)  # fmt: skip
async def test_what_the_server_says_is_a_verdict(
    make: Make, context: Context, behaviour: dict[str, Any], verdict: Verdict, letters: int, tmp_path: Path
) -> None:
    mailbox = Mailbox(**behaviour)
    authority = Authority(tmp_path)
    server = await listening(mailbox, tls_context=authority.server_context(), authenticator=mailbox.log_in)
    secured = {"security": "starttls", "ca_file": str(authority.ca_file), "user": "watch", "password": PASSWORD}
    timeout = "1s" if mailbox.hang else "20s"
    given = await make(mailbox.port, timeout=timeout, **secured).deliver(mail(), Lane())
    server.close()
    assert not isinstance(verdict, Sent)
    assert not isinstance(given, Sent)
    assert given == (verdict if verdict.detail else replace(verdict, detail=given.detail))
    assert len(mailbox.letters) == letters


async def test_a_letter_in_the_clear_waits_for_no_authorities(
    make: Make, mailbox: Mailbox, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context.tls, "get", lambda _settings: pytest.fail("they are loaded"))
    assert isinstance(await make(mailbox.port, security="none").deliver(mail(), Lane()), Sent)


async def test_some_readers_that_are_unknown_keep_the_thread_from_nobody_and_are_named(
    make: Make, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.readers = {"anna@customer.example": "550 no such user"}
    assert isinstance(await make(mailbox.port).deliver(mail(), Lane()), Sent)
    assert [readers for readers, _ in mailbox.letters] == [("ben@customer.example",)]
    [record] = [record for record in caplog.records if record.name == "slo.router.mail.smtp"]
    assert record.levelno == logging.WARNING
    assert record.__dict__["detail"] == "550 for anna@customer.example: no such user"


async def test_who_has_a_letter_does_not_get_it_again_when_another_reader_is_late(make: Make, mailbox: Mailbox) -> None:
    mailbox.readers = {"anna@customer.example": "451 greylisted"}
    destination = make(mailbox.port)
    for _ in range(2):
        given = await destination.deliver(mail(), Lane())
        assert given == Retry(reason="deferred", detail="451 for anna@customer.example: greylisted")
    mailbox.readers = {}
    assert isinstance(await destination.deliver(mail(), Lane(attempts=2)), Sent)
    assert [readers for readers, _ in mailbox.letters] == [("ben@customer.example",), ("anna@customer.example",)]
    assert letter(mailbox, 0)["Message-ID"] == letter(mailbox, 1)["Message-ID"]


async def test_a_reader_that_stays_late_does_not_keep_the_thread_of_the_others_waiting(
    make: Make, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.readers = {"anna@customer.example": "452 mailbox full"}
    destination = make(mailbox.port)
    assert isinstance(await destination.deliver(mail(), Lane(attempts=LATE_ATTEMPTS - 1)), Retry)
    assert isinstance(await destination.deliver(mail(), Lane(attempts=LATE_ATTEMPTS)), Sent)
    assert "refused for some" in caplog.text
    assert [readers for readers, _ in mailbox.letters] == [("ben@customer.example",)]
    mailbox.readers["ben@customer.example"] = "452 mailbox full"
    nobody = await destination.deliver(mail(Action.NOTE), Lane(attempts=LATE_ATTEMPTS))
    assert isinstance(nobody, Retry), "somebody has to have it"


async def test_a_reader_that_is_unknown_after_all_does_not_end_the_thread_of_the_others(
    make: Make, mailbox: Mailbox
) -> None:
    mailbox.readers = {"anna@customer.example": "451 greylisted"}
    destination = make(mailbox.port)
    assert isinstance(await destination.deliver(mail(), Lane()), Retry)
    mailbox.readers = {"anna@customer.example": "550 no such user"}
    assert isinstance(await destination.deliver(mail(), Lane(attempts=1)), Sent)


async def test_reminders_are_for_readers_on_our_own_side(make: Make, mailbox: Mailbox) -> None:
    reminder = mail(Action.REMIND, text="the response is due in 15 minutes")
    assert await make(mailbox.port).deliver(reminder, Lane()) == Dropped()
    assert isinstance(await make(mailbox.port, reminders=True).deliver(reminder, Lane()), Sent)
    assert "The response is due in 15 minutes" in part(letter(mailbox), "plain")


async def test_a_server_that_hangs_at_the_door_has_taken_the_letter(make: Make, mailbox: Mailbox) -> None:
    mailbox.hang = "QUIT"
    assert isinstance(await make(mailbox.port, timeout="2s").deliver(mail(), Lane()), Sent)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the server's own, which knows nothing of the TLS around it
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_it_trusts_the_authority_that_it_is_given_and_logs_in(make: Make, tmp_path: Path, security: str) -> None:
    mailbox, authority = Mailbox(), Authority(tmp_path / "ours")
    tls = authority.server_context()
    keys: dict[str, Any] = {"tls_context": tls, "require_starttls": True}
    if security == "tls":
        keys = {"over_tls": tls, "auth_require_tls": False}
    server = await listening(mailbox, authenticator=mailbox.log_in, auth_required=True, **keys)
    secured = {"security": security, "ca_file": str(authority.ca_file), "user": "watch", "password": PASSWORD}
    assert isinstance(await make(mailbox.port, **secured).deliver(mail(), Lane()), Sent)
    assert mailbox.users == ["watch"]
    wrong = await make(mailbox.port, **(secured | {"password": "other"})).deliver(mail(), Lane())
    assert isinstance(wrong, Retry)
    assert wrong.reason == "unauthorized"
    nobody = await make(mailbox.port, **(secured | {"user": None, "password": None})).deliver(mail(), Lane())
    assert isinstance(nobody, Retry)
    assert nobody.reason == "unauthorized"
    stranger = secured | {"ca_file": str(Authority(tmp_path / "other").ca_file)}
    distrusted = await make(mailbox.port, **stranger).deliver(mail(), Lane())
    server.close()
    assert isinstance(distrusted, Retry)
    assert distrusted.reason == "tls_verify"
    assert len(mailbox.letters) == 1


async def test_nothing_is_sent_to_a_server_that_offers_no_tls_or_no_login(
    make: Make, mailbox: Mailbox, tmp_path: Path
) -> None:
    plain = await make(mailbox.port, security="starttls").deliver(mail(), Lane())
    assert plain == Retry(reason="tls", detail="SMTP STARTTLS extension not supported by server.")
    authority, without = Authority(tmp_path), Mailbox()
    server = await listening(without, tls_context=authority.server_context())
    secured = {"security": "starttls", "ca_file": str(authority.ca_file), "user": "watch", "password": PASSWORD}
    anonymous = await make(without.port, **secured).deliver(mail(), Lane())
    server.close()
    assert isinstance(anonymous, Retry)
    assert anonymous.reason == "unauthorized"


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await reader.read()
    writer.close()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"220-" + b"x" * 60_000)
        try:
            await writer.drain()
        except OSError:
            break


async def turned_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"554 no service for you\r\n")
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("serve", "reasons"),
    [
        (goodbye, {"reset"}),
        (garbage, {"response_malformed"}),
        (flood, {"response_malformed", "timeout", "reset"}),
        (turned_away, {"unexpected_status"}),
    ],
)
async def test_what_is_no_mail_server_may_be_one_later(
    make: Make,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    reasons: set[str],
) -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        given = await make(server.sockets[0].getsockname()[1], timeout="2s").deliver(mail(), Lane())
    assert isinstance(given, Retry)
    assert given.reason in reasons


async def test_a_port_that_nobody_listens_on(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        given = await make(unused.getsockname()[1]).deliver(mail(), Lane())
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


GOOD = {"host": "mail.example", "sender": "watch@provider.example", "to": ["anna@customer.example"]}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"sender": "watch"}, "is no address"),
        ({"sender": "a@b.example\r\nBcc: c@d.example"}, "is no address"),
        ({"sender": "ä@provider.example"}, "is no address"),
        ({"to": []}, "at least 1 item"),
        ({"to": ["a@b.example, c@d.example"]}, "is no address"),
        ({"host": "mail.example\r\n"}, "should match pattern"),
        ({"list_id": "incidents"}, "should match pattern"),
        ({"list_id": "a.b>\r\nBcc: c"}, "should match pattern"),
        ({"user": "watch"}, "has one of user and password"),
        ({"user": "watch", "password": "x", "security": "none"}, "would send a password that everybody can read"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"timeout": "26s"}, "is longer than 25s"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate(GOOD | keys)


def test_it_is_secured_unless_somebody_says_otherwise_and_told_of_everything() -> None:
    config = Config.model_validate(GOOD | {"user": "watch", "password": PASSWORD})
    assert (config.security, config.timeout) == ("starttls", timedelta(seconds=20))
    assert PASSWORD not in repr(config)
    assert not PAGES_ONLY


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    kinds = ", ".join(f"slo.router.destinations.{name}" for name in ("email", "jira", "ticket_webhook", "zendesk"))
    heavy = ("aiosmtplib", "jinja2", "aiohttp", "cryptography")
    look = f"import sys, {kinds}; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert loaded == "[]\n"
