"""The keys of a request over HTTP that say who asks: headers, a user with a password, a token."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, field_validator

from slo.config.types import Secret, Section, wrong


class BasicAuth(Section):
    """The credentials of HTTP basic authentication."""

    username: Secret
    """The user."""

    password: Secret
    """The user's password."""

    @field_validator("username")
    @classmethod
    def _one_user(cls, value: Secret) -> Secret:
        if ":" in value.reveal():
            raise wrong("holds a colon, with which the user would end", "leave the colon out")
        return value

    @property
    def header(self) -> str:
        """The value of the header Authorization."""
        return basic(self.username.reveal(), self.password.reveal())


def basic(user: str, password: str) -> str:
    """The value of a header Authorization or Proxy-Authorization, RFC 7617."""
    return f"Basic {b64encode(f'{user}:{password}'.encode(errors='surrogateescape')).decode()}"


def header_value(value: Secret) -> Secret:
    """A secret that is to be the value of a header, or part of it. Raises what a validator raises for any other."""
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value.reveal() if character != "\t"):
        raise wrong("holds a line end or a control character", "write the value of one header on one line")
    return value


_VALUE_SCHEMA = {"type": ["string", "integer"], "writeOnly": True}

HeaderValue = Annotated[Secret, AfterValidator(header_value), WithJsonSchema(_VALUE_SCHEMA)]
"""The value of a request header, kept as a secret: it may be a credential."""


def _several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


HeaderValues = Annotated[
    tuple[HeaderValue, ...],
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [_VALUE_SCHEMA, {"type": "array", "items": _VALUE_SCHEMA}]}),
]
"""The value of a request header, or several, each of which is sent on a line of its own."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def is_token(text: str) -> bool:
    """Whether a text is what HTTP calls a token, as the names of methods and headers are."""
    return bool(text) and _TOKEN.issuperset(text)


def _header_name(value: str) -> str:
    if not is_token(value):
        raise wrong("is no name of a header", "write it as X-Request-ID")
    if value.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise wrong(f"{value} is set by the watch itself", "leave it out")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
"""The name of a request header that may be set."""


def _scheme(value: str) -> str:
    if not is_token(value):
        raise wrong("is no type of credentials", "write it as Bearer")
    if value.lower() == "basic":
        raise wrong("has its own key", "write the user and password under basic_auth")
    return value


class Authorization(Section):
    """Credentials of any type, sent as `Authorization: TYPE CREDENTIALS`."""

    type: Annotated[str, AfterValidator(_scheme)] = "Bearer"
    """Their type."""

    credentials: HeaderValue
    """The credentials themselves."""

    @property
    def header(self) -> str:
        """The value of the header Authorization."""
        return f"{self.type} {self.credentials.reveal()}"


def refuse_credentials(
    headers: Iterable[str], basic_auth: BasicAuth | None, bearer_token: Secret | None, *others: Section | None
) -> None:
    """Raise what a validator raises for a token that is none, and where several would be the header Authorization.

    `headers` are the names of those that are set; `others` are other ways in which credentials may be given.
    """
    if bearer_token and not re.fullmatch(r"[\x21-\x7e]+", bearer_token.reveal()):
        raise wrong("has a bearer_token that holds what no token can", "write printable ASCII without spaces")
    named = [name for name in headers if name.lower() == "authorization"]
    if len(named) + sum(each is not None for each in (basic_auth, bearer_token, *others)) > 1:
        keys = ", ".join(["basic_auth", *(["authorization", "oauth2"] if others else []), "bearer_token"])
        raise wrong("gives credentials twice", f"keep one of {keys} and the header Authorization")


def request_headers(
    headers: Mapping[str, Secret], basic_auth: BasicAuth | None, bearer_token: Secret | None
) -> dict[str, str]:
    """The headers as they are sent, secrets revealed."""
    sent = {name: value.reveal() for name, value in headers.items()}
    if basic_auth:
        sent["Authorization"] = basic_auth.header
    if bearer_token:
        sent["Authorization"] = f"Bearer {bearer_token.reveal()}"
    return sent
