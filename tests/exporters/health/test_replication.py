"""What is said of a server by how it stands to the others, and that what is not known is never passed over."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporters.health.replication import FAMILIES, Expect, Mode, Replication, Role, faults, samples
from slo.core.reason import REASONS, State

PRIMARY: dict[str, Any] = {"role": Role.PRIMARY, "mode": Mode.ASYNC, "read_only": False, "replicas": 2}
REPLICA: dict[str, Any] = {
    "role": Role.REPLICA,
    "mode": Mode.ASYNC,
    "read_only": True,
    "lag_seconds": 0.5,
    "lag_bytes": 10,
}
SENTINEL: dict[str, Any] = {"role": Role.SENTINEL, "mode": Mode.NONE, "quorum": True, "replicas": 1, "cluster_size": 3}


def reasons(state: Mapping[str, Any], expect: Mapping[str, object]) -> list[str]:
    return [reason for reason, _ in faults(Replication(**state), Expect.model_validate(expect))]


CASES: dict[str, tuple[Mapping[str, Any], Mapping[str, object], list[str]]] = {
    "a primary": (PRIMARY, {}, []),
    "a replica": (REPLICA, {}, []),
    "a sentinel": (SENTINEL, {}, []),
    "nobody knows what it is": (PRIMARY | {"role": Role.UNKNOWN}, {"role": "primary"}, ["replication_unknown"]),
    "it is what it should be": (REPLICA, {"role": "replica"}, []),
    "it is something else": (REPLICA, {"role": "primary"}, ["role"]),
    "it is a replica where a sentinel is expected": (REPLICA, {"role": "sentinel"}, ["role"]),
    "it cannot decide": (SENTINEL | {"quorum": False}, {}, ["no_quorum"]),
    "nobody knows whether it can decide": (SENTINEL | {"quorum": None}, {}, []),
    "replication does not run": (REPLICA | {"broken": "stopped", "lag_seconds": None}, {}, ["replication_broken"]),
    "it does not run and is behind": (
        REPLICA | {"broken": "stopped", "lag_seconds": 60.0},
        {"lag": "30s"},
        ["replication_broken", "replication_lag"],
    ),
    "async where only sync will do": (PRIMARY, {"replication": ["sync", "semi-sync"]}, ["replication_mode"]),
    "async where that will do": (PRIMARY, {"replication": ["async"]}, []),
    "nobody knows the mode": (PRIMARY | {"mode": Mode.UNKNOWN}, {"replication": ["sync"]}, ["replication_unknown"]),
    "nobody knows the mode, or wants to": (PRIMARY | {"mode": Mode.UNKNOWN}, {}, []),
    "just as far behind as it may be": (REPLICA | {"lag_seconds": 30.0}, {"lag": "30s"}, []),
    "further behind": (REPLICA | {"lag_seconds": 30.1}, {"lag": "30s"}, ["replication_lag"]),
    "nobody knows how far": (REPLICA | {"lag_seconds": None}, {}, ["replication_unknown"]),
    "a primary that nobody follows has no lag": (PRIMARY | {"replicas": 0}, {"lag": "1s"}, []),
    "a primary whose replica is far behind": (PRIMARY | {"lag_seconds": 31.0}, {"lag": "30s"}, ["replication_lag"]),
    "more bytes than it may": (REPLICA | {"lag_bytes": 1025}, {"lag_bytes": "1KiB"}, ["replication_lag"]),
    "as many bytes as it may": (REPLICA | {"lag_bytes": 1024}, {"lag_bytes": "1KiB"}, []),
    "nobody knows how many": (REPLICA | {"lag_bytes": None}, {"lag_bytes": "1KiB"}, ["replication_unknown"]),
    "a primary that takes no writes": (PRIMARY | {"read_only": True}, {}, ["read_only"]),
    "a primary that shall take none": (PRIMARY | {"read_only": True}, {"read_only": True}, []),
    "a replica that takes writes": (REPLICA | {"read_only": False}, {}, []),
    "a replica that must not": (REPLICA | {"read_only": False}, {"read_only": True}, ["writable"]),
    "nobody knows whether it takes writes": (
        PRIMARY | {"read_only": None},
        {"read_only": False},
        ["replication_unknown"],
    ),
    "a sentinel has nothing to write to": (SENTINEL | {"read_only": True}, {"read_only": False}, []),
    "enough replicas": (PRIMARY, {"replicas": 2}, []),
    "a replica need not be followed": (REPLICA | {"replicas": 0}, {"replicas": 1}, []),
    "a replica is not told its mode": (REPLICA | {"mode": Mode.UNKNOWN}, {"replication": ["sync"]}, []),
    "a primary that does not tell its mode": (
        PRIMARY | {"mode": Mode.UNKNOWN},
        {"replication": ["sync"]},
        ["replication_unknown"],
    ),
    "too few replicas": (PRIMARY, {"replicas": 3}, ["replicas_missing"]),
    "nobody knows how many replicas": (PRIMARY | {"replicas": None}, {"replicas": 1}, ["replication_unknown"]),
    "enough members": (SENTINEL, {"cluster_size": 3}, []),
    "too few members": (SENTINEL, {"cluster_size": 4}, ["cluster_size"]),
    "nobody knows how many members": (PRIMARY, {"cluster_size": 3}, ["replication_unknown"]),
    "everything at once": (
        REPLICA | {"broken": "stopped", "quorum": False, "lag_seconds": 99.0, "replicas": 0},
        {"role": "primary", "replication": ["sync"], "lag": "1s", "replicas": 1, "read_only": False},
        [
            "role",
            "no_quorum",
            "replication_broken",
            "read_only",
            "replication_mode",
            "replication_lag",
        ],
    ),
}


@pytest.mark.parametrize(("state", "expect", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong_with_a_server(
    state: Mapping[str, Any], expect: Mapping[str, object], expected: list[str]
) -> None:
    assert reasons(state, expect) == expected


def test_why_a_server_takes_no_writes_is_said_where_it_is_known() -> None:
    known = Replication(**PRIMARY | {"read_only": True, "refusal": "its disk is full"})
    assert list(faults(known, Expect())) == [("read_only", "its disk is full")]


STATES = st.builds(
    Replication,
    role=st.sampled_from(Role),
    mode=st.sampled_from(Mode),
    lag_seconds=st.none() | st.floats(0, 1e6),
    lag_bytes=st.none() | st.integers(0, 2**40),
    broken=st.sampled_from(["", "stopped"]),
    read_only=st.none() | st.booleans(),
    replicas=st.none() | st.integers(0, 5),
    quorum=st.none() | st.booleans(),
    cluster_size=st.none() | st.integers(0, 5),
)
EXPECTED = st.builds(
    Expect,
    role=st.none() | st.sampled_from(["primary", "replica", "sentinel"]),
    replication=st.none() | st.lists(st.sampled_from(["none", "async", "semi-sync", "sync"]), min_size=1).map(tuple),
    lag=st.none() | st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    lag_bytes=st.none() | st.integers(1, 10**11).map(lambda size: f"{size}B"),
    replicas=st.none() | st.integers(0, 5),
    cluster_size=st.none() | st.integers(1, 5),
    read_only=st.none() | st.booleans(),
)


@given(STATES, EXPECTED)
def test_a_fault_is_bad_or_unknown_and_says_something(state: Replication, expect: Expect) -> None:
    for reason, detail in faults(state, expect):
        assert REASONS[reason].state is not State.GOOD
        assert detail


@given(STATES, EXPECTED)
def test_what_is_expected_and_not_known_is_never_passed_over(state: Replication, expect: Expect) -> None:
    found = {reason for reason, _ in faults(state, expect)}
    follows = state.role is Role.REPLICA and not state.broken
    unknown = (
        state.role is Role.UNKNOWN
        or (expect.replication is not None and state.mode is Mode.UNKNOWN and state.role is not Role.REPLICA)
        or (follows and state.lag_seconds is None)
        or (follows and expect.lag_bytes is not None and state.lag_bytes is None)
        or (expect.replicas is not None and state.replicas is None and state.role is not Role.REPLICA)
        or (expect.cluster_size is not None and state.cluster_size is None)
        or (expect.read_only is not None and state.read_only is None and state.role is not Role.SENTINEL)
    )
    assert ("replication_unknown" in found) is unknown


@given(STATES, EXPECTED, st.floats(0, 1e6))
def test_who_is_further_behind_is_never_better(state: Replication, expect: Expect, more: float) -> None:
    if state.lag_seconds is None:
        return
    further = Replication(
        **{name: getattr(state, name) for name in Replication.__slots__} | {"lag_seconds": state.lag_seconds + more}
    )
    assert set(faults_of(state, expect)) <= set(faults_of(further, expect))


def faults_of(state: Replication, expect: Expect) -> list[str]:
    return [reason for reason, _ in faults(state, expect)]


@given(STATES)
def test_the_metrics_say_what_is_known_and_nothing_else(state: Replication) -> None:
    said = {sample.name: sample for sample in samples(state)}
    assert said.keys() <= FAMILIES.keys()
    assert said["watchkeep_replication_role"].labels == {"role": state.role.value}
    assert said["watchkeep_replication_mode"].labels == {"mode": state.mode.value}
    assert ("watchkeep_replication_lag_seconds" in said) is (state.lag_seconds is not None)
    assert ("watchkeep_replication_lag_bytes" in said) is (state.lag_bytes is not None)
    assert ("watchkeep_replication_running" in said) is (state.role is Role.REPLICA)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"role": "master"}, "'primary', 'replica' or 'sentinel'"),
        ({"replication": ["asynchronous"]}, "'none', 'async', 'semi-sync', 'sync' or 'cluster'"),
        ({"lag": "0s"}, "is no time at all"),
        ({"replicas": -1}, "greater than or equal to 0"),
        ({"cluster_size": 0}, "greater than or equal to 1"),
    ],
)
def test_a_wrong_expectation_is_refused(expect: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Expect.model_validate(expect)
