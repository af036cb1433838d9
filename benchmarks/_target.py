"""A target for the probe benchmark: a process that answers every request with 200 and closes, as cheaply as Python can.

`python -m benchmarks._target` prints the port that it listens on and serves until it is killed.
"""

import asyncio
from typing import cast

import uvloop

BODY = b'{"status":"UP"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)


class Answer(asyncio.Protocol):
    """Answers when the request's headers have ended."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        """Answer and close once the blank line has come."""
        self._received += data
        if self._transport and b"\r\n\r\n" in self._received:
            self._transport.write(ANSWER)
            self._transport.close()


async def main() -> None:
    """Serve on a free loopback port."""
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
