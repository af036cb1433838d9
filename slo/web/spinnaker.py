"""The echo of each Spinnaker posts here what happens in it.

No token of the watch is asked for, since each Spinnaker has its own, which opens nothing else. Echo posts from the
thread that handles the event, and gives up what is refused after a few tries: an answer comes as soon as an event is
understood, and what is not wanted of it is no error.
"""

import asyncio
import binascii
from base64 import b64decode

from aiohttp import hdrs, web

from slo.errors import Forged, Malformed
from slo.web.access import SPINNAKER_PATHS
from slo.web.answers import Refused, answer, read_body
from slo.web.watch import Watch

BODY_BYTES = 8 * 1024 * 1024
"""The largest body: an event carries the whole execution with the manifests that it deploys."""

AT_ONCE = 2
"""How many bodies are read at once: as Python's objects they are many times as large."""


class SpinnakerAPI:
    """The handler, over one watch. `body_seconds` is how long an event may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds
        self._reading = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler. Echo adds a `/` to the address that it is told."""
        return [web.post(f"{SPINNAKER_PATHS}{{name}}{end}", self.take) for end in ("", "/")]

    async def take(self, request: web.Request) -> web.Response:
        """Take an event."""
        name, spinnakers = request.match_info["name"], self._watch.spinnakers
        try:
            spinnakers.admit(name, _token(request))
        except Forged as error:
            refusal = answer({"error": f"it is not believed: {error}"}, status=401)
            refusal.headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="watchkeep spinnaker"'
            return refusal
        body = await read_body(request, self._body_seconds, most_bytes=BODY_BYTES)
        async with self._reading:
            try:
                taken = await spinnakers.take(name, body)
            except Malformed as error:
                raise Refused(400, f"it is not understood: {error}") from error
        return answer({"taken": taken}, status=202)


def _token(request: web.Request) -> bytes:
    """What proves who posts: the password of any user, or `Authorization: Bearer TOKEN`. Empty where there is none."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip().encode(errors="surrogateescape")
        case "basic":
            try:
                return b64decode(given.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
    return b""
