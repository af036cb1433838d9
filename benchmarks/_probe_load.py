"""Asks `/probe` as Prometheus does, on connections that stay open, as fast as it is answered or at a pace.

`python -m benchmarks._probe_load ADDRESS QUERY CONNECTIONS RATE SECONDS` prints what it saw as JSON; a rate of 0 asks
as fast as it can.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import uvloop


@dataclass(kw_only=True)
class Seen:
    """What was answered: the seconds that each took from when it was due, and how many did not succeed."""

    took: list[float] = field(default_factory=list)
    failed: int = 0


async def ask(address: str, query: str, due: "asyncio.Queue[float] | None", until: float, seen: Seen) -> None:
    """Ask on one connection, one after another: whenever one is due, or again and again."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = (
        f"GET /probe?{query} HTTP/1.1\r\nHost: {address}\r\nAccept: text/plain;version=0.0.4\r\n"
        "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
    ).encode()
    while (now := time.monotonic()) < until:
        begun = now if due is None else await due.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b"chunked" in head.lower():
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        seen.took.append(time.monotonic() - begun)
        seen.failed += b"\nprobe_success 1" not in body
    writer.close()


async def main(address: str, query: str, connections: int, rate: float, seconds: float) -> None:
    """Ask, and print."""
    seen, began = Seen(), time.monotonic()
    until = began + seconds
    due: asyncio.Queue[float] | None = asyncio.Queue() if rate else None
    asking = [asyncio.create_task(ask(address, query, due, until, seen)) for _ in range(connections)]
    if due is not None:
        for number in range(int(rate * seconds)):
            moment = began + number / rate
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            due.put_nowait(moment)
    await asyncio.wait(asking, timeout=max(0.0, until - time.monotonic()) + 2.0)
    passed = min(time.monotonic() - began, seconds)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    took = sorted(seen.took)
    print(
        json.dumps(
            {
                "probes": len(took),
                "failed": seen.failed,
                "seconds": passed,
                "p50": took[len(took) // 2],
                "p99": took[int(len(took) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    where, what, *numbers = sys.argv[1:]
    uvloop.run(main(where, what, int(numbers[0]), float(numbers[1]), float(numbers[2])))
