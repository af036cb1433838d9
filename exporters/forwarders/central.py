"""The forwarder `central`: everything that an agent sees, to the watch that counts it.

The watch has a batch on disk before it says that it took it; one that it did not take is sent again, so each comes at
least once. Records go under the numbers that they have in the spool, by which the watch knows what it missed. What it
cannot read of a batch it says, and that is refused: it would never be able to.
"""

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from exporters.posting import DETAIL_LIMIT, Posting
from slo.config.forwarding import PostingConfig
from slo.config.reports import ReportingConfig
from slo.config.request import Authorization
from slo.config.tls import TLSSettings
from slo.config.types import PositiveDuration, Secret
from slo.core.delivery import Refused, Retry, Sent, Verdict
from slo.core.telemetry import TOO_LARGE, Encoded, Limits, Rank, Record
from slo.net.context import Context
from slo.net.http1 import Response

PATH = "/api/v1/outcomes"

MOST_RECORDS = 2_000
MOST_BYTES = 1_000_000
"""How much one batch holds, before it is compressed: a request that takes milliseconds to read."""

MOST_RAW_BYTES = 16 * 1024 * 1024
MOST_WIRE_BYTES = 2 * 1024 * 1024
"""The largest body that a watch takes, as it is meant and as it comes: a scrape may be larger than a batch."""

GZIP_LEVEL = 1

_REFUSALS = frozenset({400, 413, 415})
_REFUSAL = "the body is "
"""How a watch refuses a batch, and how its error begins. What says so in other words is no watch, but stands before it:
there nothing is wrong with the batch.
"""

_HEADERS = MappingProxyType({"Content-Type": "application/json", "Content-Encoding": "gzip"})

_UNREADABLE = "unreadable"
"""The reason of a record that the watch cannot read."""


class Config(ReportingConfig):
    """The watch that agents report to."""

    token: Secret
    """What it knows agents by: the token under its `agents`."""

    timeout: PositiveDuration = timedelta(seconds=10)
    """When a request is given up, and made again."""

    tls: TLSSettings = TLSSettings()
    """How it is verified over TLS."""


class Central:
    """Sends batches to one watch. Have it `report_as` somebody first. `heard_at` is when the watch last took something,
    in seconds of the monotonic clock.
    """

    cumulative = False
    ranks = frozenset({Rank.OUTCOME})  # the watch counts, and measures itself
    limits = Limits(
        records=MOST_RECORDS,
        raw_bytes=MOST_RAW_BYTES,
        wire_bytes=MOST_WIRE_BYTES,
        batch_bytes=MOST_BYTES,
    )

    def __init__(self, config: Config, context: Context) -> None:
        self._clock = context.clock
        posting = PostingConfig(url=config.url.rstrip("/") + PATH, timeout=config.timeout, tls=config.tls)
        authorization = Authorization(type="Bearer", credentials=config.token)
        self._posting = Posting(posting, context, authorization=authorization)
        self.shown = self._posting.shown
        self._agent = self._boot = ""
        self.heard_at = self._clock.monotonic()

    def report_as(self, agent: str, boot: str) -> None:
        """Say who reports, and what its spool is called: numbers of one say nothing of another's."""
        self._agent, self._boot = agent, boot

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records as one batch, as far as their numbers are in a row; see `slo.core.batch.Batch`."""
        first = records[0].number
        return self._batch(first, [each.body for place, each in enumerate(records) if each.number == first + place])

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send one batch once. The watch says which records it did not take."""
        response = await self._posting.fetch(self._posting.request("POST", headers=_HEADERS, body=encoded.body))
        verdicts = self._verdicts(response, encoded) if isinstance(response, Response) else [response]
        if any(isinstance(verdict, Sent) for verdict in verdicts):
            self.heard_at = self._clock.monotonic()
        return verdicts

    async def greet(self) -> Verdict:
        """Report nothing, once."""
        (verdict,) = await self.send(self._batch(0, []))
        return verdict

    async def aclose(self) -> None:
        """Nothing is held."""

    def _batch(self, first: int, bodies: Sequence[bytes]) -> Encoded:
        sent = self._clock.now().isoformat()
        head = json.dumps({"agent": self._agent, "boot": self._boot, "first": first, "sent": sent})[:-1]
        raw = b'%s, "records": [%s]}' % (head.encode(), b",".join(bodies))
        body = gzip.compress(raw, GZIP_LEVEL, mtime=0)
        return Encoded(body=body, raw_bytes=len(raw), records=len(bodies), first=first)

    def _verdicts(self, response: Response, encoded: Encoded) -> Sequence[Verdict]:
        text = self._posting.hidden(response.body.decode(errors="replace"))
        if 200 <= response.status < 300:
            return self._taken(text, encoded)
        detail = f"HTTP {response.status}: {text[:DETAIL_LIMIT]}"
        reason = _reason(response.status)
        if response.status in _REFUSALS and str(_document(text).get("error")).startswith(_REFUSAL):
            return [Refused(reason=reason, detail=detail)]
        return [Retry(reason=reason, after_seconds=self._posting.after_seconds(response), detail=detail)]

    def _taken(self, text: str, encoded: Encoded) -> Sequence[Verdict]:
        """A watch says how many records it took, and which it did not; whatever else answers with 200 is none.

        It names some of those alone where they are many: then all are refused, to be sent by fewer until it names each.
        """
        document = _document(text)
        taken, refused = document.get("accepted"), document.get("refused", [])
        missing = encoded.records - taken if type(taken) is int else -1
        if not 0 <= missing <= encoded.records or bool(missing) != bool(refused):
            detail = f"{self.shown} is no watch: {text[:DETAIL_LIMIT]}"
            return [Retry(reason="response_malformed", detail=detail)]
        if not missing:
            return [Sent()]
        named = _named(refused, encoded)
        if len(named) != missing:
            return [Refused(reason=_UNREADABLE, detail=str(refused)[:DETAIL_LIMIT])]
        return [
            Refused(reason=_UNREADABLE, detail=named[place][:DETAIL_LIMIT]) if place in named else Sent()
            for place in range(encoded.records)
        ]


def _named(refused: object, encoded: Encoded) -> Mapping[int, str]:
    """The records that a watch says it does not take, by their places in the batch, and why."""
    named: dict[int, str] = {}
    for each in refused if isinstance(refused, list) else ():
        match each:
            case {"record": int(number), "error": str(why)} if 0 <= number - encoded.first < encoded.records:
                named[number - encoded.first] = why
    return named


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
