"""Starts both for a whole module of tests."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.blackbox.peers import Pair, pair_of
from tests.services import nginx, nsd

__all__ = ["nginx", "nsd"]


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both with the blackbox.yml that the module of the test has as `MODULES`, a text or a function of `request`."""
    modules: str | Callable[[pytest.FixtureRequest], str] = request.module.MODULES
    text = modules if isinstance(modules, str) else modules(request)
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(pair_of(text, tmp_path_factory.mktemp("blackbox")))
