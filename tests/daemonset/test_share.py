"""Targets are divided among the agents: each has one owner, and no more of them move than have to."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemonset.share import Share, owner
from slo.core.outcome import CheckKey

NAMES = st.text(min_size=1, max_size=20)
AGENTS = st.frozensets(NAMES, min_size=1, max_size=8)
TARGETS = st.lists(st.tuples(NAMES, NAMES), max_size=20)

MANY: list[CheckKey] = [("databases", f"db-{number}.example:3306") for number in range(1000)]
NODES = [f"ip-10-0-0-{number}.eu-central-1.compute.internal" for number in range(10)]


@given(TARGETS, AGENTS)
def test_each_target_has_exactly_one_owner(targets: list[CheckKey], agents: frozenset[str]) -> None:
    shares = []
    for agent in agents:
        share = Share(agent)
        share.now(agents)
        shares.append(share)
    for target in targets:
        assert sum(share.mine(target) for share in shares) == 1


@given(TARGETS, AGENTS, NAMES)
def test_only_what_the_newcomer_gets_moves(targets: list[CheckKey], agents: frozenset[str], newcomer: str) -> None:
    for target in targets:
        assert owner(target, agents | {newcomer}) in (owner(target, agents), newcomer)


@given(TARGETS, AGENTS, NAMES)
def test_only_what_the_leaver_had_moves(targets: list[CheckKey], agents: frozenset[str], leaver: str) -> None:
    for target in targets:
        before = owner(target, agents | {leaver})
        if before != leaver:
            assert owner(target, (agents | {leaver}) - {leaver}) == before


@given(st.permutations(NODES))
def test_the_order_of_agents_makes_no_difference(agents: list[str]) -> None:
    assert [owner(target, agents) for target in MANY[:20]] == [owner(target, NODES) for target in MANY[:20]]


def test_shares_are_even() -> None:
    """Within a third of the mean: 3.5 standard deviations of 100 of 1,000 are that much."""
    counts = Counter(owner(target, NODES) for target in MANY)
    assert sum(counts.values()) == 1000
    assert all(67 <= counts[agent] <= 133 for agent in NODES), counts


def test_what_a_leaver_had_goes_to_all_that_are_left() -> None:
    lost = [target for target in MANY if owner(target, NODES) == NODES[0]]
    heirs = Counter(owner(target, NODES[1:]) for target in lost)
    assert set(heirs) == set(NODES[1:])
    assert max(heirs.values()) <= len(lost) / 3


KNOWN: list[tuple[CheckKey, str]] = [
    (("databases", "db-1.example:3306"), NODES[0]),
    (("databases", "db-2.example:3306"), NODES[3]),
    (("caches", "db-1.example:3306"), NODES[9]),
]


@pytest.mark.parametrize(("target", "agent"), KNOWN)
def test_the_owner_is_the_same_in_every_version(target: CheckKey, agent: str) -> None:
    """Agents of two versions run side by side while one takes the place of the other."""
    assert owner(target, NODES) == agent


def test_the_owner_is_the_same_in_every_process() -> None:
    code = f"from daemonset.share import owner; print([owner(t, {set(NODES)}) for t in {MANY[:5]}])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str([owner(target, NODES) for target in MANY[:5]])


def test_names_and_targets_do_not_run_into_one_another() -> None:
    agents = [f"n{number}" for number in range(50)]
    alike = [(f"web{number}", "-1"[: number % 2 + 1]) for number in range(20)]
    assert any(owner((entry + target, ""), agents) != owner((entry, target), agents) for entry, target in alike)


def test_before_anything_is_known_nothing_is_ours_and_without_anybody_everything() -> None:
    share = Share("n1")
    assert not any(share.mine(target) for target in MANY[:20])
    share.now([])
    assert all(share.mine(target) for target in MANY[:20])


def test_who_is_not_among_the_agents_has_nothing() -> None:
    share = Share("n1")
    share.now(["n2"])
    assert not any(share.mine(target) for target in MANY[:20])


def test_half_a_character_in_a_name_is_no_trouble() -> None:
    assert owner(("web", "\ud800"), ["n1"]) == "n1"
