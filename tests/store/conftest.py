"""A journal for the tests of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.store.journal import Journal
from tests.store.making import journal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Journal]:
    with journal(tmp_path / "journal.db") as made:
        yield made
