"""The keys of one request over HTTP with all that may be in it, and of what its response must be."""

from typing import Annotated

from pydantic import AfterValidator, model_validator

from slo.config.content import Content, ContentFile
from slo.config.request import is_token
from slo.config.types import wrong
from slo.net.expect import Expect
from slo.net.request_config import RequestConfig

_FOLLOWED = frozenset({"301", "302", "303", "307", "308"})


def _method(value: str) -> str:
    if not is_token(value) or value == "CONNECT":
        raise wrong(f"{value!r} is no method of a request", "write it as GET or POST")
    return value


class ExchangeConfig(RequestConfig):
    """One request to one URL, and what the response must be."""

    method: Annotated[str, AfterValidator(_method)] = "GET"
    """The method of the request."""

    body: Content | None = None
    """The body of the request. It is kept secret."""

    body_file: ContentFile | None = None
    """The path of a file that holds the body, byte by byte; it is read when the configuration is."""

    http2: bool = True
    """Offer HTTP/2 to a server over TLS, which may choose it."""

    expect: Expect = Expect()
    """What the response must be."""

    @model_validator(mode="after")
    def _agrees(self) -> "ExchangeConfig":
        if self.follow_redirects and _FOLLOWED.issuperset(self.expect.status):
            raise wrong("expects a redirect and follows it", "add follow_redirects: false")
        if self.body and self.body_file:
            raise wrong("has a body twice", "keep body or body_file")
        return self
