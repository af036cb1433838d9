"""What the handlers of the API share: documents as responses, and requests that cannot be answered as asked."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from aiohttp import web
from pydantic import ValidationError

from exporters.endpoints import respond
from slo.core.incident import Incident
from slo.errors import StoreError, UsageError
from slo.web.act import faults_of
from slo.web.documents import Document

JSON = "application/json"

ALWAYS = {
    "Server": "watchkeep",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""The headers of every response that says nothing else."""


class Refused(Exception):
    """A request that cannot be answered as asked: becomes a response with this status and document."""

    def __init__(self, status: int, sentence: str, *, faults: Sequence[Document] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.document: Document = {"error": sentence, **({"faults": list(faults)} if faults else {})}


def answer(document: Document, *, status: int = 200) -> web.Response:
    """A document as a response."""
    return web.Response(status=status, body=_encoded(document), content_type=JSON)


async def answer_large(request: web.Request, make: Callable[[], Document]) -> web.Response:
    """A document that may be megabytes: made beside the event loop, compressed where the other side takes it."""
    body = await asyncio.to_thread(lambda: _encoded(make()))
    return await respond(request, body, JSON)


def _encoded(document: Document) -> bytes:
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def incident_in(incidents: Iterable[Incident], wanted: str) -> Incident:
    """The incident with that id. Raises Refused where there is none."""
    found = next((incident for incident in incidents if incident.id == wanted), None)
    if found is None:
        raise Refused(
            404, f"there is no incident {quoted(wanted)}: see /api/v1/incidents, or `watchkeep incident list`"
        )
    return found


async def read_body(request: web.Request, seconds: float, *, most_bytes: int | None = None) -> bytes:
    """The body of a request, which has so long to arrive; no larger than this, or else than any body may be."""
    large = request if most_bytes is None else request.clone(client_max_size=most_bytes)
    try:
        async with asyncio.timeout(seconds):
            return await large.read()
    except TimeoutError as error:
        raise Refused(408, f"the body did not arrive within {seconds:g} s") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(413, f"the body is larger than {large.client_max_size} bytes") from error


@contextmanager
def refusals() -> Iterator[None]:
    """What is wrong with a body, or with what it asks for, as the answer that says so."""
    try:
        yield
    except ValidationError as error:
        faults = [fault(path, problem) for path, problem in faults_of(error)]
        raise Refused(400, "the body is not as expected", faults=faults) from error
    except UsageError as error:
        raise Refused(409, str(error)) from error
    except StoreError as error:
        raise Refused(503, str(error)) from error


def only(query: Mapping[str, str], known: Sequence[str]) -> None:
    """Refuse a query with other parameters than these."""
    if faults := unknown(query, known):
        raise Refused(400, "the query is not as expected", faults=faults)


def unknown(query: Mapping[str, str], known: Sequence[str]) -> list[Document]:
    """A fault for each parameter that is not known."""
    mend = f"known are {', '.join(known)}" if known else "this takes no parameters"
    return [fault(name, f"unknown parameter; {mend}") for name in query if name not in known]


def fault(path: str, problem: str) -> Document:
    """What is wrong with one value."""
    return {"path": path, "problem": problem}


def quoted(name: str) -> str:
    """What a client made up, as a sentence may repeat it: escaped, and not too long."""
    return repr(name if len(name) <= 100 else name[:100] + "...")
