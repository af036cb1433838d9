"""One call of PagerDuty's Events API v2, through PagerDuty's own package, with its verdict.

Importing this costs 280 ms and 23 MB: it is imported by the thread that makes the first call.
"""

import contextlib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2
from pagerduty import Error, EventsApiV2Client

from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.net.retry_after import retry_after_seconds
from slo.router.answers import shown
from slo.router.pagerduty.transport import FAILURES, CuttableTransport, make_once, of_failure

ANSWER_LIMIT_BYTES = 16_384
"""The largest answer that is read; a real one has a hundredth of it."""


class EventCall:
    """One event, to be sent once with `send` in a thread, and `abandon`ed from another one."""

    def __init__(self, *, base_url: str, routing_key: str, tls: ssl.SSLContext, phase_seconds: float) -> None:
        self._routing_key = routing_key
        self._transport = CuttableTransport(tls=tls, limit_bytes=ANSWER_LIMIT_BYTES)
        self._client = EventsApiV2Client(
            routing_key,
            base_url=base_url,
            transport=self._transport,
            headers={"accept-encoding": "identity"},
            trust_env=False,
        )
        make_once(self._client, phase_seconds=phase_seconds)

    def abandon(self) -> None:
        """Cut the connection of a call that is under way, or is about to be made."""
        self._transport.cut()

    def send(
        self, action: Literal["trigger", "acknowledge", "resolve"], dedup_key: str, properties: Mapping[str, Any]
    ) -> Verdict:
        """Send the event. Blocks, and raises nothing for what the other side does."""
        try:
            with contextlib.closing(self._client):
                return Sent(reference=str(self._client.send_event(action, dedup_key=dedup_key, **properties)))
        except Error as error:
            return (
                self._of_answer(error.response) if error.response is not None else of_failure(error.__cause__ or error)
            )
        except FAILURES as error:
            return of_failure(error)

    def _of_answer(self, response: httpx2.Response) -> Verdict:
        status = response.status_code
        said = f"HTTP {status}: {shown(response.text, self._routing_key)}"
        if response.is_success:
            return Ambiguous(reason="response_malformed", detail=said)
        if status in (400, 413):
            return Refused(reason="rejected", detail=said)
        after = retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC))
        if status == 429:
            return Retry(reason="rate_limited", after_seconds=after, detail=said)
        # 401, 403 and 404 are not answers of this API (a wrong key is a 400): something stands in between.
        reason = "server_error" if status >= 500 else "unexpected_status"
        return Retry(reason=reason, after_seconds=after, detail=said)
