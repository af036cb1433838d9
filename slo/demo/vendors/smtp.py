"""A stand-in for a mail server: SMTP with STARTTLS as RFC 5321 and RFC 3207 have it, and every letter in a file.

It takes mail only after STARTTLS, in the order of the protocol, with lines that end in CRLF and are at most 1,000 bytes
long (RFC 5321, 4.5.3.1.6), and only letters with the headers that RFC 5322 asks for, and a Message-ID. A letter that
comes again under the same Message-ID is kept again: what doubles is to be seen.

`python -m slo.demo.vendors.smtp --folder DIR` prints one line of JSON with its host, port, authority's file and the
folder of its letters, which are called 1.eml, 2.eml and so on; each has the time and the readers in front, as headers.
"""

import asyncio
import contextlib
import json
import re
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Self

import click

from slo.demo.vendors.authority import Authority
from slo.demo.vendors.record import now_text

HOST = "127.0.0.1"
LETTER_LIMIT_BYTES = 1_048_576
LINE_LIMIT_BYTES = 1000
NEEDED_HEADERS = ("From", "Date", "Message-ID")

_PATH = re.compile(r"(FROM|TO):<([^<>\s]+@[^<>\s]+)>((?: \S+)*)", re.IGNORECASE)
_OUT_OF_ORDER = "503 5.5.1 bad sequence of commands"


_Keep = Callable[[str, list[str], bytes], None]


class SMTPStandIn:
    """The server, to be used as an async context manager; its letters and its authority lie in `folder`."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._authority = Authority(folder)
        self.letters_folder = folder / "letters"
        self.letters_folder.mkdir(exist_ok=True)
        self._tls = self._authority.server_context()
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._authority.ca_file

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._port

    @property
    def letters(self) -> list[Path]:
        """The files of the letters that were taken, oldest first."""
        return sorted(self.letters_folder.glob("*.eml"), key=lambda file: int(file.stem))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self._port, limit=LETTER_LIMIT_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(reader, writer, self._tls, self._keep)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            await session.run()
        writer.close()

    def _keep(self, sender: str, readers: list[str], letter: bytes) -> None:
        """On disk before it is taken. No await in between, so that two letters never have one number."""
        envelope = f"X-Taken-At: {now_text()}\r\nX-Sender: {sender}\r\nX-Readers: {', '.join(readers)}\r\n"
        (self.letters_folder / f"{len(self.letters) + 1}.eml").write_bytes(envelope.encode() + letter)


@dataclass(slots=True)
class _Envelope:
    sender: str = ""
    readers: list[str] = field(default_factory=list)


class _Session:
    """One connection, from the greeting to the end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext, keep: _Keep
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._tls = tls
        self._keep = keep
        self._greeted = False
        self._secured = False
        self._envelope = _Envelope()

    async def run(self) -> None:
        """Answer every command until the other side quits or is gone."""
        await self._say("220 standin.example ESMTP")
        while line := await self._line():
            verb, _, rest = line.partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 2.0.0 bye")
                return
            await self._say(await self._answer(verb.upper(), rest))
            if verb.upper() == "STARTTLS" and not self._secured and self._greeted:
                await self._secure()

    async def _answer(self, verb: str, rest: str) -> str:
        match verb:
            case "EHLO" if rest:
                self._greeted, self._envelope = True, _Envelope()
                offered = [] if self._secured else ["STARTTLS"]
                return _lines(["standin.example", f"SIZE {LETTER_LIMIT_BYTES}", "8BITMIME", *offered])
            case "NOOP":
                return "250 2.0.0 ok"
            case "RSET":
                self._envelope = _Envelope()
                return "250 2.0.0 ok"
            case "STARTTLS":
                return "220 2.0.0 go ahead" if self._greeted and not self._secured else _OUT_OF_ORDER
            case "MAIL" | "RCPT" | "DATA" if not self._greeted:
                return _OUT_OF_ORDER
            case "MAIL" | "RCPT" | "DATA" if not self._secured:
                return "530 5.7.0 must issue a STARTTLS command first"
            case "MAIL" | "RCPT":
                return self._address(verb, rest)
            case "DATA":
                return await self._data() if self._envelope.readers else _OUT_OF_ORDER
        return "500 5.5.2 command not recognized"

    def _address(self, verb: str, rest: str) -> str:
        path = _PATH.fullmatch(rest)
        if path is None or path[1].upper() != {"MAIL": "FROM", "RCPT": "TO"}[verb]:
            return "501 5.5.4 syntax error in parameters"
        if (verb == "MAIL") == bool(self._envelope.sender):
            return _OUT_OF_ORDER
        if verb == "MAIL":
            self._envelope.sender = path[2]
        else:
            self._envelope.readers.append(path[2])
        return "250 2.1.0 ok"

    async def _data(self) -> str:
        await self._say("354 end with <CRLF>.<CRLF>")
        raw = await self._reader.readuntil(b"\r\n.\r\n")
        envelope, self._envelope = self._envelope, _Envelope()
        letter = re.sub(rb"(?m)^\.", b"", raw[: -len(b".\r\n")])
        if wrong := _wrong_with(letter):
            return f"554 5.6.0 {wrong}"
        self._keep(envelope.sender, envelope.readers, letter)
        return "250 2.0.0 taken"

    async def _secure(self) -> None:
        await self._writer.start_tls(self._tls)
        self._secured, self._greeted = True, False

    async def _line(self) -> str:
        """The next command; empty where the other side has gone."""
        line = await self._reader.readline()
        return line.decode("ascii", errors="replace").removesuffix("\r\n")

    async def _say(self, answer: str) -> None:
        self._writer.write(answer.encode() + b"\r\n")
        await self._writer.drain()


def _wrong_with(letter: bytes) -> str:
    """Why a letter is not taken; empty where nothing is wrong with it."""
    lines = letter.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        return "a line does not end in CRLF"
    if any(len(line) + 2 > LINE_LIMIT_BYTES for line in lines):
        return "a line is too long"
    headers = message_from_bytes(letter)
    missing = [name for name in NEEDED_HEADERS if len(headers.get_all(name, [])) != 1]
    return f"there is not one {missing[0]}" if missing else ""


def _lines(texts: list[str]) -> str:
    """An answer of several lines."""
    return "\r\n".join([*(f"250-{text}" for text in texts[:-1]), f"250 {texts[-1]}"])


async def _stand(standin: SMTPStandIn) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with standin:
        place = {"host": HOST, "port": standin.port, "ca_file": str(standin.ca_file)}
        click.echo(json.dumps(place | {"letters": str(standin.letters_folder)}))
        await ended.wait()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Letters, authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
def main(folder: Path, port: int) -> None:
    """Stand in for a mail server until Ctrl-C."""
    asyncio.run(_stand(SMTPStandIn(folder, port=port)))


if __name__ == "__main__":
    main()
