"""What the tests of the router share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.router.destinations.slack_chat import Chat, chat_beside


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    context = Context.default(SteadyClock())
    yield context
    await context.close()


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with chat_beside(tmp_path / "slack") as made:
        yield made
