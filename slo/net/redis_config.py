"""How a Redis or a Sentinel is reached and logged in to, as configurations of checks say it."""

from pydantic import model_validator

from slo.config.tls import TLSSettings
from slo.config.types import HostPort, Secret, wrong
from slo.net.attempt import Endpoint
from slo.net.redis import RedisLogin
from slo.net.target import TargetConfig


class RedisConfig(TargetConfig):
    """The configuration of a check that logs in to a Redis."""

    target: HostPort
    """Where to connect to, as cache.example:6379."""

    username: str | None = None
    """The user, where the server has users (ACL)."""

    password: Secret | None = None
    """The password of the user, or the server's own."""

    tls: TLSSettings | None = None
    """Speak TLS, and verify the other side as this says; {} is the usual verification."""

    @model_validator(mode="after")
    def _who(self) -> "RedisConfig":
        if self.username is not None and self.password is None:
            raise wrong("has a username without a password", "give both, or the password alone")
        return self

    def login(self, database: int | None = None) -> RedisLogin:
        """Who logs in, and to which database."""
        return RedisLogin(username=self.username, password=self.password, database=database)

    def reached_at(self) -> Endpoint:
        """Where to connect to."""
        return self.endpoint(self.target.host, self.target.port, scheme="redis", tls=self.tls)
