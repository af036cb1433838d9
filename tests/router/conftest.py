"""What holds for the tests of the router."""

import asyncio

# pytest-asyncio asks for the current loop before its first test, which on Python 3.11 makes one that nobody closes.
asyncio.set_event_loop(None)
