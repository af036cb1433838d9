"""Jobs call here when they begin, when they have ended, and with what.

No token of the watch is asked for, since each job has its own. Who calls without it learns nothing, not even which jobs
there are. A call is answered 200 once it is on disk; whatever cannot be kept is a 5xx, so that it is made again.
"""

import asyncio
import re

from aiohttp import hdrs, web

from slo.core.job import Signal
from slo.errors import Forged, StoreError, TooOften
from slo.web.access import CALLED_PATHS
from slo.web.answers import Refused, answer
from slo.web.watch import Watch

NOTE_BYTES = 4096
"""So much of a body is looked at; the rest is left where it is."""

NOTE_CHARACTERS = 120
"""What is kept of a body: its first line, as far as that."""

HIGHEST_EXIT_STATUS = 255

AGAIN_SECONDS = 10
"""When a job should call again."""

_UNKNOWN = "no job is called here like that, or that is not its token: see docs/probes/heartbeat.md"


class HeartbeatsAPI:
    """The handler, over one watch. `body_seconds` is how long a note may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [
            method(CALLED_PATHS + path, self.take)
            for path in ("{job}", "{job}/{said}")
            for method in (web.get, web.post)  # with the first comes HEAD
        ]

    async def take(self, request: web.Request) -> web.Response:
        """Take a call, once it is on disk."""
        signal, exit_status = _said(request.match_info.get("said", ""))
        note = await self._note(request)
        job, token = request.match_info["job"], _token(request)
        try:
            await self._watch.heartbeats.take(job, token, signal, exit_status=exit_status, note=note)
        except Forged as error:
            raise Refused(404, _UNKNOWN) from error
        except TooOften as error:
            return _later(429, str(error))
        except StoreError:
            return _later(503, "it is not on record yet: call again")
        return web.Response(text="OK\n")

    async def _note(self, request: web.Request) -> str:
        """The first line of a body, as far as it is there in time; what cannot be shown is left out."""
        if not request.can_read_body:
            return ""
        try:
            async with asyncio.timeout(self._body_seconds):
                begun = await request.content.read(NOTE_BYTES)
        except TimeoutError:
            return ""
        line = begun.decode(errors="replace").strip().partition("\n")[0]
        return "".join(filter(str.isprintable, line))[:NOTE_CHARACTERS].strip()


def _said(word: str) -> tuple[Signal, int | None]:
    """What the end of the address says: nothing or `success`, `start`, `fail`, or an exit status. Raises Refused."""
    if re.fullmatch(r"[0-9]{1,3}", word, re.ASCII) and int(word) <= HIGHEST_EXIT_STATUS:
        return (Signal.FAIL if int(word) else Signal.SUCCESS), int(word)
    try:
        return Signal(word or Signal.SUCCESS), None
    except ValueError:
        raise Refused(404, _UNKNOWN) from None


def _token(request: web.Request) -> bytes:
    """What proves who calls: `Authorization: Bearer TOKEN`, or `?token=TOKEN` from whoever can send no header."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else request.query.get("token", "")
    return token.encode(errors="surrogateescape")


def _later(status: int, sentence: str) -> web.Response:
    response = answer({"error": sentence}, status=status)
    response.headers[hdrs.RETRY_AFTER] = str(AGAIN_SECONDS)
    return response
