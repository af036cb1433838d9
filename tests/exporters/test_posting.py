"""What becomes of a request that forwarders make, and that what a server says back of it shows no secret."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from exporters.posting import Failed, Posting
from slo.config.forwarding import PostingConfig
from slo.core.delivery import Ambiguous, Refused, Retry
from slo.net.context import Context
from slo.net.http1 import Response
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import Behaviour
from tests.services import free_port

TOKEN = 'bearer"secret\\of-many'
KEY = "query-key+of-mine"


def posting(url: str, **keys: object) -> Posting:
    config = PostingConfig.model_validate({"url": url, "timeout": "500ms", **keys})
    return Posting(config, Context.default(SteadyClock()))


async def asked(port: int) -> Response | Failed:
    far = posting(f"http://127.0.0.1:{port}/write")
    return await far.ask(far.request("POST", body=b"records"))


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
async def test_a_success_is_handed_on(status: str) -> None:
    async with hostile.serving(hostile.responding(status)) as port:
        answer = await asked(port)
    assert isinstance(answer, Response)
    assert answer.status == int(status[:3])


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        ("302 Found", Retry, "redirected"),
        ("400 Bad Request", Refused, "rejected"),
        ("401 Unauthorized", Retry, "auth_refused"),
        ("403 Forbidden", Retry, "auth_refused"),
        ("404 Not Found", Retry, "rejected"),
        ("408 Request Timeout", Retry, "request_timeout"),
        ("413 Content Too Large", Refused, "too_large"),
        ("415 Unsupported Media Type", Refused, "rejected"),
        ("425 Too Early", Retry, "rejected"),
        ("429 Too Many Requests", Retry, "rate_limited"),
        ("500 Internal Server Error", Ambiguous, "server_error"),
        ("503 Service Unavailable", Ambiguous, "server_error"),
    ],
)
async def test_what_is_wrong_with_the_moment_or_with_us_is_sent_again_and_what_is_wrong_with_the_records_is_not(
    status: str, verdict: type[Failed], reason: str
) -> None:
    async with hostile.serving(hostile.responding(status, "no no")) as port:
        answer = await asked(port)
    assert isinstance(answer, verdict)
    assert (answer.reason, answer.detail) == (reason, f"HTTP {status[:3]}: no no")


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("Retry-After: 30", 30, 30),
        (f"Retry-After: {format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)}", 3000, 3600),
        ("X-RateLimit-Reset: 7", 7, 7),
    ],
    ids=["seconds", "date", "as Datadog says it"],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "502 Bad Gateway"])
async def test_the_server_says_when_to_come_again(status: str, header: str, least: float, most: float) -> None:
    async with hostile.serving(hostile.responding(status, "", header)) as port:
        answer = await asked(port)
    assert isinstance(answer, Retry | Ambiguous)
    assert answer.after_seconds is not None
    assert least <= answer.after_seconds <= most


async def test_a_page_is_no_success() -> None:
    async with hostile.serving(hostile.responding("200 OK", "<html>Log in!</html>")) as port:
        answer = await asked(port)
    assert answer == Retry(reason="response_malformed", detail="HTTP 200 with a page: <html>Log in!</html>")


@pytest.mark.parametrize("behaviour", [hostile.hanging(), hostile.resetting(), hostile.answering(b"HTTP/1.1 200 OK")])
async def test_what_is_sent_and_never_answered_may_have_been_taken(behaviour: Behaviour) -> None:
    async with hostile.serving(behaviour) as port:
        assert isinstance(await asked(port), Ambiguous)


async def test_where_nobody_listens_nothing_was_taken() -> None:
    answer = await asked(free_port())
    assert isinstance(answer, Retry)
    assert answer.reason == "connect_refused"


@pytest.mark.parametrize("quoting", [str, lambda text: json.dumps(text)[1:-1], lambda text: repr(text)[1:-1], quote])
def test_secrets_are_hidden_as_they_are_and_as_they_are_quoted(quoting: "type[str]") -> None:
    far = posting(f"https://far.example/write?key={quote(KEY, safe='')}&a=b", bearer_token=TOKEN)
    said = far.hidden(f"no {quoting(TOKEN)} at {quoting(KEY)} a b")
    assert said == "no <secret> at <secret> a b"
    assert "mine" not in far.shown
