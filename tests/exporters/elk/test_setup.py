"""The template is put once, before anything is sent, and never over what is not ours to change."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporters.elk.setup import Setup
from exporters.elk.template import FIELDS_LIMIT, VERSION, template
from exporters.forwarders.elk import Config
from exporters.posting import Posting
from slo.core.delivery import Ambiguous, Retry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.databases import DOCS
from tests.elastic import Searchable

WARNING = "the index template cannot be put: somebody else has to, or fields cannot all be searched for"
Answer = Callable[[str], tuple[int, str]]
"""What a server says to a method: a status and a body."""


def setup(port: int, index: str | None = None) -> Setup:
    config = Config.model_validate({"url": f"http://127.0.0.1:{port}", "timeout": "10s"})
    return Setup(Posting(config, Context.default(SteadyClock())), index)


class Server:
    """Answers requests for templates, and keeps which there were."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await hostile.request(reader)).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        method, path, _ = head.split(" ", 2)
        self.asked.append(f"{method} {path}" + (f" v{json.loads(body)['version']}" if body else ""))
        status, said = self._answers.pop(0)
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        writer.close()


def kept(**template: Any) -> tuple[int, str]:
    """The answer of a server that has a template."""
    return 200, json.dumps({"index_templates": [{"name": "watchkeep", "index_template": template}]})


def ours(version: int) -> tuple[int, str]:
    return kept(version=version, _meta={"managed_by": "watchkeep"})


NONE, DONE, FORBIDDEN, BAD, BUSY = (404, "{}"), (200, '{"acknowledged": true}'), (403, "{}"), (400, "{}"), (503, "")
LOOK, CREATE = "GET /_index_template/watchkeep", f"PUT /_index_template/watchkeep?create=true v{VERSION}"
REPLACE = f"PUT /_index_template/watchkeep v{VERSION}"
FOREIGN = "an index template of this name is not ours: it stays as it is"


@pytest.mark.parametrize(
    ("answers", "asked", "warnings"),
    [
        ([NONE, DONE], [LOOK, CREATE], []),
        ([ours(VERSION - 1), DONE], [LOOK, REPLACE], []),
        ([ours(VERSION)], [LOOK], []),
        ([ours(VERSION + 1)], [LOOK], []),
        ([kept(version=0)], [LOOK], [FOREIGN]),
        ([kept(version=0, _meta={"managed_by": "fleet"})], [LOOK], [FOREIGN]),
        ([kept(version=0, _meta=None)], [LOOK], [FOREIGN]),
        ([FORBIDDEN], [LOOK], [WARNING]),
        ([NONE, FORBIDDEN], [LOOK, CREATE], [WARNING]),
        ([NONE, BAD, NONE, BAD], [LOOK, CREATE] * 2, [WARNING]),
        ([NONE, BAD, ours(VERSION)], [LOOK, CREATE, LOOK], []),
    ],
)
async def test_it_is_put_where_that_is_ours_to_do_and_sending_goes_on_where_it_is_not(
    answers: list[tuple[int, str]], asked: list[str], warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(*answers)
    async with hostile.serving(server.behave) as port:
        doing = setup(port)
        assert await doing.run() is None
        assert await doing.run() is None, "once"
    assert server.asked == asked
    assert [record.message for record in caplog.records] == warnings


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([BUSY], "server_error"),
        ([(429, "")], "rate_limited"),
        ([(401, "")], "auth_refused"),
        ([(302, "")], "redirected"),
        ([(200, "<html>a captive portal</html>")], "response_malformed"),
        ([(200, "{}")], "response_malformed"),
        ([(200, "[" * 10_000)], "response_malformed"),
        ([NONE, BUSY], "server_error"),
        ([NONE, (404, "")], "rejected"),
        ([NONE, (200, '{"acknowledged": false}')], "response_malformed"),
    ],
)
async def test_nothing_is_sent_before_the_server_has_answered(answers: list[tuple[int, str]], reason: str) -> None:
    server = Server(*answers, NONE, DONE)
    async with hostile.serving(server.behave) as port:
        doing = setup(port)
        found = await doing.run()
        assert isinstance(found, Retry | Ambiguous)
        assert found.reason == reason
        assert await doing.run() is None, "the next time it works"
    assert server.asked[-1] == CREATE


async def test_a_real_server_takes_it_and_maps_by_it(elasticsearch_like: Searchable) -> None:
    client = elasticsearch_like.client
    assert await setup(elasticsearch_like.port).run() is None
    [found] = client.indices.get_index_template(name="watchkeep")["index_templates"]
    assert found["index_template"]["version"] == VERSION
    assert found["index_template"]["_meta"]["managed_by"] == "watchkeep"
    index = "metrics-watchkeep.metrics-mapped"
    source = {"labels": {"slo": "a-b"}, "metrics": {"slo_up": 1}, "foreign": {"field": 1}, "@timestamp": "2026-11-26"}
    client.index(index=index, id="1", document=source, op_type="create", refresh=True)
    fields = client.indices.get_mapping(index=index)[index]["mappings"]["properties"]
    assert fields["labels"]["properties"]["slo"] == {"type": "keyword", "ignore_above": 1024}
    assert fields["metrics"]["properties"]["slo_up"] == {"type": "double"}
    assert fields["slo"]["properties"]["counts"]["properties"]["good"] == {"type": "long"}
    assert "foreign" not in fields, "nobody else makes fields"
    assert client.count(index=index, query={"term": {"labels.slo": "a-b"}})["count"] == 1


@pytest.mark.parametrize("index", [None, "watchkeep-%Y.%m.%d", "own"])
async def test_it_is_taken_by_both_servers(
    elasticsearch_like: Searchable, opensearch_like: Searchable, index: str | None
) -> None:
    name, _ = template(index)
    for server in (elasticsearch_like, opensearch_like):
        assert await setup(server.port, index).run() is None
        assert server.client.indices.exists_index_template(name=name)


def test_the_template_bounds_what_others_can_make_of_an_index() -> None:
    _, body = template("watchkeep-%Y.%m")
    assert body["index_patterns"] == ["watchkeep-*.*"]
    inner: Any = body["template"]
    assert isinstance(inner, Mapping)
    assert inner["settings"]["index.mapping.total_fields.limit"] == FIELDS_LIMIT
    assert inner["mappings"]["dynamic"] is False
    dynamic = [name for name, field in inner["mappings"]["properties"].items() if field.get("dynamic")]
    assert dynamic == ["labels", "metrics", "watchkeep"]


def test_every_field_is_documented() -> None:
    def leaves(fields: Mapping[str, Any], before: str = "") -> list[str]:
        found = list[str]()
        for name, field in fields.items():
            inner = field.get("properties")
            found += leaves(inner, f"{before}{name}.") if inner else [before + name]
        return found

    _, body = template(None)
    inner: Any = body["template"]
    text = (DOCS / "forwarders" / "elk.md").read_text(encoding="utf-8")
    named = leaves(inner["mappings"]["properties"])
    assert len(named) > 30
    assert [name for name in named if f"`{name}`" not in text and f"`{name}." not in text] == []
