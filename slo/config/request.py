"""The keys of a request over HTTP that say who asks: headers, a user with a password, a token."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from slo.config.types import Secret, Section, wrong


class BasicAuth(Section):
    """The credentials of HTTP basic authentication."""

    username: str
    """The user."""

    password: Secret
    """The user's password."""


def _header_value(value: Secret) -> Secret:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value.reveal() if character != "\t"):
        raise wrong("holds a line end or a control character", "write the value of one header on one line")
    return value


HeaderValue = Annotated[
    Secret, AfterValidator(_header_value), WithJsonSchema({"type": ["string", "integer"], "writeOnly": True})
]
"""The value of a request header, kept as a secret: it may be a credential."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _header_name(value: str) -> str:
    if not value or not _TOKEN.issuperset(value):
        raise wrong("is no name of a header", "write it as X-Request-ID")
    if value.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise wrong(f"{value} is set by the watch itself", "leave it out")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
"""The name of a request header that may be set."""


def refuse_credentials(
    headers: Mapping[str, Secret], basic_auth: BasicAuth | None, bearer_token: Secret | None
) -> None:
    """Raise what a validator raises for a token that is none, and where several would be the header Authorization."""
    if bearer_token and not re.fullmatch(r"[\x21-\x7e]+", bearer_token.reveal()):
        raise wrong("has a bearer_token that holds what no token can", "write printable ASCII without spaces")
    named = [name for name in headers if name.lower() == "authorization"]
    if len(named) + (basic_auth is not None) + (bearer_token is not None) > 1:
        raise wrong("gives credentials twice", "keep one of basic_auth, bearer_token and the header Authorization")


def request_headers(
    headers: Mapping[str, Secret], basic_auth: BasicAuth | None, bearer_token: Secret | None
) -> dict[str, str]:
    """The headers as they are sent, secrets revealed."""
    sent = {name: value.reveal() for name, value in headers.items()}
    if basic_auth:
        user = f"{basic_auth.username}:{basic_auth.password.reveal()}"
        sent["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
    if bearer_token:
        sent["Authorization"] = f"Bearer {bearer_token.reveal()}"
    return sent
