"""The servers that imported SLIs are asked of."""

from dataclasses import dataclass

from slo.errors import UsageError
from slo.interop.values import ADDRESS, NAME, refusal

DEFAULT_URL = "http://127.0.0.1:9090"


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A Prometheus-compatible server. `assumed`: nobody says that `url` is its address."""

    name: str
    url: str
    assumed: bool

    @classmethod
    def given(cls, name: str, url: str | None) -> "Server":
        """The server as a command line gives it. Raises UsageError."""
        refused_name, refused_url = refusal(name, NAME), refusal(url or DEFAULT_URL, ADDRESS)
        if refused_name:
            raise UsageError(f"--server: {'; '.join(refused_name)}")
        if refused_url:
            raise UsageError(f"--server-url: {'; '.join(refused_url)}")
        return cls(name=name, url=url or DEFAULT_URL, assumed=url is None)
