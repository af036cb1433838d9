"""Every test here that awaits anything runs on the watch's own event loop."""

import asyncio
from collections.abc import Callable, Mapping

from tests.hostile import LOOP
from tests.services import nginx

__all__ = ["nginx"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOP
