"""Email: everything about every incident, as a thread of letters. Who reads them needs no account anywhere."""

import asyncio
import re
from collections import OrderedDict
from datetime import timedelta
from email.headerregistry import Address
from email.utils import getaddresses, parseaddr
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from slo.config.tls import TLSSettings
from slo.config.types import KindConfig, Secret, wrong
from slo.core.delivery import Ambiguous, Dropped, Lane, Message, Retry, Sent, Verdict
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.mail.letter import letter_id, letter_of, thread_id
from slo.router.notice import is_public

if TYPE_CHECKING:
    from aiosmtplib import SMTP

PAGES_ONLY = False

HALF_DELIVERED = 1000
"""Of how many letters it is remembered that some of their readers have them already."""

LATE_ATTEMPTS = 10
"""How often one reader may keep the thread of all others waiting: about nine minutes, longer than greylists ask for."""

_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _address(value: str) -> str:
    try:
        address = _parsed(value)
        good = (
            len(getaddresses([value])) == 1
            and bool(address.username and address.domain)
            and address.addr_spec.isascii()
            and value.isprintable()
        )
    except ValueError:
        good = False
    if not good:
        raise wrong("is no address", "write it as watch@example.org or Watchkeep <watch@example.org>")
    return value


EmailAddress = Annotated[str, AfterValidator(_address)]
"""An address in ASCII, with or without a name before it."""


class Config(KindConfig):
    """Which server takes the letters, and who gets them."""

    host: str = Field(min_length=1, pattern=r"^[A-Za-z0-9.:_-]+$")
    """The SMTP server to hand letters to."""

    port: int | None = Field(default=None, ge=1, le=65535)
    """Its port; without it 587 for `starttls`, 465 for `tls`, 25 for `none`."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is secured. With `starttls` nothing is sent to a server that does not offer it."""

    user: str | None = Field(default=None, min_length=1)
    """Who we are at the server, where it asks."""

    password: Secret | None = None
    """The password of `user`."""

    sender: EmailAddress
    """The address that letters come from, as in `Watchkeep <watch@example.org>`."""

    to: tuple[EmailAddress, ...] = Field(min_length=1, max_length=100)
    """Who gets them."""

    list_id: str = Field(default="", pattern=r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+)?$")
    """What readers can sort letters by (the header List-Id), as in `incidents.example.org`."""

    reminders: bool = False
    """Whether reminders are sent as well, as that a response is due: for readers on our own side."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=20)
    """How long handing over one letter may take, as a whole."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if (self.user is None) != (self.password is None):
            raise wrong("has one of user and password", "write both, or neither")
        if self.user is not None and self.security == "none":
            raise wrong("would send a password that everybody can read", "write security: starttls")
        return self


class Email:
    """One server and the readers behind it."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._sender = _parsed(config.sender)
        self._to = tuple(_parsed(address) for address in config.to)
        self._have_it: OrderedDict[str, frozenset[str]] = OrderedDict()

    @property
    def credential(self) -> str:
        """None: a letter belongs to nobody's account."""
        return ""

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Hand one letter over, within the timeout."""
        if not is_public(message) and not self._config.reminders:
            return Dropped()
        have_it = self._have_it.get(message.id, frozenset())
        from slo.router.mail.smtp import Handover

        readers = tuple(reader.addr_spec for reader in self._to if reader.addr_spec not in have_it)
        letter = letter_of(
            message,
            sender=self._sender,
            to=self._to,
            list_id=self._config.list_id,
            thread=lane.reference if _is_id(lane.reference) else thread_id(message, self._sender.domain),
        )
        handover = Handover(
            sender=self._sender.addr_spec,
            readers=readers,
            letter=letter,
            secret=self._password,
            shared=bool(have_it),
            hurried=lane.attempts >= LATE_ATTEMPTS,
        )
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                verdict = await handover.run(await self._client())
        except TimeoutError:
            verdict = handover.so_far
        self._remember(message.id, have_it | handover.taken, verdict)
        return Sent(reference=letter_id(message, self._sender.domain)) if isinstance(verdict, Sent) else verdict

    def _remember(self, name: str, have_it: frozenset[str], verdict: Verdict) -> None:
        """Who has a letter already that is to be tried again."""
        self._have_it.pop(name, None)
        if have_it and isinstance(verdict, Retry | Ambiguous):
            self._have_it[name] = have_it
            if len(self._have_it) > HALF_DELIVERED:
                self._have_it.popitem(last=False)

    async def aclose(self) -> None:
        """Nothing is held open between letters."""

    @property
    def _password(self) -> str:
        return self._config.password.reveal() if self._config.password else ""

    async def _client(self) -> "SMTP":
        from aiosmtplib import SMTP

        config = self._config
        tls = None
        if config.security != "none":  # trusting the system's authorities takes 40 ms
            tls = await asyncio.to_thread(self._context.tls.get, TLSSettings(ca_file=config.ca_file))
        return SMTP(
            hostname=config.host,
            port=config.port or _PORTS[config.security],
            username=config.user,
            password=self._password or None,
            local_hostname=self._sender.domain,
            use_tls=config.security == "tls",
            start_tls=config.security == "starttls",
            tls_context=tls,
            timeout=None,  # the whole has a deadline
        )


def _is_id(reference: str) -> bool:
    """Whether it is the Message-ID of a letter, and not what a destination of another kind left under this name."""
    return re.fullmatch(r"<[\x21-\x7e]+@[\x21-\x7e]+>", reference) is not None


def _parsed(value: str) -> Address:
    """Raises ValueError for what is no address."""
    name, spec = parseaddr(value)
    try:
        return Address(display_name=name, addr_spec=spec)
    except IndexError as error:  # Python 3.11.2 says so of one without anything before the @
        raise ValueError(f"{value!r} is no address") from error


def build(config: Config, context: Context) -> Email:
    """The destination of a configuration. Its package is loaded now: the first letter does not wait for it."""
    import slo.router.mail.smtp  # noqa: F401

    return Email(config, context)
