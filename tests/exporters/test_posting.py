"""What a server says back of a request shows none of its secrets, however they are quoted there."""

import json
from urllib.parse import quote

import pytest

from exporters.posting import Posting
from slo.config.forwarding import PostingConfig
from slo.net.context import Context
from slo.runner.clock import SteadyClock

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
