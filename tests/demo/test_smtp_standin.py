"""The stand-in for a mail server: the client that the watch uses on the other side, and everything that is refused."""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtplib import SMTP, SMTPResponseException

from slo.demo.vendors.smtp import LINE_LIMIT_BYTES, SMTPStandIn

SENDER, READER = "watch@provider.example", "service@acme.example"
HEADERS = (
    b"From: watch@provider.example\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@provider.example>\r\n"
)
LETTER = HEADERS + b"Subject: gate burns\r\n\r\n.with a dot in front\r\n"


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[SMTPStandIn]:
    async with SMTPStandIn(tmp_path) as running:
        yield running


def client(standin: SMTPStandIn, *, start_tls: bool = True) -> SMTP:
    trust = ssl.create_default_context(cafile=str(standin.ca_file))
    return SMTP(hostname="127.0.0.1", port=standin.port, start_tls=start_tls, tls_context=trust, timeout=10)


async def test_a_letter_is_in_a_file_byte_for_byte_with_its_readers_in_front(standin: SMTPStandIn) -> None:
    async with client(standin) as smtp:
        for _ in range(2):
            await smtp.sendmail(SENDER, [READER, "other@acme.example"], LETTER)
    first, second = standin.letters
    assert (first.name, second.name) == ("1.eml", "2.eml")
    assert first.read_bytes().endswith(LETTER)
    kept = message_from_bytes(first.read_bytes())
    assert kept["X-Sender"] == SENDER
    assert kept["X-Readers"] == f"{READER}, other@acme.example"


async def test_what_was_taken_is_there_after_a_restart_and_numbers_go_on(standin: SMTPStandIn, tmp_path: Path) -> None:
    async with client(standin) as smtp:
        await smtp.sendmail(SENDER, READER, LETTER)
    async with SMTPStandIn(tmp_path) as again, client(again) as smtp:
        await smtp.sendmail(SENDER, READER, LETTER)
        assert [file.name for file in again.letters] == ["1.eml", "2.eml"]


async def test_nothing_is_taken_without_tls(standin: SMTPStandIn) -> None:
    async with client(standin, start_tls=False) as smtp:
        with pytest.raises(SMTPResponseException) as refused:
            await smtp.mail(SENDER)
    assert refused.value.code == 530


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (LETTER.replace(b"Message-ID", b"X-ID"), "there is not one Message-ID"),
        (HEADERS + LETTER, "there is not one From"),
        (LETTER + b"x" * LINE_LIMIT_BYTES + b"\r\n", "a line is too long"),
    ],
)
async def test_a_letter_that_is_none_is_refused(standin: SMTPStandIn, letter: bytes, why: str) -> None:
    async with client(standin) as smtp:
        with pytest.raises(SMTPResponseException, match=why) as refused:
            await smtp.sendmail(SENDER, READER, letter)
    assert refused.value.code == 554
    assert standin.letters == []


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (["MAIL FROM:<a@b.example>"], 503),
        (["STARTTLS"], 503),
        (["EHLO"], 500),
        (["EHLO me.example", "RCPT TO:<a@b.example>"], 530),
        (["VRFY a@b.example"], 500),
        (["NOOP"], 250),
    ],
)
async def test_commands_out_of_order_are_refused(standin: SMTPStandIn, commands: list[str], code: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
    await reader.readline()
    answer = b""
    for command in commands:
        writer.write(f"{command}\r\n".encode())
        while (answer := await reader.readline())[3:4] == b"-":
            pass
    writer.close()
    assert int(answer[:3]) == code


async def test_recipients_come_after_a_sender_and_there_is_one_sender(standin: SMTPStandIn) -> None:
    async with client(standin) as smtp:
        await smtp.ehlo()
        for command, code in (
            ("RCPT TO:<a@b.example>", 503),
            ("MAIL FROM:nobody", 501),
            ("MAIL FROM:<a@b.example> SIZE=10", 250),
            ("MAIL FROM:<a@b.example>", 503),
            ("DATA", 503),
            ("RSET", 250),
            ("RCPT TO:<a@b.example>", 503),
        ):
            assert (await smtp.execute_command(command.encode())).code == code, command


def test_as_a_process_it_says_where_it_is_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "slo.demo.vendors.smtp", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        place = json.loads(process.stdout.readline())
        assert Path(place["ca_file"]).is_file()
        assert Path(place["letters"]) == tmp_path / "letters"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
