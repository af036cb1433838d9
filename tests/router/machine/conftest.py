"""What the tests of the router among its vendors share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _looks_when_told() -> Iterator[None]:
    """The watch looks whether its messages get through when the machine says so, not when real time has passed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slo.router.paths.LOOK_SECONDS", 3600.0)
        yield


@pytest.fixture
def hasty() -> Iterator[None]:
    """The patience of the router, without the waiting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slo.router.direct.PATIENCE_SECONDS", 0.05)
        patch.setattr("slo.router.direct.LOOK_SECONDS", 0.01)
        patch.setattr("slo.router.router.RETRY_SECONDS", 0.01)
        patch.setattr("slo.router.router.WRITE_WAIT_SECONDS", 0.05)
        patch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.01)
        yield
