"""What the tests of Slack share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.router.destinations.slack_chat import Chat, chat_beside


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with chat_beside(tmp_path / "slack") as made:
        yield made
