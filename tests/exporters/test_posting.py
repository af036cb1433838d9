"""What a server says back of a request shows none of its secrets, however they are quoted there."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest

from exporters.posting import Posting
from slo.config.forwarding import PostingConfig
from slo.core.delivery import Ambiguous, Retry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile

TOKEN = 'bearer"secret\\of-many'
KEY = "query-key+of-mine"


@pytest.mark.parametrize("quoting", [str, lambda text: json.dumps(text)[1:-1], lambda text: repr(text)[1:-1], quote])
def test_secrets_are_hidden_as_they_are_and_as_they_are_quoted(quoting: "type[str]") -> None:
    url = f"https://far.example/write?key={quote(KEY, safe='')}&a=b"
    config = PostingConfig.model_validate({"url": url, "bearer_token": TOKEN})
    posting = Posting(config, Context.default(SteadyClock()))
    said = posting.hidden(f"no {quoting(TOKEN)} at {quoting(KEY)} a b")
    assert said == "no <secret> at <secret> a b"
    assert "mine" not in posting.shown


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
async def test_what_a_server_asks_to_wait_for_is_told_whatever_it_says_beside(
    status: str, header: str, least: float, most: float
) -> None:
    answer = hostile.answering(f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode())
    async with hostile.serving(answer) as port:
        posting = Posting(PostingConfig(url=f"http://127.0.0.1:{port}/"), Context.default(SteadyClock()))
        found = await posting.ask(posting.request("POST"))
    assert isinstance(found, Retry | Ambiguous)
    assert found.after_seconds is not None
    assert least <= found.after_seconds <= most
