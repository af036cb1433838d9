"""PagerDuty: pages, through the Events API v2. It is told of pages only; PagerDuty decides whom it wakes."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, KindConfig, Secret, wrong
from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Verdict
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.page import event_of

if TYPE_CHECKING:
    from slo.router.events_api import EventCall

PAGES_ONLY = True

ENQUEUE = "/v2/enqueue"
"""The path that PagerDuty's package adds to the address that it is given."""

THREADS = 16
"""More than messages are ever under way: a call that was given up may need a moment longer to end."""

_ACTIONS: Mapping[Action, Literal["trigger", "acknowledge", "resolve"]] = {
    Action.TRIGGER: "trigger",
    Action.UPDATE: "trigger",
    Action.ACKNOWLEDGE: "acknowledge",
    Action.RESOLVE: "resolve",
}


def _events_url(value: str) -> str:
    if not value.startswith("https://"):
        raise wrong("is not over https", "PagerDuty's package speaks nothing else")
    if not value.endswith(ENQUEUE):
        raise wrong(f"does not end in {ENQUEUE}", f"write it as https://events.pagerduty.com{ENQUEUE}")
    return value


class Config(KindConfig):
    """Where pages go."""

    routing_key: Secret
    """The integration key of an Events API v2 integration on a service of PagerDuty."""

    events_url: Annotated[HTTPURL, AfterValidator(_events_url)] = f"https://events.pagerduty.com{ENQUEUE}"
    """Where events are sent; `https://events.eu.pagerduty.com/v2/enqueue` for accounts in the EU."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one event may take to be accepted, as a whole."""


class PagerDuty:
    """One integration of PagerDuty."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context

    @property
    def credential(self) -> str:
        """The routing key: PagerDuty drops what comes with another one than the trigger came with."""
        return self._config.routing_key.reveal()

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Send one event, within the timeout."""
        if message.action not in _ACTIONS:
            return Dropped()
        sending = _Sending(self._config, self._context, message, lane.credential)
        try:
            async with asyncio.timeout(self._config.timeout.total_seconds()):
                return await asyncio.get_running_loop().run_in_executor(self._threads, sending.run)
        except TimeoutError:
            return Ambiguous(reason="timeout")
        finally:
            sending.abandon()

    async def aclose(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        """Threads of its own: a PagerDuty that hangs must not take those that the journal is written by."""
        return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="pagerduty")


class _Sending:
    """One event on its way in a thread."""

    def __init__(self, config: Config, context: Context, message: Message, credential: str) -> None:
        self._config = config
        self._context = context
        self._message = message
        self._credential = credential
        self._call: EventCall | None = None
        self._abandoned = False

    def run(self) -> Verdict:
        """Make the call. Runs in a thread."""
        from slo.router.events_api import EventCall

        self._call = EventCall(
            base_url=self._config.events_url.removesuffix(ENQUEUE),
            routing_key=self._credential,
            tls=self._context.tls.get(TLSSettings(ca_file=self._config.ca_file)),
            phase_seconds=self._config.timeout.total_seconds(),
        )
        if self._abandoned:
            self._call.abandon()
            return Ambiguous(reason="timeout")
        return self._call.send(_ACTIONS[self._message.action], self._message.key, event_of(self._message))

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        self._abandoned = True
        if self._call is not None:
            self._call.abandon()


def build(config: Config, context: Context) -> PagerDuty:
    """The destination of a configuration."""
    return PagerDuty(config, context)
