"""How a SQL database is reached and logged in to, as configurations of checks say it."""

from typing import Annotated

from pydantic import AfterValidator, model_validator

from slo.config.tls import TLSSettings
from slo.config.types import HostPort, Secret, wrong
from slo.net.attempt import Endpoint
from slo.net.sql import SQLLogin
from slo.net.target import TargetConfig


def _whole(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise wrong("is no text that a database takes", "write it without zero bytes, and not empty")
    return text


Text = Annotated[str, AfterValidator(_whole)]


class SQLConfig(TargetConfig):
    """The configuration of a check that logs in to a database."""

    target: HostPort
    """Where to connect to, as db.example:5432."""

    username: Text
    """The user that logs in."""

    password: Secret | None = None
    """The user's password."""

    tls: TLSSettings | None = None
    """Go over to TLS before the login, and verify the other side as this says; {} is the usual verification."""

    @model_validator(mode="after")
    def _secret(self) -> "SQLConfig":
        if self.password is not None and "\0" in self.password.reveal():
            raise wrong("has a password with a zero byte", "no database takes one; write another")
        return self

    def login(self, database: str | None = None) -> SQLLogin:
        """Who logs in, and to which database."""
        return SQLLogin(username=self.username, password=self.password, database=database)

    def reached_at(self, dialect: str) -> Endpoint:
        """Where to connect to, and what is spoken there."""
        return self.endpoint(self.target.host, self.target.port, scheme=dialect, tls=self.tls)
