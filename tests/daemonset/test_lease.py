"""A Lease is named after its agent, and says no more than that its holder was there."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemonset.lease import Lease, LeaseDocument, Leases, micro_time

LEASES = Leases(namespace="watchkeep", release="watchkeep-agent")

PART = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", fullmatch=True)
NODES = st.lists(PART, min_size=1, max_size=9).map(".".join).filter(lambda name: len(name) <= 253)
"""What may be the name of a node."""


@given(NODES)
def test_a_lease_has_a_name_that_the_api_server_takes(node: str) -> None:
    name = LEASES.name_of(node)
    assert len(name) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", name)
    assert name.startswith("watchkeep-agent-")


def test_long_names_that_begin_alike_are_of_two_leases() -> None:
    one, other = ("a" * 250 + end for end in ("x", "y"))
    assert LEASES.name_of(one) != LEASES.name_of(other)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), "2026-01-02T03:04:05.000060Z"),
    ],
)
def test_times_have_six_digits(at: datetime, written: str) -> None:
    assert micro_time(at) == written


def test_what_is_written_is_what_is_read() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    written = LEASES.written("n1", acquired=at, renewed=at, seconds=20, version="7")
    document = LeaseDocument.model_validate({**written, "metadata": {**written["metadata"], "uid": "u"}})  # type: ignore[dict-item]  # a mapping
    assert LEASES.kept(document) == Lease(agent="n1", renewed="2026-01-02T00:00:00.000000Z", seconds=20.0, version="7")


def test_a_new_one_has_no_version() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    metadata = LEASES.written("n1", acquired=at, renewed=at, seconds=20, version="")["metadata"]
    assert isinstance(metadata, dict)
    assert "resourceVersion" not in metadata
