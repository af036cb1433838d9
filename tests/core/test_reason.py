"""The table of reasons: bounded, fit for a label, and clear about whose fault each is."""

import re

import pytest

from slo.core.reason import REASONS, State, state_of

OURS = {
    "auth_method",
    "network_down",
    "resolver_down",
    "health_untold",
    "replication_unknown",
    "permission",
    "heartbeat_awaited",
    "heartbeat_unheard",
    "no_file_descriptors",
    "no_local_port",
    "no_source_address",
    "no_icmp_socket",
    "no_memory",
    "not_permitted",
    "canary_awaited",
    "canary_unread",
    "canary_unsent",
    "cancelled",
    "cluster_untold",
    "missed",
    "prober_fault",
    "prober_stalled",
}


def test_good_has_one_reason() -> None:
    assert [reason.name for reason in REASONS.values() if reason.state is State.GOOD] == ["ok"]


def test_what_is_our_own_fault_is_unknown_and_nothing_else_is() -> None:
    assert {reason.name for reason in REASONS.values() if reason.state is State.UNKNOWN} == OURS


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_a_label_and_a_sentence(name: str) -> None:
    reason = REASONS[name]
    assert reason.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name)
    assert re.fullmatch(r"[^\n]{10,100}[^.\n]", reason.meaning)
    assert state_of(name) is reason.state


@pytest.mark.parametrize("name", ["", "OK", "connect_refused ", "surprise"])
def test_an_unlisted_reason_is_a_fault_of_ours(name: str) -> None:
    assert state_of(name) is State.UNKNOWN


def test_no_two_reasons_mean_the_same() -> None:
    assert len({reason.meaning for reason in REASONS.values()}) == len(REASONS)


def test_the_table_is_not_for_changing() -> None:
    with pytest.raises(TypeError):
        REASONS["surprise"] = REASONS["ok"]  # type: ignore[index]
