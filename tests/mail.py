"""A real server of mail for tests, in a thread and an event loop of its own: aiosmtpd."""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.services import free_port


@dataclass
class Mailbox:
    """What the server answers to senders and to readers, where it is not the usual, and the commands that it took."""

    sender: str = "250 go on"
    readers: Mapping[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        self.taken.append(f"EHLO {name}" + (" over TLS" if session.ssl else ""))
        return replies

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.taken.append(f"MAIL {address}")
        if self.sender.startswith("250"):
            envelope.mail_from = address
        return self.sender

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, _envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.taken.append(f"RCPT {address}")
        return self.readers.get(address, "250 known")

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        self.taken.append("DATA")
        return "250 taken"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        self.taken.append("QUIT")
        return "221 bye"


@contextlib.contextmanager
def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    at_once: bool = False,
    users: Mapping[str, str] | None = None,
    mailbox: Mailbox | None = None,
) -> Iterator[Mailbox]:
    """A server that offers STARTTLS where it has a context, or speaks TLS `at_once`; and AUTH where there are users."""
    mailbox = mailbox or Mailbox()
    mailbox.port = free_port()
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        server_hostname="mail.example.org",
        ssl_context=tls if at_once else None,
        tls_context=None if at_once else tls,
        authenticator=_authenticator(users or {}),
        auth_required=False,
        auth_require_tls=not at_once,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def _authenticator(
    users: Mapping[str, str],
) -> Callable[[SMTP, Session, Envelope, str, object], AuthResult]:
    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        known = users.get(data.login.decode())
        return AuthResult(success=known == data.password.decode(), handled=False)

    return authenticate
