"""What the tests of the router share."""

from collections.abc import AsyncIterator

import pytest

from slo.net.context import Context
from slo.runner.clock import SteadyClock


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    context = Context.default(SteadyClock())
    yield context
    await context.close()
