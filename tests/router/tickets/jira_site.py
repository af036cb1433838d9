"""A site of the stand-in for Jira, with destinations that tell it and people who work there."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from slo.core.delivery import Action, Message
from slo.demo.vendors.jira.standin import JiraStandIn
from slo.net.context import Context
from slo.router.destinations.jira import Config, Jira, build
from tests.router.making import message
from tests.router.tickets.made import making

USER, TOKEN, SECRET = "watch@provider.example", "t0ken-of-jira", "s3cret-of-jira"
ANNA = {"accountId": "a1", "displayName": "Anna", "accountType": "atlassian"}
BEN = {"accountId": "b1", "displayName": "Ben", "accountType": "atlassian", "emailAddress": "Ben@Provider.example"}
CARLA = {"accountId": "c1", "displayName": "Carla", "accountType": "customer"}
ROBOT = {"accountId": "r1", "displayName": "Automation for Jira", "accountType": "app"}
OURSELVES = {"accountId": "integration", "displayName": "Watchkeep", "accountType": "atlassian"}
PRIORITIES = {"P0": "Highest", "P1": "High", "P2": "Medium"}
Make = Callable[..., Jira]


@asynccontextmanager
async def jira_site(folder: Path) -> AsyncIterator[JiraStandIn]:
    """One site with one project."""
    async with JiraStandIn(folder, user=USER, token=TOKEN) as server:
        server.callback_secret = SECRET
        yield server


def config(standin: JiraStandIn, **keys: object) -> Config:
    """A configuration with everything, and other keys where they are given."""
    given: dict[str, object] = {
        "url": standin.url,
        "ca_file": str(standin.ca_file),
        "user": USER,
        "api_token": TOKEN,
        "project": "OPS",
        "priorities": PRIORITIES,
        "acknowledge_transition": "Start work",
        "resolve_transition": "Resolve this issue",
        "webhook_secret": SECRET,
        "engineers": ["a1", "@provider.example"],
        "customer": "acme",
        "timeout": "5s",
    }
    return Config.model_validate(given | keys)


def destinations_of(standin: JiraStandIn, context: Context) -> AbstractAsyncContextManager[Make]:
    """Makes destinations that tell it, with other keys where they are given, and closes them."""
    return making(lambda **keys: build(config(standin, **keys), context))


def ticket(action: Action = Action.TRIGGER, **others: Any) -> Message:
    """A message for its lane."""
    return message(f"m-{action}", destination="jira", action=action, **others)
