"""Who may do what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import UsageError
from slo.web.access import Access, Asked, Listen, parse_listen, refuse_unsafe

TOKEN = "0123456789abcdefghij"
RIGHT = f"Bearer {TOKEN}"
LOOPBACK = Listen(host="127.0.0.1", port=9990)
EVERYWHERE = Listen(host="0.0.0.0", port=9990)


def asked(
    method: str = "GET",
    path: str = "/api/v1/slos",
    *,
    host: str = "127.0.0.1:9990",
    headers: tuple[str, ...] = (),
    authorization: str = "",
    fetch_site: str = "",
) -> Asked:
    return Asked(
        method=method,
        path=path,
        hosts=[host],
        header_names=["Host", *headers],
        authorization=authorization,
        fetch_site=fetch_site,
    )


@pytest.mark.parametrize(
    ("listen", "request_", "status"),
    [
        (LOOPBACK, asked(), None),
        (LOOPBACK, asked("HEAD"), None),
        (LOOPBACK, asked(host="localhost:8000"), None),
        (LOOPBACK, asked(host="LOCALHOST"), None),
        (LOOPBACK, asked(host="[::1]:9990"), None),
        (LOOPBACK, asked(host="127.8.9.1"), None),
        (LOOPBACK, asked(host="evil.example:9990"), 401),
        (LOOPBACK, asked(host="localhost.evil.example"), 401),
        (LOOPBACK, asked(host="127.0.0.1.evil.example"), 401),
        (LOOPBACK, asked(host="localhost@evil.example"), 401),
        (LOOPBACK, asked(host="evil.example/localhost"), 401),
        (LOOPBACK, asked(host="10.0.0.1"), 401),
        (LOOPBACK, asked(host="0.0.0.0"), 401),
        (LOOPBACK, asked(host=""), 401),
        (LOOPBACK, asked(host="evil.example", authorization=RIGHT), None),
        (LOOPBACK, asked(headers=("Forwarded",)), 401),
        (LOOPBACK, asked(headers=("x-forwarded-for",)), 401),
        (LOOPBACK, asked(headers=("X-Forwarded-Host",)), 401),
        (LOOPBACK, asked(headers=("X-Real-IP",)), 401),
        (LOOPBACK, asked(headers=("X-Forwarded-For",), authorization=RIGHT), None),
        (LOOPBACK, asked("POST"), 401),
        (LOOPBACK, asked("PUT"), 401),
        (LOOPBACK, asked("OPTIONS"), 401),
        (LOOPBACK, asked("POST", "/-/healthy"), 401),
        (LOOPBACK, asked("POST", authorization=RIGHT), None),
        (LOOPBACK, asked("POST", authorization=f"bearer {TOKEN}"), None),
        (LOOPBACK, asked("POST", authorization=f"Basic {TOKEN}"), 401),
        (LOOPBACK, asked("POST", authorization=TOKEN), 401),
        (LOOPBACK, asked("POST", authorization="Bearer "), 401),
        (LOOPBACK, asked("POST", authorization=RIGHT, fetch_site="cross-site"), 403),
        (LOOPBACK, asked("POST", authorization=RIGHT, fetch_site="same-site"), 403),
        (LOOPBACK, asked("POST", authorization=RIGHT, fetch_site="same-origin"), None),
        (LOOPBACK, asked("POST", authorization=RIGHT, fetch_site="none"), None),
        (LOOPBACK, asked(fetch_site="cross-site"), None),
        (EVERYWHERE, asked(), 401),
        (EVERYWHERE, asked(path="/metrics"), 401),
        (EVERYWHERE, asked(path="/metrics", authorization=RIGHT), None),
        (EVERYWHERE, asked(path="/-/healthy", host="pod.example"), None),
        (EVERYWHERE, asked(path="/-/ready"), None),
        (EVERYWHERE, asked("POST", "/-/ready"), 401),
        (EVERYWHERE, asked(path="/-/healthy/"), 401),
    ],
)
def test_a_request_is_served_or_refused(listen: Listen, request_: Asked, status: int | None) -> None:
    refusal = Access(listen=listen, token=TOKEN).refusal(request_)
    assert (refusal.status if refusal else None) == status


def test_a_request_without_a_host_is_not_from_a_browser_and_is_trusted() -> None:
    plain = Asked(method="GET", path="/", hosts=[], header_names=[])
    assert Access(listen=LOOPBACK, token=TOKEN).refusal(plain) is None


def test_one_foreign_host_among_several_ends_the_trust() -> None:
    mixed = Asked(method="GET", path="/", hosts=["localhost", "evil.example"], header_names=[])
    assert Access(listen=LOOPBACK, token=TOKEN).refusal(mixed) is not None


@given(st.text() | st.just(TOKEN))
def test_no_other_text_than_the_token_opens_anything(given_text: str) -> None:
    access = Access(listen=EVERYWHERE, token=TOKEN)
    assert access.has_token(asked(authorization=f"Bearer {given_text}")) == (given_text.strip() == TOKEN)


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer x"])
def test_an_empty_token_opens_nothing(authorization: str) -> None:
    access = Access(listen=LOOPBACK, token="")
    assert access.refusal(asked("POST", authorization=authorization)) is not None


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9990", Listen(host="127.0.0.1", port=9990)),
        ("[::1]:0", Listen(host="::1", port=0)),
        ("watch.example:80", Listen(host="watch.example", port=80)),
    ],
)
def test_a_listen_address_is_read_and_written_alike(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen
    assert str(listen) == text


@pytest.mark.parametrize("text", ["", "9990", ":9990", "127.0.0.1", "127.0.0.1:", "a:b", "::1:9990", "h:65536", "h:1 "])
def test_a_wrong_listen_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"write HOST:PORT, for instance 127\.0\.0\.1:9990"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("host", "token", "safe"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "", True),
        ("::1", "", True),
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("watch.example", "", False),
        ("10.0.0.1", "short", False),
        ("10.0.0.1", TOKEN, True),
    ],
)
def test_an_address_that_others_reach_needs_a_good_token(host: str, token: str, *, safe: bool) -> None:
    listen = Listen(host=host, port=9990)
    if safe:
        refuse_unsafe(listen, token)
    else:
        with pytest.raises(UsageError, match=r"listen on 127\.0\.0\.1:9990, or put 16 random characters"):
            refuse_unsafe(listen, token)
