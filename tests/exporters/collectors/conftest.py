"""Every test here that awaits anything runs on both event loops."""

import asyncio
from collections.abc import Callable, Mapping

from tests.hostile import LOOPS


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
