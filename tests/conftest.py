"""What holds for every test. Real servers come from tests/services.py."""

import asyncio
import gc
import os
import signal

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.services",
    "tests.databases",
    "tests.elastic",
    "tests.remote_write_receivers",
    "tests.distribution",
]

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
# What is read from servers, with 10,000 examples each: HYPOTHESIS_PROFILE=fuzz ./run test tests/exporters -k fuzz
settings.register_profile("fuzz", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Who starts the tests in the background of a script has them, and every command that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# looptime asks for the current loop at tests that have none too, and asyncio would make one that nobody closes: a
# ResourceWarning at whatever test runs when it is collected. Once something was set, asyncio makes none.
asyncio.set_event_loop(None)

# Whether modules and thousands of tests are garbage is not asked, neither while they are loaded nor later.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.enable()
