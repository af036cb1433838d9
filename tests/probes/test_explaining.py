"""Every kind tells people what a round of it found, and nothing where the round itself failed."""

import inspect

import pytest

from slo.core.protocols import Explaining
from slo.errors import Fault
from slo.kinds import Kinds
from tests.runner.worlds import START

PROBES = Kinds.installed().probes


@pytest.mark.parametrize("kind", sorted(PROBES.own))
def test_a_kind_explains_what_it_found(kind: str) -> None:
    made = inspect.signature(PROBES.module(kind).build, eval_str=True).return_annotation
    probe = made.__new__(made)  # what it is built with matters nothing here
    probe.target = "gate.example:443"
    assert isinstance(probe, Explaining)
    assert list(probe.explain(Fault("timeout"), START)) == []
