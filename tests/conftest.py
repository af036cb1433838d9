"""What holds for every test. Real servers come from tests/services.py."""

import asyncio
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.services", "tests.databases"]

# `ci` finds the same examples each time; `dev` looks for new ones: HYPOTHESIS_PROFILE=dev ./run test
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,  # a slow machine is no fault of the code
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Who starts the tests in the background of a script has them, and every command that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# looptime asks for the current loop at tests that have none too, and asyncio would make one that nobody closes: a
# ResourceWarning at whatever test runs when it is collected. Once something was set, asyncio makes none.
asyncio.set_event_loop(None)

WAITING = ("tests/e2e/", "tests/demo/test_story.py")
"""Tests of whole processes, which wait most of the time."""

WORKING = ("tests/router/machine/",)
"""Tests that keep a processor busy for a minute and longer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, those that work spread among those that wait: together they fill the processors, and
    at the end no worker is alone with one that has only begun. Groups stay whole, and xdist begins with them anyway.
    """
    alone = [item for item in items if item.get_closest_marker("xdist_group") is None]
    waiting = [item for item in alone if item.nodeid.startswith(WAITING)]
    working = [item for item in alone if item.nodeid.startswith(WORKING)]
    among = len(waiting) // len(working) if working else 0
    longest: list[pytest.Item] = []
    for number, item in enumerate(working):
        longest += [item, *waiting[number * among : (number + 1) * among]]
    longest += waiting[len(working) * among :]
    begun = set(longest)
    items[:] = [*longest, *(item for item in items if item not in begun)]
