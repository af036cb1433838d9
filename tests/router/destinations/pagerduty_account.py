"""An account at the stand-in for PagerDuty, and destinations that have its tokens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from slo.core.delivery import Action, Lane, Sent
from slo.core.protocols import Clock
from slo.demo.vendors.pagerduty.incidents import user_id
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.net.context import Context
from slo.router.destinations.pagerduty import Config, PagerDuty, build
from tests.router.making import message

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "u+AbCdEfGhIjKlMnOp-_"
EMAIL = "watchkeep@acme.example"
SECRET = "the secret of the webhook"
KEY = message().key
PRIORITIES = {"P0": "P1", "P1": "P2", "P2": "P3"}


class HastyClock:
    """Time that passes when somebody waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_seconds = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._ahead_seconds

    async def sleep_until(self, monotonic: float) -> None:
        self._ahead_seconds += max(0.0, monotonic - self.monotonic())


@dataclass
class Account:
    """What tests do with one account."""

    standin: PagerDutyStandIn
    context: Context
    made: list[PagerDuty] = field(default_factory=list)

    def config(self, **keys: object) -> Config:
        """The configuration of a destination with everything; a key that is None is left out."""
        given: dict[str, object] = {
            "routing_key": ROUTING_KEY,
            "events_url": self.standin.events_url,
            "api_url": self.standin.url,
            "api_token": TOKEN,
            "from_email": EMAIL,
            "service_user": user_id(EMAIL),
            "priorities": PRIORITIES,
            "webhook_secret": SECRET,
            "ca_file": str(self.standin.ca_file),
            "timeout": "5s",
        }
        return Config.model_validate({key: value for key, value in (given | keys).items() if value is not None})

    def destination(self, **keys: object) -> PagerDuty:
        """A destination of that configuration."""
        self.made.append(build(self.config(**keys), self.context))
        return self.made[-1]

    async def page(self, key: str = KEY) -> None:
        """Open an incident, by a destination that knows of nothing but events."""
        bare = dict.fromkeys(("api_url", "api_token", "from_email", "service_user", "priorities", "webhook_secret"))
        given = await self.destination(**bare).deliver(message(key=key), Lane(credential=ROUTING_KEY))
        assert isinstance(given, Sent)

    @property
    def asked(self) -> list[tuple[str, str, int]]:
        """What the REST API was asked, and how it answered."""
        return [
            (request["method"], request["path"].partition("?")[0], request["status"])
            for request in self.standin.requests
            if request["path"] != "/v2/enqueue"
        ]

    def did(self, action: str) -> list[Mapping[str, Any]]:
        """What was done to the last incident in that way."""
        return [step for step in self.standin.incidents[-1]["history"] if step["action"] == action]


@asynccontextmanager
async def account(folder: Path, context: Context, **keys: Any) -> AsyncIterator[Account]:
    """An account with one token and one user."""
    hasty = replace(context, clock=HastyClock(context.clock))
    async with PagerDutyStandIn(folder, api_tokens=[TOKEN], users=[EMAIL], **keys) as standin:
        made = Account(standin, hasty)
        yield made
        for destination in made.made:
            await destination.aclose()


NOTES = (Action.NOTE, Action.ETA, Action.REMIND)
