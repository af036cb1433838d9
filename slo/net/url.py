"""URLs of http and https: where to connect to, what to ask for, and what of it may be shown."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x20\x7f]")

# What may stand in a path or a query as it is; a percent sign belongs to an escape that is there already.
_SAFE = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, kw_only=True, slots=True)
class URL:
    """An absolute URL. `host` is in ASCII and without brackets; `resource` is the path with its query."""

    scheme: str
    host: str
    port: int
    resource: str

    @classmethod
    def parse(cls, text: str) -> "URL":
        """Reads a URL of http or https. Raises ValueError for anything else, and for credentials in it."""
        if _CONTROL.search(text):
            raise ValueError("a control character or a space in it")
        parts = urlsplit(text)
        if parts.scheme not in _PORTS:
            raise ValueError(f"its scheme is {parts.scheme!r}")
        if not parts.hostname or parts.port == 0:
            raise ValueError("no host in it")
        if parts.username is not None or parts.password is not None:
            raise ValueError("credentials in it")
        resource = quote(parts.path or "/", safe=_SAFE)
        if parts.query:
            resource += "?" + quote(parts.query, safe=_SAFE)
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        return cls(scheme=parts.scheme, host=host, port=parts.port or _PORTS[parts.scheme], resource=resource)

    def redirected(self, location: str) -> "URL":
        """Where a Location header leads from here. Raises ValueError."""
        parts = urlsplit(location)
        if parts.scheme and not parts.netloc:
            raise ValueError("no host in it")
        return URL.parse(urljoin(f"{self.origin}{self.resource}", location))

    @property
    def secure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def with_port(self) -> str:
        """Host and port, also where that is the usual one."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Who is asked; other origins get none of our credentials."""
        return f"{self.scheme}://{self.authority}"

    @property
    def shown(self) -> str:
        """The URL for people, without the query: servers put tokens into it."""
        path, question, _ = self.resource.partition("?")
        return f"{self.origin}{path}{'?...' if question else ''}"
