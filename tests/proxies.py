"""An HTTP proxy for tests: it makes tunnels, passes requests on, and remembers what it was asked for."""

import contextlib
import http.client
import select
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit


@dataclass(kw_only=True)
class Proxying:
    """A proxy that runs. `asked` are the request lines that it got, and `headers` those of the last one.

    Names in `known` are resolved to loopback, and only those; a tunnel is refused with `refuses`, where that is set.
    """

    known: frozenset[str] = frozenset({"localhost", "127.0.0.1"})
    refuses: int = 0
    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def proxying(*known: str, refuses: int = 0) -> Iterator[Proxying]:
    """A proxy on a port of 127.0.0.1."""
    state = Proxying(known=Proxying.known | set(known), refuses=refuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Keep quiet."""

        def _remember(self) -> None:
            state.asked.append(self.requestline)
            state.headers = {name.lower(): value for name, value in self.headers.items()}
            self.close_connection = True

        def do_GET(self) -> None:
            self._remember()
            parts = urlsplit(self.path)
            if parts.hostname not in state.known:
                self.send_error(502)
                return
            onward = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=10)
            onward.request("GET", parts.path or "/", headers={"Host": self.headers["Host"]})
            answer = onward.getresponse()
            body = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            onward.close()

        def do_CONNECT(self) -> None:
            self._remember()
            host, _, port = self.path.rpartition(":")
            if state.refuses or host not in state.known:
                self.send_error(state.refuses or 502)
                return
            with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as onward:
                self.send_response_only(200)
                self.end_headers()
                _pass_on(self.connection, onward)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Between two connections, until one of them ends."""
    to = {one: other, other: one}
    while True:
        for ready in select.select([one, other], [], [], 10)[0]:
            with contextlib.suppress(ConnectionError):
                if data := ready.recv(65_536):
                    to[ready].sendall(data)
                    continue
            return
