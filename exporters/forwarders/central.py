"""The forwarder `central`: everything that an agent sees, to the watch that counts it.

The watch has a batch on disk before it says that it took it; one that it did not take is sent again, so each comes at
least once. What it cannot read of a batch it says, and that is dropped: it would never be able to.
"""

import gzip
import json
import logging
from collections.abc import Sequence
from datetime import timedelta

from slo.config.section import KindConfig
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, PositiveDuration, Secret
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.request import Request
from slo.net.url import URL

PATH = "/api/v1/outcomes"

MOST_RECORDS = 2_000
MOST_BYTES = 1_000_000
"""How much one batch holds, before it is compressed: a request that takes milliseconds to read."""

GZIP_LEVEL = 1

DETAIL_LIMIT = 500
"""How much of what the other side said is kept, in characters."""

_LATER = frozenset({401, 403, 404, 405, 408, 429})
"""What is mended at the other side, or by giving the agent another token: nothing is wrong with the batch."""

_TOO_LARGE = 413

_BEFORE_SENT = ("resolver_", "dns_", "connect_", "tls_", "network_", "no_", "not_permitted")
"""How the reasons begin of what ended before anything was sent."""

logger = logging.getLogger(__name__)


class Config(KindConfig):
    """The watch that agents report to."""

    url: HTTPURL
    """Its address, without `/api/v1`."""

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

    async def send(self, payload: bytes) -> Verdict:
        """Send one batch once."""
        deadline = self._context.clock.monotonic() + self._timeout_seconds
        fetched = await fetch(self._request(payload), self._context, deadline)
        return self._verdict(fetched)

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

    def _verdict(self, fetched: Fetched) -> Verdict:
        fault, response = fetched.reached.fault, fetched.response
        if fault is not None or response is None:
            reason, detail = (fault.reason, fault.detail) if fault else ("response_closed", "")
            if reason.startswith(_BEFORE_SENT):
                return Retry(reason=reason, detail=detail)
            return Ambiguous(reason=reason, detail=detail)
        text = self._token.hidden_in(response.body.decode(errors="replace"))
        if 200 <= response.status < 300:
            return self._taken(text)
        detail = f"HTTP {response.status}: {text[:DETAIL_LIMIT]}"
        if response.status == _TOO_LARGE:
            return Refused(reason="too_large", detail=detail)
        if response.status in _LATER or response.status >= 500 or response.status < 400:
            after = response.header("retry-after") or ""
            seconds = float(after[:9]) if after.isascii() and after.isdigit() else None
            return Retry(reason=_reason(response.status), after_seconds=seconds, detail=detail)
        return Refused(reason="rejected", detail=detail)

    def _taken(self, text: str) -> Verdict:
        """A watch says how many records it took; whatever else answers with 200 is none."""
        try:
            document = json.loads(text)
            taken, refused = int(document["accepted"]), document.get("refused", [])
        except (ValueError, KeyError, TypeError, AttributeError):
            return Retry(reason="response_malformed", detail=f"{self.shown} is no watch: {text[:DETAIL_LIMIT]}")
        if refused:
            logger.warning("the watch cannot read some records", extra={"refused": str(refused)[:DETAIL_LIMIT]})
        return Sent(reference=str(taken))


def _reason(status: int) -> str:
    if status in {401, 403}:
        return "auth_refused"
    return "rate_limited" if status == 429 else "server_error" if status >= 500 else "unexpected_status"


def build(config: Config, context: Context) -> Central:
    """The forwarder to one watch."""
    return Central(config, context)
