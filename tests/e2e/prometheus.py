"""A real Prometheus that scrapes every second what it is told to."""

import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.services import Service, free_port, program


class Prometheus:
    """A running Prometheus, to be asked."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query: metrics with their values."""
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result

    def ask(self, what: str, **parameters: str) -> Any:
        """The data of an answer of its API. Raises ValueError with what it says where it refuses the question."""
        body = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", body, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from None


@contextlib.contextmanager
def scraping(folder: Path, target: str) -> Iterator[Prometheus]:
    """Prometheus scraping `target` (host:port), with its files in `folder`."""
    with running(folder, [{"job_name": "watchkeep", "static_configs": [{"targets": [target]}]}]) as prometheus:
        yield prometheus


@contextlib.contextmanager
def running(
    folder: Path,
    scrape_configs: Sequence[Mapping[str, Any]],
    *,
    rules: str = "",
    alerting: Mapping[str, Any] | None = None,
) -> Iterator[Prometheus]:
    """Prometheus scraping as these sections of its configuration say, with these rules, and its files in `folder`."""
    folder.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (folder / "rules.yml").write_text(rules, encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": scrape_configs,
        "rule_files": [str(folder / "rules.yml")],
        "alerting": alerting or {},
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    command = [
        program("prometheus", package="prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ready() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=2):
            return True
        return False

    with Service(command, port=port, folder=folder, ready=ready):
        yield Prometheus(url)
