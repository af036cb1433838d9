"""Calls of a ticket system's API: JSON in, a JSON object out; and which answers leave a ticket in doubt."""

import json
from collections.abc import Awaitable, Mapping
from typing import Any

from slo.core.delivery import Ambiguous
from slo.errors import Malformed
from slo.router.http_client import HTTPClient, Manner, Unanswered, in_doubt
from slo.router.inbox import document_of
from slo.router.tickets.ticket import Doubts


class JSONCalls:
    """The API under `base_url`."""

    def __init__(self, client: HTTPClient, base_url: str) -> None:
        self._client = client
        self._base_url = base_url

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        manner: Manner,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """One request; its answer, empty where it is not read. Raises Unanswered."""
        sent = None if body is None else json.dumps(body).encode()
        answer = await self._client.ask(method, f"{self._base_url}{path}", body=sent, headers=headers, manner=manner)
        if not manner.reads:
            return {}
        try:
            return document_of(answer)
        except Malformed as error:
            raise Unanswered(in_doubt(manner, "response_malformed", str(error))) from None

    async def aclose(self) -> None:
        """Close the session."""
        await self._client.aclose()


async def created(doubts: Doubts, name: str, asking: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer to asking for a ticket. A failure that does not say whether it is there leaves it in doubt."""
    doubts.begin(name)
    try:
        answer = await asking
    except Unanswered as error:
        if not isinstance(error.verdict, Ambiguous) and error.verdict.reason != "server_error":
            doubts.end(name)
        raise
    doubts.end(name)
    return answer
