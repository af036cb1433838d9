"""How long something has been so is never more than what was seen."""

from hypothesis import given
from hypothesis import strategies as st

from daemonset.parts.lasting import Lasting

looks = st.lists(st.tuples(st.integers(1, 100), st.sets(st.sampled_from("abc"))), min_size=1, max_size=20)


@given(looks)
def test_a_spell_is_as_long_as_all_looks_in_a_row_that_had_it(looks: list[tuple[int, set[str]]]) -> None:
    lasting: Lasting[str] = Lasting()
    times = [sum(seconds for seconds, _ in looks[: number + 1]) for number in range(len(looks))]
    for number, (_, keys) in enumerate(looks):
        spells = lasting.look(keys, float(times[number]))
        assert set(spells) == keys
        for key, spell in spells.items():
            first = number
            while first > 0 and key in looks[first - 1][1]:
                first -= 1
            assert spell.seconds == times[number] - times[first]
            assert spell.seen == (first > 0)
            assert spell.exceeds(50) == (spell.seconds > 50)
            assert spell.may_exceed(50) == (first == 0 and spell.seconds <= 50)
