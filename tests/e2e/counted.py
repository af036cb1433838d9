"""A service that counts what it does, as services do: a process of its own with the Python client of Prometheus."""

import random
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Self

from tests.services import Service, free_port

PROGRAM = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder

registry = CollectorRegistry()
requests = Counter("http_requests", "Requests.", ["code", "cluster"], registry=registry)

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        body, kind = b"", "text/plain"
        if url.path == "/metrics":
            encode, kind = choose_encoder(self.headers.get("Accept"))
            body = encode(registry)
        else:
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            requests.labels(asked["code"], asked["cluster"]).inc(int(asked["times"]))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Counted:
    """The service. `served` is what it was asked to count, by (code, cluster), over all its lives."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.served: dict[tuple[str, str], int] = {}
        self._service = Service([sys.executable, "-c", PROGRAM, str(self.port)], port=self.port, folder=folder)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def serve(self, code: str, times: int, *, cluster: str = "eu") -> None:
        """Have it serve so many requests."""
        url = f"http://{self.address}/work?code={code}&cluster={cluster}&times={times}"
        with urllib.request.urlopen(url, timeout=10):
            self.served[code, cluster] = self.served.get((code, cluster), 0) + times

    def total(self, *, cluster: str = "") -> dict[str, int]:
        """Good and bad requests, of one cluster or of all."""
        found = {"good": 0, "bad": 0}
        for (code, of), times in self.served.items():
            if of == cluster or not cluster:
                found["bad" if code == "500" else "good"] += times
        return found

    def restart(self) -> None:
        """End it, and start it with all its counters gone."""
        self._service.stop()
        self._service.start()

    def __enter__(self) -> Self:
        self._service.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()


class Traffic:
    """Requests that come all the time, as long as it is entered; `fails` says that half of them fail."""

    def __init__(self, service: Counted) -> None:
        self.fails = False
        self._service = service
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        chance = random.Random(1)
        while not self._over.is_set():
            self._service.serve("200", chance.randint(1, 9))
            if self.fails:
                self._service.serve("500", chance.randint(1, 9))
            time.sleep(0.02)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
