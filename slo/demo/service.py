"""A small HTTP service for the demo, in a process of its own: `python -m slo.demo.service NAME PORT`.

It answers `/health` as a Spring Boot service does, with `{"status":"UP"}`, and says when it listens.
"""

import asyncio
import sys

import click
from aiohttp import web


async def serve(name: str, port: int) -> None:
    """Serve until the process is stopped."""

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"status": "UP", "service": name})

    application = web.Application()
    application.add_routes([web.get("/health", health)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    click.echo(f"{name} listens on {port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit(0)
