"""Far sides that take everything as fast as it comes, in a process of their own: `python -m benchmarks._sink PORT`.

`/bulk/_bulk` answers for each document as Elasticsearch does, `/hang` never answers, everything else takes what comes.
"""

import asyncio
import gzip
import sys

from aiohttp import web

MOST_BYTES = 100_000_000
ITEM = '{"create":{"status":201}}'


async def bulk(request: web.Request) -> web.Response:
    """An answer for each document: two lines are one."""
    body = await request.read()
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)  # what aiohttp has not done already
    items = ",".join([ITEM] * (body.count(b"\n") // 2))
    text = f'{{"took":1,"errors":false,"items":[{items}]}}'
    return web.Response(text=text, content_type="application/json", headers={"X-Elastic-Product": "Elasticsearch"})


async def put(request: web.Request) -> web.Response:
    """What is asked and said before documents go: there is no template, and ours is taken."""
    await request.read()
    if request.method == "GET":
        return web.json_response({}, status=404)
    return web.json_response({"acknowledged": True})


async def taken(request: web.Request) -> web.Response:
    """It is taken."""
    await request.read()
    return web.Response(status=202, body=b'{"errors":[]}', content_type="application/json")


async def protobuf(request: web.Request) -> web.Response:
    """It is taken, as OTLP says that."""
    await request.read()
    return web.Response(body=b"", content_type="application/x-protobuf")


async def ready(_request: web.Request) -> web.Response:
    """It listens."""
    return web.Response()


async def hang(_request: web.Request) -> web.Response:
    """No answer ever comes."""
    await asyncio.Event().wait()
    return web.Response()


def main() -> None:
    """Listen on the port that the command line names."""
    application = web.Application(client_max_size=MOST_BYTES)
    application.router.add_get("/-/ready", ready)
    application.router.add_route("*", "/bulk/_bulk", bulk)
    application.router.add_route("*", "/bulk/_index_template/{name}", put)
    application.router.add_post("/v1/{signal}", protobuf)
    application.router.add_route("*", "/hang{rest:.*}", hang)
    application.router.add_route("*", "/{rest:.*}", taken)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
