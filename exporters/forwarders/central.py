"""The forwarder `central`: everything that an agent sees, to the watch that counts it.

The watch has a batch on disk before it says that it took it; one that it did not take is sent again, so each comes at
least once. What it cannot read of a batch it says, and that is dropped: it would never be able to.
"""

import gzip
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from slo.config.reports import ReportingConfig
from slo.config.tls import TLSSettings
from slo.config.types import PositiveDuration, Secret
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.exposition.sparing import Sparing
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.request import Request
from slo.net.url import URL

PATH = "/api/v1/outcomes"

MOST_RECORDS = 2_000
MOST_BYTES = 1_000_000
"""How much one batch holds, before it is compressed: a request that takes milliseconds to read."""

GZIP_LEVEL = 1

TOO_LARGE = "too_large"
"""The reason where somebody on the way takes no body as large."""

COMPLAIN_EVERY_SECONDS = 600.0

DETAIL_LIMIT = 500
"""How much of what the other side said is kept, in characters."""

_REFUSALS = frozenset({400, 413, 415})
_REFUSAL = "the body is "
"""How a watch refuses a batch, and how its error begins. What says so in other words is no watch, but stands before it:
there nothing is wrong with the batch.
"""

_BEFORE_SENT = ("resolver_", "dns_", "connect_", "tls_", "network_", "no_", "not_permitted")
"""How the reasons begin of what ended before anything was sent."""

logger = logging.getLogger(__name__)


class Config(ReportingConfig):
    """The watch that agents report to."""

    token: Secret
    """What it knows agents by: the token under its `agents`."""

    timeout: PositiveDuration = timedelta(seconds=10)
    """When a request is given up, and made again."""

    tls: TLSSettings = TLSSettings()
    """How it is verified over TLS."""


class Central:
    """Sends batches to one watch."""

    def __init__(self, config: Config, context: Context) -> None:
        self._context = context
        self._timeout_seconds = config.timeout.total_seconds()
        self._token = config.token
        self._url = URL.parse(config.url.rstrip("/") + PATH)
        self._tls = config.tls
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        if self._url.secure:
            context.tls.get(config.tls, alpn=self._request(b"").alpn)  # now: its files are there, or not

    @property
    def shown(self) -> str:
        """Where batches go, for people."""
        return self._url.shown

    def encode(self, agent: str, boot: str, first: int, records: Sequence[bytes]) -> bytes:
        """A batch of records, each a document in JSON, as it is sent; see `slo.core.batch.Batch`."""
        sent = self._context.clock.now().isoformat()
        head = json.dumps({"agent": agent, "boot": boot, "first": first, "sent": sent})[:-1]
        body = b'%s, "records": [%s]}' % (head.encode(), b",".join(records))
        return gzip.compress(body, GZIP_LEVEL, mtime=0)

    async def send(self, payload: bytes, records: int) -> Verdict:
        """Send one batch of so many records once."""
        deadline = self._context.clock.monotonic() + self._timeout_seconds
        fetched = await fetch(self._request(payload), self._context, deadline)
        return self._verdict(fetched, records)

    def _request(self, payload: bytes) -> Request:
        return Request(
            url=self._url,
            method="POST",
            headers={
                "Authorization": f"Bearer {self._token.reveal()}",
                "Content-Type": "application/json",
                "Content-Encoding": "gzip",
            },
            body=payload,
            tls=self._tls,
            follow_redirects=False,
            keep_body=True,
        )

    def _verdict(self, fetched: Fetched, records: int) -> Verdict:
        fault, response = fetched.reached.fault, fetched.response
        if fault is not None or response is None:
            reason, detail = (fault.reason, fault.detail) if fault else ("response_closed", "")
            if reason.startswith(_BEFORE_SENT):
                return Retry(reason=reason, detail=detail)
            return Ambiguous(reason=reason, detail=detail)
        text = self._token.hidden_in(response.body.decode(errors="replace"))
        if 200 <= response.status < 300:
            return self._taken(text, records)
        detail = f"HTTP {response.status}: {text[:DETAIL_LIMIT]}"
        reason = _reason(response.status)
        if response.status in _REFUSALS and str(_document(text).get("error")).startswith(_REFUSAL):
            return Refused(reason=reason, detail=detail)
        after = response.header("retry-after") or ""
        seconds = float(after[:9]) if after.isascii() and after.isdigit() else None
        return Retry(reason=reason, after_seconds=seconds, detail=detail)

    def _taken(self, text: str, records: int) -> Verdict:
        """A watch says how many records it took, and which it did not; whatever else answers with 200 is none."""
        document = _document(text)
        taken, refused = document.get("accepted"), document.get("refused", [])
        if type(taken) is not int or not 0 <= taken <= records or (taken < records and not refused):
            return Retry(reason="response_malformed", detail=f"{self.shown} is no watch: {text[:DETAIL_LIMIT]}")
        if refused:
            self._log.tell(
                logging.ERROR,
                "the watch cannot read some records: they are lost",
                key="refused",
                extra={"records": records - taken, "refused": str(refused)[:DETAIL_LIMIT]},
            )
        return Sent(reference=str(taken))


def _document(text: str) -> Mapping[str, Any]:
    """What an answer says; nothing where it is no object of JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _reason(status: int) -> str:
    known = {400: "rejected", 401: "auth_refused", 403: "auth_refused", 413: TOO_LARGE, 429: "rate_limited"}
    return known.get(status, "server_error" if status >= 500 else "unexpected_status")


def build(config: Config, context: Context) -> Central:
    """The forwarder to one watch."""
    return Central(config, context)
