"""Agents report here what they see.

The token is one of their own: it lies on every node, and is good for nothing else. A report is answered 200 once it is
on disk, and sent again where it was not. What cannot be read of it is said, and the rest is taken: an agent that is
newer than this watch, or a record that is broken, must not keep everything after it from coming in.
"""

import asyncio
import hmac
import json
from http import HTTPStatus

from aiohttp import hdrs, web

from slo.core.batch_document import Understood, batch_of
from slo.errors import StoreError
from slo.net.decoding import decoder_for
from slo.web.answers import Refused, answer, read_body
from slo.web.watch import Watch

BODY_BYTES = 2 * 1024 * 1024
UNFOLDED_BYTES = 16 * 1024 * 1024
"""The largest body, as it comes and as it is meant. Agents send 1 MB, but for a scrape of very many series."""

MOST_BRACKETS = 150_000
"""How many objects and lists a body may be made of: each takes memory that its two bytes do not tell. A scrape has two
for each of its 50,000 series.
"""

MOST_RECORDS = 10_000
"""How many records a body may have. Agents send a fifth of that."""

AT_ONCE = 2
"""How many bodies are read at once: as Python's objects they are many times as large."""

MOST_NAMED = 20
"""How many records are named that cannot be read."""

AGAIN_SECONDS = 10
"""When an agent should send again what could not be taken."""

_IDENTITY = {"", "identity"}


class OutcomesAPI:
    """The handler, over one watch. `body_seconds` is how long a report may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds
        self._reading = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [web.post("/api/v1/outcomes", self.take)]

    async def take(self, request: web.Request) -> web.Response:
        """Take a report, once it is on disk."""
        if refusal := self._refusal(request):
            return refusal
        raw = await read_body(request, self._body_seconds, most_bytes=BODY_BYTES)
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
        async with self._reading:
            body, report = await asyncio.to_thread(_understood, raw, encoding)
            try:
                await self._watch.agents.take(report, body)
            except StoreError as error:
                response = answer({"error": f"it is not on disk: {error}"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
                response.headers[hdrs.RETRY_AFTER] = str(AGAIN_SECONDS)
                return response
        named = list(report.refused.items())[:MOST_NAMED]
        return answer(
            {
                "accepted": len(report.batch.records),
                "refused": [
                    {"record": report.batch.first + index, **report.names.get(index, {}), "error": why}
                    for index, why in named
                ],
            }
        )

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Why nothing is taken from who asks; None where it is an agent."""
        token = self._watch.agents.token
        if token is None:
            sentence = (
                "no agent may report to this watch: write `agents: {token_file: FILE}` into its configuration, and "
                "give the agents that token"
            )
            return answer({"error": sentence}, status=HTTPStatus.FORBIDDEN)
        scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.reveal().encode())
        if right and scheme.lower() == "bearer":
            return None
        sentence = (
            "send `Authorization: Bearer TOKEN` with the token under `agents` in the configuration of this watch; the "
            "one in its data folder is for people and is not taken here"
        )
        response = answer({"error": sentence}, status=HTTPStatus.UNAUTHORIZED)
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="watchkeep agents"'
        return response


def _understood(raw: bytes, encoding: str) -> tuple[bytes, Understood]:
    """A report with the JSON that it was read from. Raises Refused."""
    body = _unfolded(raw, encoding)
    try:
        if body.count(b"{") + body.count(b"[") > MOST_BRACKETS:
            raise Refused(413, f"the body is made of more than {MOST_BRACKETS} objects and lists")
        document = json.loads(body)
        records = document.get("records") if isinstance(document, dict) else None
        if isinstance(records, list) and len(records) > MOST_RECORDS:
            raise Refused(413, f"the body has {len(records)} records, more than {MOST_RECORDS}")
        return body, batch_of(document)
    except RecursionError as error:
        raise Refused(400, "the body is no report: it is nested too deeply") from error
    except ValueError as error:
        raise Refused(400, f"the body is no report: {str(error)[:500]}") from error


def _unfolded(raw: bytes, encoding: str) -> bytes:
    """A body as it is meant. Raises Refused."""
    if encoding in _IDENTITY:
        return raw
    decoder = decoder_for(encoding) if encoding in {"gzip", "x-gzip"} else None
    if decoder is None:
        raise Refused(415, "send the body as gzip, or as it is")
    try:
        body = decoder.decode(raw, UNFOLDED_BYTES)
    except ValueError as error:
        raise Refused(400, f"the body is no gzip: {error}") from error
    if decoder.pending or len(body) > UNFOLDED_BYTES:
        raise Refused(413, f"the body is larger than {UNFOLDED_BYTES} bytes when it is unfolded")
    if not decoder.complete:
        raise Refused(400, "the body is no gzip: its end is missing")
    return body
