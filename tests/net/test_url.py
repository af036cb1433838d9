"""URLs are taken apart as they are sent, and shown without what may be secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.net.url import URL


@pytest.mark.parametrize(
    ("text", "host", "port", "authority", "resource"),
    [
        ("http://a", "a", 80, "a", "/"),
        ("https://a.example:443/x?y=1#z", "a.example", 443, "a.example", "/x?y=1"),
        ("http://a:443/", "a", 443, "a:443", "/"),
        ("HTTP://A.Example/P", "a.example", 80, "a.example", "/P"),
        ("http://[2001:db8::1]:8080/", "2001:db8::1", 8080, "[2001:db8::1]:8080", "/"),
        ("http://bücher.example/ä?ö=ü", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/%C3%A4?%C3%B6=%C3%BC"),
        ("http://a/100%25/a%2Fb?c=%20d", "a", 80, "a", "/100%25/a%2Fb?c=%20d"),
    ],
)
def test_parts(text: str, host: str, port: int, authority: str, resource: str) -> None:
    url = URL.parse(text)
    assert (url.host, url.port, url.authority, url.resource) == (host, port, authority, resource)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "//a/",
        "ftp://a/",
        "http:///",
        "http://:80/",
        "http://a:0/",
        "http://a:x/",
        "http://[::1/",
        "http://u:p@a/",
        "http://a b/",
        "http://a/\r\nX: y",
        "http://a\x00b/",
        f"http://{'ü' * 64}.example/",
        "http://a:99999/",
    ],
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        URL.parse(text)


@pytest.mark.parametrize(
    ("location", "to"),
    [
        ("/there", "https://a:8443/there"),
        ("there", "https://a:8443/path/there"),
        ("?q", "https://a:8443/path/here?..."),
        ("", "https://a:8443/path/here?..."),
        ("//b/there", "https://b/there"),
        ("http://b", "http://b/"),
        ("../../../up", "https://a:8443/up"),
    ],
)
def test_redirects(location: str, to: str) -> None:
    assert URL.parse("https://a:8443/path/here?secret").redirected(location).shown == to


@pytest.mark.parametrize(
    "location", ["http://", "https:", "http:there", "mailto:a@b", "javascript:alert(1)", "http://u@b/"]
)
def test_redirects_to_nowhere(location: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        URL.parse("https://a/").redirected(location)


@given(st.text())
def test_a_location_is_a_url_or_a_value_error(location: str) -> None:
    try:
        url = URL.parse("http://a/").redirected(location)
    except ValueError:
        return
    line = f"{url.authority} {url.resource}"
    assert line.isascii()
    assert line.isprintable()
    assert " " not in url.resource
