"""An account of the stand-in for Zendesk, with destinations that tell it and people who work there."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from slo.core.delivery import Action, Message
from slo.demo.vendors.zendesk.standin import ZendeskStandIn
from slo.net.context import Context
from slo.router.destinations.zendesk import Config, Zendesk, build
from tests.router.making import message
from tests.router.tickets.made import making

USER, TOKEN, SECRET = "watch@provider.example", "t0ken-of-zendesk", "s3cret-of-zendesk"
ANNA = {"id": 7, "name": "Anna", "is_staff": True}
BEN = {"id": 8, "name": "Ben", "is_staff": True}
CARLA = {"id": 20, "name": "Carla", "is_staff": False}
TRIGGER = {"id": -1, "name": "Zendesk", "is_staff": True}
OURSELVES = {"id": 900, "name": "Watchkeep", "is_staff": True}
Make = Callable[..., Zendesk]


@asynccontextmanager
async def zendesk_account(folder: Path) -> AsyncIterator[ZendeskStandIn]:
    """One account."""
    async with ZendeskStandIn(folder, user=USER, token=TOKEN) as server:
        server.callback_secret = SECRET
        yield server


def config(standin: ZendeskStandIn, **keys: object) -> Config:
    """A configuration with everything, and other keys where they are given."""
    given: dict[str, object] = {
        "url": standin.url,
        "ca_file": str(standin.ca_file),
        "user": USER,
        "api_token": TOKEN,
        "requester": "service@customer.example",
        "acknowledge_status": "open",
        "resolve_status": "solved",
        "webhook_secret": SECRET,
        "engineers": ["7"],
        "customer": "acme",
        "timeout": "5s",
    }
    return Config.model_validate(given | keys)


def destinations_of(standin: ZendeskStandIn, context: Context) -> AbstractAsyncContextManager[Make]:
    """Makes destinations that tell it, with other keys where they are given, and closes them."""
    return making(lambda **keys: build(config(standin, **keys), context))


def ticket(action: Action = Action.TRIGGER, **others: Any) -> Message:
    """A message for its lane."""
    return message(f"m-{action}", destination="zendesk", action=action, **others)
