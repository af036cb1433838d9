"""SMTP as far as a probe speaks it, RFC 5321: a greeting, commands and their replies. No message is ever sent."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from slo.errors import Fault
from slo.net.connection import Connection
from slo.net.lines import Lines

LINE_BYTES = 4_096
"""The longest line of a reply. The RFC allows 512 bytes."""

REPLY_LINES = 100

_LINE = re.compile(r"([2-5][0-9]{2})(?:([ -])(.*))?")
_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the server answers: a code of three digits, and text, line by line."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        text = " ".join(filter(None, self.lines))
        printable = "".join(character if character.isprintable() else "?" for character in text)
        return f"{self.code} {printable[:_SHOWN]}".strip()

    @property
    def extensions(self) -> dict[str, tuple[str, ...]]:
        """What the reply to EHLO offers, with the parameters of each; all in capitals."""
        words = [line.upper().replace("=", " ").split() for line in self.lines[1:]]
        return {first: tuple(rest) for first, *rest in filter(None, words)}


class Session:
    """One session over a connection, which calls `lines`. `code` is that of the last reply, 0 before one."""

    def __init__(self, connection: Connection, lines: Lines) -> None:
        self._connection = connection
        self._lines = lines
        self.code = 0

    async def reply(self) -> Reply:
        """The next reply, all its lines. Raises Fault."""
        lines: list[str] = []
        while len(lines) < REPLY_LINES:
            line = await self._lines.read()
            if line is None:
                raise Fault(
                    "data_closed", detail="closed in the middle of a reply" if lines else "closed before a reply"
                )
            match = _LINE.fullmatch(line.decode(errors="replace"))
            if match is None or (lines and int(match[1]) != self.code):
                raise Fault("data", detail=f"no reply of SMTP: {line[:_SHOWN]!r}")
            self.code = int(match[1])
            lines.append(match[3] or "")
            if match[2] != "-":
                return Reply(code=self.code, lines=tuple(lines))
        raise Fault("data", detail=f"a reply of more than {REPLY_LINES} lines")

    async def ask(self, command: str) -> Reply:
        """The reply to a command. Raises Fault."""
        self._connection.write(f"{command}\r\n".encode())
        return await self.reply()

    async def expect(self, command: str, codes: Sequence[int]) -> Reply:
        """The reply to a command, which has to be one of these. Raises Fault."""
        return expected(await self.ask(command), codes, command)

    async def log_in(self, mechanisms: Sequence[str], user: str, password: str) -> None:
        """Show who we are, by what the server offers. Neither is in what is raised, nor is what the server says.

        Raises Fault.
        """
        if "PLAIN" in mechanisms:
            replies = [f"AUTH PLAIN {_encoded(f'{chr(0)}{user}{chr(0)}{password}')}"]
        elif "LOGIN" in mechanisms:
            replies = ["AUTH LOGIN", _encoded(user), _encoded(password)]
        elif mechanisms:
            raise Fault("auth_method", detail=f"it offers {' '.join(mechanisms)[:_SHOWN]}, and not PLAIN or LOGIN")
        else:
            raise Fault("auth_refused", detail="it offers no way to log in")
        for step in replies:
            code = (await self.ask(step)).code
            last = step is replies[-1]
            if code != (235 if last else 334):
                raise Fault(_reason(code, "auth_refused"), detail=f"the reply to AUTH is {code}")

    def hang_up(self) -> None:
        """Take leave, without waiting for the reply."""
        self._connection.write(b"QUIT\r\n")
        self._connection.close()


def expected(reply: Reply, codes: Sequence[int], what: str) -> Reply:
    """The reply, where its code is one of these. Raises Fault."""
    if reply.code in codes:
        return reply
    wanted = " or ".join(map(str, codes))
    raise Fault(_reason(reply.code, "smtp_refused"), detail=f"{what}: {reply}, not {wanted}")


def _reason(code: int, permanent: str) -> str:
    if code < 400:
        return "data"
    return "smtp_deferred" if code < 500 else permanent


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
