"""`GET /probe`: one round for whoever asks, with the parameters, metrics and semantics of the blackbox exporter.

Two things are said more plainly than there: a round that told nothing about the target (our own resolver is down, say)
is answered with 503, so that Prometheus has no `probe_success` rather than a wrong one, and a target that must not be
asked with 403.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiohttp import web

from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.sample import Sample
from slo.errors import UsageError
from slo.exposition.render import CONTENT_TYPE, probed

DEFAULT_MODULE = "http_2xx"

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
OFFSET_SECONDS = 0.5
"""How much earlier than Prometheus we give up, so that our answer is in time."""

LONGEST_TARGET = 2048
"""A URL may be as long; checks of targets are kept."""

LONGEST_SECONDS = 120.0
"""The timeout where neither Prometheus nor the module has one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One round that is wanted. Without a `hostname` the target is asked under its own name."""

    module: str
    target: str
    hostname: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """One round that was made. `samples` are made when they are read."""

    outcome: Outcome
    samples: Iterable[Sample]


class Prober(Protocol):
    """Who makes rounds by the modules of the configuration in force."""

    def module_timeout(self, module: str) -> float:
        """The timeout of a module in seconds, 0 where it has none. Raises UsageError for no module."""

    def shown(self, asked: Asked) -> str:
        """What a round is made by, for people, without secrets."""

    async def probe(self, asked: Asked, timeout_seconds: float) -> Probed:
        """Make a round now; one of a target that the module cannot have is bad."""


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class ProbeEndpoint:
    """Answers `/probe`."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober

    async def handle(self, request: web.Request) -> web.Response:
        """Make the round that is asked for, and say what it found."""
        made = await self.answer(request.query, request.headers.get(TIMEOUT_HEADER, ""))
        return web.Response(status=made.status, body=made.body, headers={"Content-Type": made.content_type})

    async def answer(self, query: Mapping[str, str], waited: str) -> Answer:
        """What is answered to this query. `waited` is how long Prometheus waits for it (seconds), empty if untold."""
        try:
            asked = Asked(
                module=query.get("module") or DEFAULT_MODULE,
                target=query.get("target", ""),
                hostname=query.get("hostname", ""),
            )
            own_seconds = self._prober.module_timeout(asked.module)
            timeout_seconds = timeout_of(waited, own_seconds)
            if not asked.target:
                raise UsageError("the parameter target is missing: add target=HOST, as it is written for the module")
            if len(asked.target) > LONGEST_TARGET:
                raise UsageError(f"the parameter target has more than {LONGEST_TARGET} characters")
            probed_now = await self._prober.probe(asked, timeout_seconds)
        except UsageError as error:
            return _said(str(error), status=400)
        if query.get("debug") == "true":
            return _said(explained(probed_now, timeout_seconds, self._prober.shown(asked)), status=200)
        outcome = probed_now.outcome
        if outcome.state is State.UNKNOWN:
            return _said(_because(outcome), status=403 if outcome.reason == "not_permitted" else 503)
        text = probed(outcome, probed_now.samples, timeout_seconds=timeout_seconds)
        return Answer(status=200, body=text.encode(errors="replace"), content_type=CONTENT_TYPE)


def timeout_of(given: str, own_seconds: float) -> float:
    """How long a round may take: what the module says, and a little less than what Prometheus waits.

    Raises UsageError for a header that is no time.
    """
    try:
        waited = float(given or 0) if given.isascii() and "_" not in given else math.nan
    except ValueError:
        waited = math.nan
    if not math.isfinite(waited) or waited < 0:
        raise UsageError(f"the header {TIMEOUT_HEADER} is {given[:40]!r}, not a number of seconds")
    if not waited:
        return own_seconds or LONGEST_SECONDS
    most = waited - OFFSET_SECONDS if waited > OFFSET_SECONDS else waited
    return min(own_seconds or most, most, LONGEST_SECONDS)


def explained(made: Probed, timeout_seconds: float, config: str) -> str:
    """A round for people: what became of it, its phases, its metrics, and the module."""
    outcome = made.outcome
    phases = [f"  {phase} {seconds * 1000:.3f} ms" for phase, seconds in outcome.phases.items()]
    parts = [
        f"{outcome.target}: {_because(outcome)}",
        f"It took {outcome.duration_seconds * 1000:.3f} ms of {timeout_seconds:g} s:",
        *phases,
        "",
        "Metrics that would have been returned:",
        probed(outcome, made.samples, timeout_seconds=timeout_seconds),
        "Module configuration:",
        config,
    ]
    return "\n".join(parts)


def _because(outcome: Outcome) -> str:
    return f"{outcome.state}, {outcome.reason}" + (f": {outcome.detail}" if outcome.detail else "")


def _said(text: str, *, status: int) -> Answer:
    return Answer(status=status, body=(text.rstrip("\n") + "\n").encode(errors="replace"))
