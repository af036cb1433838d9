"""Who is there is told by Leases that change, and by nothing that a clock elsewhere or a silent server says."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from daemonset.attendance import Attendance
from daemonset.lease import Lease


def leases(seconds: float = 20.0, /, **renewed: int) -> list[Lease]:
    """Leases by the names of agents; a renewal is a number."""
    return [
        Lease(agent=agent, renewed=str(number), seconds=seconds, version=f"{agent}-{number}")
        for agent, number in renewed.items()
    ]


class Watching:
    """Looks once a second. `heard` is whether the API server says something in this second."""

    def __init__(self) -> None:
        self.attendance = Attendance()
        self.now = 100.0
        self._heard_at = 100.0

    def look(self, found: list[Lease], *, seconds: int = 1, heard: bool = True) -> frozenset[str]:
        for _ in range(seconds):
            self.now += 1.0
            self._heard_at = self.now if heard else self._heard_at
            self.attendance.look(found, now=self.now, heard_at=self._heard_at)
        return self.attendance.ready


def test_who_renews_is_there() -> None:
    watching = Watching()
    for number in range(100):
        assert watching.look(leases(a=number, b=number), seconds=4) == {"a", "b"}


def test_who_renews_no_more_is_gone_after_his_time_and_back_when_he_renews() -> None:
    watching = Watching()
    watching.look(leases(a=1, b=1))
    assert watching.look(leases(a=2, b=2)) == {"a", "b"}
    assert watching.look(leases(a=2, b=3), seconds=20) == {"a", "b"}
    assert watching.look(leases(a=2, b=4)) == {"b"}
    assert watching.look(leases(a=3, b=5)) == {"b"}
    assert watching.look(leases(a=3, b=6), seconds=3) == {"a", "b"}


def test_who_comes_is_counted_after_a_moment_and_there_at_once() -> None:
    watching = Watching()
    watching.look(leases(a=1))
    assert watching.look(leases(a=1, b=1)) == {"a"}
    assert watching.attendance.there == {"a", "b"}
    assert watching.look(leases(a=2, b=1), seconds=2) == {"a"}
    assert watching.look(leases(a=2, b=1)) == {"a", "b"}


def test_who_gives_up_his_lease_is_gone_at_once() -> None:
    watching = Watching()
    watching.look(leases(a=1, b=1))
    assert watching.look(leases(b=1)) == {"b"}


def test_what_was_there_before_us_may_be_of_the_dead() -> None:
    watching = Watching()
    assert watching.look(leases(a=1, b=1)) == {"a", "b"}
    assert not watching.attendance.settled
    assert watching.look(leases(a=2, b=1), seconds=10) == {"a", "b"}
    assert not watching.attendance.settled
    assert watching.look(leases(a=3, b=1), seconds=11, heard=False) == {"a"}, "we cannot wait for hearing of nobody"
    assert watching.attendance.settled


def test_with_nobody_there_before_us_there_is_nothing_to_wait_for() -> None:
    watching = Watching()
    watching.look([])
    assert watching.attendance.settled
    watching.look(leases(a=1))
    assert watching.attendance.settled


def test_a_silent_server_makes_nobody_go() -> None:
    watching = Watching()
    watching.look(leases(a=1, b=1))
    watching.look(leases(a=2, b=2))
    assert watching.look(leases(a=2, b=2), seconds=3600, heard=False) == {"a", "b"}
    assert watching.look(leases(a=3, b=2)) == {"a", "b"}, "whose renewal is still on its way has time for it"
    assert watching.look(leases(a=3, b=2), seconds=11) == {"a", "b"}
    assert watching.look(leases(a=4, b=2), seconds=2) == {"a"}


def test_no_lease_is_good_for_longer_than_a_minute() -> None:
    watching = Watching()
    watching.look(leases(1e9, a=1))
    assert watching.look(leases(1e9, a=2), seconds=61) == {"a"}
    assert watching.look(leases(1e9, a=2)) == set()


def test_a_label_that_somebody_sets_renews_nothing() -> None:
    watching = Watching()
    watching.look(leases(a=1))
    (renewed,) = leases(a=2)
    watching.look([renewed])
    for version in range(21):
        found = Lease(agent="a", renewed="2", seconds=20.0, version=str(version))
        watching.look([found])
    assert watching.attendance.ready == set()


def test_who_is_silent_for_an_hour_has_gone_for_good() -> None:
    watching = Watching()
    watching.look(leases(a=1, b=1))
    watching.look(leases(a=1, b=2), seconds=3599)
    assert watching.attendance.long_gone == []
    watching.look(leases(a=1, b=3))
    assert watching.attendance.long_gone == leases(a=1)


RENEWALS = st.lists(st.fixed_dictionaries({}, optional={"a": st.booleans(), "b": st.booleans()}), max_size=60)
"""Second by second: whose Leases are there, and whether they are renewed."""


@given(RENEWALS)
def test_who_renewed_within_his_time_is_there_and_who_has_no_lease_is_not(steps: list[Mapping[str, bool]]) -> None:
    watching = Watching()
    watching.look([])
    numbers: dict[str, int] = {}
    renewed_at: dict[str, int] = {}
    for second, step in enumerate(steps):
        for agent, renews in step.items():
            if renews or agent not in renewed_at:
                numbers[agent] = numbers.get(agent, 0) + 1
                renewed_at[agent] = second
        for agent in numbers.keys() - step.keys():
            renewed_at.pop(agent, None)
        watching.look(leases(**{agent: numbers[agent] for agent in step}))
        assert watching.attendance.there == {agent for agent in step if second - renewed_at[agent] <= 20}
        assert watching.attendance.ready <= watching.attendance.there
