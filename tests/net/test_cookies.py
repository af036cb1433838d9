"""Cookies go where they may, within one round."""

import pytest

from slo.net.cookies import Cookies
from slo.net.http1 import Response
from slo.net.url import URL

FROM = URL.parse("https://www.example.org/a/page")


def setting(*cookies: str) -> Response:
    headers = tuple((b"Set-Cookie", cookie.encode()) for cookie in cookies)
    return Response(status=302, version="1.1", headers=headers)


GOES = {
    "to the same host": ("a=1", "https://www.example.org/a/other", "a=1"),
    "not to another path": ("a=1", "https://www.example.org/b", ""),
    "to every path": ("a=1; Path=/", "https://www.example.org/b", "a=1"),
    "not to another host": ("a=1; Path=/", "https://example.net/", ""),
    "not to a sister": ("a=1; Path=/", "https://api.example.org/", ""),
    "to the whole domain": ("a=1; Path=/; Domain=example.org", "https://api.example.org/", "a=1"),
    "not to a foreign domain": ("a=1; Path=/; Domain=example.net", "https://example.net/", ""),
    "not to a whole country": ("a=1; Path=/; Domain=org", "https://wikipedia.org/", ""),
    "in the clear": ("a=1; Path=/", "http://www.example.org/", "a=1"),
    "not in the clear": ("a=1; Path=/; Secure", "http://www.example.org/", ""),
    "not when it is over": ("a=1; Path=/; Max-Age=0", "https://www.example.org/", ""),
    "not when it makes no sense": ("\x00", "https://www.example.org/", ""),
}


@pytest.mark.parametrize(("cookie", "to", "header"), GOES.values(), ids=GOES.keys())
def test_a_cookie_goes(cookie: str, to: str, header: str) -> None:
    cookies = Cookies()
    cookies.take(FROM, setting(cookie))
    assert cookies.header(URL.parse(to)) == header


def test_later_cookies_join_and_replace_earlier_ones() -> None:
    cookies = Cookies()
    cookies.take(FROM, setting("a=1; Path=/", "b=2; Path=/"))
    cookies.take(FROM, setting("a=3; Path=/"))
    cookies.take(FROM, Response(status=302, version="1.1", headers=()))
    assert sorted(cookies.header(FROM).split("; ")) == ["a=3", "b=2"]
