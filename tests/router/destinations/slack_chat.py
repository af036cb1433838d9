"""A channel at the stand-in for Slack, destinations that write in it, and what its people do there."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from slo.app.inbound import InboundActs
from slo.core.acts import Act, Target
from slo.core.delivery import Action, Lane, Message
from slo.core.folding import fold_all
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.protocols import Receiver
from slo.demo.vendors.slack.standin import CHANNEL, SIGNING_SECRET, TOKEN, SlackStandIn
from slo.demo.vendors.slack.workspace import TEAM
from slo.errors import UsageError
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.destinations.slack import Config, Slack, build, receiver
from tests.router.destinations.quick import QuickClock
from tests.router.making import message
from tests.web.watches import opened

ANNA = {"id": "U0ANNA", "name": "anna"}


def told(action: Action, **others: Any) -> Message:
    """What a channel is told of incident 1."""
    return message(f"m-{action}", destination="chat", action=action, **others)


TRIGGER = told(Action.TRIGGER)
ASKED = Target(incident="1", mark=TRIGGER.mark)
"""The incident that the buttons of that message are about."""


def entered(**values: object) -> dict[str, Any]:
    """The state of a form with these inputs, as nobody could have entered them."""
    return {name: {name: value} for name, value in values.items()}


def submission(form: str, values: object, **changes: object) -> dict[str, Any]:
    """What is told of a form of that incident that Anna has sent, with anything at all in it."""
    view = {"id": "V1", "callback_id": form, "private_metadata": TRIGGER.mark, "state": {"values": values}}
    return {"type": "view_submission", "team": {"id": TEAM}, "user": ANNA, "view": view | changes}


@dataclass
class Chat:
    """What tests do with one channel. `acts` are what people did; where `problem` says why, it cannot be done."""

    standin: SlackStandIn
    clock: QuickClock
    context: Context
    made: list[Slack] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    problem: str = ""

    def config(self, **keys: object) -> Config:
        """The configuration of a destination with everything; a key that is None is left out."""
        given: dict[str, object] = {
            "token": TOKEN,
            "channel": CHANNEL,
            "signing_secret": SIGNING_SECRET,
            "api_url": self.standin.api_url,
            "ca_file": str(self.standin.ca_file),
            "timeout": "5s",
        }
        return Config.model_validate({key: value for key, value in (given | keys).items() if value is not None})

    def destination(self, **keys: object) -> Slack:
        """A destination of that configuration."""
        self.made.append(build(self.config(**keys), self.context))
        return self.made[-1]

    def receiver(self, **keys: object) -> Receiver | None:
        """Its other direction, where there is one."""
        return receiver("chat", self.config(**keys), self.context)

    @cached_property
    def inbox(self) -> Receiver:
        """Its other direction, with everything."""
        inbox = self.receiver()
        assert inbox is not None
        return inbox

    async def posted(self) -> str:
        """The timestamp of an incident that the channel was told of."""
        if not self.standin.messages:
            await self.destination().deliver(TRIGGER, Lane())
        return str(self.standin.messages[0]["ts"])

    async def press(self, button: str, by: Mapping[str, str] = ANNA, **changes: object) -> Inbound:
        """The request that tells of a person who pressed a button of that incident."""
        return self.signed(self.standin.pressed(CHANNEL, await self.posted(), button, by) | changes)

    def signed(self, payload: Mapping[str, Any]) -> Inbound:
        """The request with that payload, as the stand-in signs it, here at once."""
        headers, body = self.standin.signed(payload)
        return Inbound(headers={name.lower(): value for name, value in headers.items()}, body=body, at=self.clock.now())

    async def hears(self, inbound: Inbound) -> Received:
        """How the watch answers a request, once it has done what it says."""
        acting = InboundActs(self._act, telemetry=Telemetry())
        acting.receivers = {"slack": [self.inbox]}
        received = await acting.receive("slack", inbound)
        assert received is not None
        return received

    async def _act(self, act: Act) -> Incident:
        if self.problem:
            raise UsageError(self.problem)
        self.acts.append(act)
        return fold_all([opened()])[opened().incident]


@asynccontextmanager
async def chat_beside(folder: Path, *, monotonic: Callable[[], float] | None = None) -> AsyncIterator[Chat]:
    """A channel with nothing in it; its stand-in remembers in `folder`, and holds rates against `monotonic`."""
    clock = QuickClock()
    context = Context.default(clock)
    now, monotonic = lambda: clock.now().timestamp(), monotonic or clock.monotonic
    async with SlackStandIn(folder, now=now, monotonic=monotonic) as standin:
        made = Chat(standin, clock, context)
        yield made
        for destination in made.made:
            await destination.aclose()
    await context.close()
