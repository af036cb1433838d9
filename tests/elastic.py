"""Two servers that speak the API of Elasticsearch, one of each for a session, and the official client for both.

`noida-db` calls itself Elasticsearch 8 and holds data streams as plain indices; it applies templates. `osmem-server`
calls itself OpenSearch 3 and has no data streams. Both are of the development group and come with the environment.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from elastic_transport import HttpHeaders, Urllib3HttpNode
from elastic_transport._node import NodeApiResponse
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import Elasticsearch

from tests.services import Service, free_port


def packaged(package: str, path: str) -> str:
    """The path of a program that a Python package ships. Fails the test where it is missing."""
    spec = importlib.util.find_spec(package)
    found = Path(spec.origin).parent / path if spec and spec.origin else None
    if found is None or not found.is_file():
        pytest.fail(f"{package} is missing: ./run test makes an environment that has it")
    return str(found)


class _PlainNode(Urllib3HttpNode):
    """Says `application/json` instead of the media type of one version of Elasticsearch, which OpenSearch refuses."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: DefaultType | float | None = DEFAULT,
    ) -> NodeApiResponse:
        json = {"accept": "application/json", "content-type": "application/json"}
        return super().perform_request(method, target, body, HttpHeaders({**(headers or {}), **json}), request_timeout)


@dataclass(frozen=True, kw_only=True, slots=True)
class Searchable:
    """A server, and the official client to look into it."""

    port: int
    client: Elasticsearch

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def documents(self, index: str) -> dict[str, Mapping[str, Any]]:
        """All documents of indices, by id."""
        self.client.indices.refresh(index=index)
        found = self.client.search(index=index, size=10_000)["hits"]["hits"]
        assert len(found) < 10_000, "a search gives no more"
        documents = {hit["_id"]: hit["_source"] for hit in found}
        assert len(documents) == len(found), "an id is there twice"
        return documents

    def sum(self, index: str, field: str) -> float:
        """The sum of a field over indices, as the server reckons it."""
        self.client.indices.refresh(index=index)
        found = self.client.search(index=index, size=0, aggs={"sum": {"sum": {"field": field}}})
        return float(found["aggregations"]["sum"]["value"])


def _searchable(port: int) -> Iterator[Searchable]:
    with Elasticsearch(f"http://127.0.0.1:{port}", node_class=_PlainNode) as client:
        yield Searchable(port=port, client=client)


@pytest.fixture(scope="session")
def elasticsearch_like(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searchable]:
    """An Elasticsearch with templates."""
    port, folder = free_port(), tmp_path_factory.mktemp("elasticsearch")
    command = [packaged("noida_db", "noida-db"), "start", "--only", "elasticsearch", "--host", "127.0.0.1"]
    command += ["--elasticsearch-port", str(port), "--data-dir", str(folder / "data")]
    with Service(command, port=port, folder=folder):
        yield from _searchable(port)


@pytest.fixture(scope="session")
def opensearch_like(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searchable]:
    """An OpenSearch without data streams."""
    port, folder = free_port(), tmp_path_factory.mktemp("opensearch")
    command = [packaged("osmem_server", "bin/osmem-server"), "-addr", f"127.0.0.1:{port}", "-no-stdin-watch"]
    with Service(command, port=port, folder=folder):
        yield from _searchable(port)
