"""Cookies within one round: what a response sets comes along with the redirect that it makes, and with later steps."""

from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request as Asked

from slo.net.http1 import Response
from slo.net.url import URL


class Cookies:
    """The standard library's cookies of browsers, RFC 6265 in all that one round can tell."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def take(self, url: URL, response: Response) -> None:
        """Keep what a response to `url` sets."""
        message = Message()
        for name, value in response.headers:
            if name.lower() == b"set-cookie":
                message["Set-Cookie"] = value.decode("latin-1")
        if message:
            self._jar.extract_cookies(_Headers(message), _asked(url))  # type: ignore[arg-type]

    def header(self, url: URL) -> str:
        """What a request to `url` has in its header Cookie; empty without any."""
        asked = _asked(url)
        self._jar.add_cookie_header(asked)
        return asked.get_header("Cookie") or ""

    def value(self, name: str) -> str | None:
        """The value of the cookie of this name that was set last; None without one."""
        found = [cookie.value for cookie in self._jar if cookie.name == name]
        return found[-1] if found else None


class _Headers:
    """What a cookie jar reads of a response."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def info(self) -> Message:
        return self._message


def _asked(url: URL) -> Asked:
    return Asked(f"{url.origin}{url.resource}")  # noqa: S310 - nothing is opened
