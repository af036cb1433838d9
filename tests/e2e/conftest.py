"""What the tests of the whole process share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pagerduty import PagerDuty, beside
from tests.e2e.stage import Watch
from tests.services import free_port


@pytest.fixture
def pagerduty(tmp_path: Path) -> Iterator[PagerDuty]:
    """A running stand-in for PagerDuty."""
    with beside(tmp_path / "pagerduty") as (standin,):
        yield standin


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """A watch that is yet to be configured and started."""
    with Watch(tmp_path, free_port()) as watch:
        yield watch
