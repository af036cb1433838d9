"""The text of one target's samples: what is kept between rounds changes nothing of what is served."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from slo.core.sample import Sample
from slo.exposition.buffer import Buffer, Serving, exposed
from slo.exposition.families import Family
from slo.exposition.layout import LONGEST_VALUE, Layouts

KNOWN = {"up": Family(name="up", type="gauge", help="Whether it is up.")}


def buffer(most: int = 100, *, below: Mapping[str, str] | None = None, **above: str) -> Buffer:
    return Buffer(Serving(family_of=KNOWN.get, most=most), Layouts(), below=below or {}, above=above)


def text(*buffers: Buffer) -> str:
    return "".join(exposed(buffers))


def filled(samples: Sequence[Sample], most: int = 100) -> str:
    fresh = buffer(most)
    fresh.fill(samples)
    return text(fresh)


def test_the_text_is_that_of_the_format() -> None:
    one, two = buffer(target="a"), buffer(target="b")
    one.fill([Sample("up", 1), Sample("keys", 12.5, {"db": 'say "0"'})])
    two.fill([Sample("keys", 3, {"db": "0"})])
    assert text(one, two) == (
        "# HELP up Whether it is up.\n"
        "# TYPE up gauge\n"
        'up{target="a"} 1.0\n'
        "# HELP keys Said by the kind of the check.\n"
        "# TYPE keys untyped\n"
        'keys{db="say \\"0\\"",target="a"} 12.5\n'
        'keys{db="0",target="b"} 3.0\n'
    )


@pytest.mark.parametrize(
    ("sample", "shown"),
    [
        (Sample("up", 1, {"target": "own", "team": "x"}), 'up{exported_target="own",team="x",target="ours"} 1.0'),
        (Sample("up", 1), 'up{team="core",target="ours"} 1.0'),
        (Sample("up", 1, {"a": "x" * 200}), f'up{{a="{"x" * LONGEST_VALUE}",team="core",target="ours"}} 1.0'),
        (Sample("up", 1, {"not-a-name": "x"}), 'up{team="core",target="ours"} 1.0'),
        (Sample("up", True), 'up{team="core",target="ours"} 1.0'),
    ],
)
def test_labels_of_a_sample_stand_above_the_target_s_and_below_its_identity(sample: Sample, shown: str) -> None:
    one = buffer(below={"team": "core"}, target="ours")
    one.fill([sample])
    assert one.lines() == [shown + "\n"]


@pytest.mark.parametrize(
    ("samples", "served", "dropped"),
    [
        ([Sample("a", 1), Sample("b", 2), Sample("c", 3), Sample("d", 4)], ["a 1.0", "b 2.0", "c 3.0"], 1),
        ([Sample("a", 1), Sample("a", 2), Sample("b", 3)], ["a 1.0", "b 3.0"], 1),
        ([Sample("not a name", 1), Sample("b", 3)], ["b 3.0"], 1),
        (
            [Sample("a", 1, {"x": "1"}), Sample("a", 1, {"y": ""}), Sample("a", 2, {"x": "1"})],
            ['a{x="1"} 1.0', 'a{y=""} 1.0'],
            1,
        ),
    ],
)
def test_what_is_not_served_is_counted(samples: list[Sample], served: list[str], dropped: int) -> None:
    one = buffer(most=3)
    for rounds in (1, 2):
        one.fill(samples)
        assert one.lines() == [line + "\n" for line in served]
        assert one.dropped == dropped * rounds


def test_samples_that_cannot_be_made_leave_those_before() -> None:
    def broken() -> Iterator[Sample]:
        yield Sample("up", 0)
        raise RuntimeError

    one = buffer()
    one.fill([Sample("up", 1)])
    with pytest.raises(RuntimeError):
        one.fill(broken())
    assert one.lines() == ["up 1.0\n"]


def test_a_family_that_comes_twice_is_served_in_one_place() -> None:
    shown = filled([Sample("a", 1, {"x": "1"}), Sample("b", 2), Sample("a", 3, {"x": "2"})])
    assert [family.name for family in text_string_to_metric_families(shown)] == ["a", "b"]


NAMES = st.sampled_from(["up", "keys", "keys_total", "0bad", "é"])
LABELS = st.dictionaries(st.sampled_from(["a", "b", "c-d"]), st.text(max_size=3), max_size=2)
VALUES = st.floats() | st.sampled_from([0.0, -0.0, 1.0, math.nan])
ROUND = st.lists(st.builds(Sample, NAMES, VALUES, LABELS), max_size=8)


@given(st.lists(ROUND, max_size=6))
def test_what_came_before_leaves_no_trace(rounds: list[list[Sample]]) -> None:
    kept, dropped = buffer(5), 0
    for samples in rounds:
        before = kept.dropped
        kept.fill(samples)
        fresh = buffer(5)
        fresh.fill(samples)
        assert [*map(_read, kept.lines())] == [*map(_read, fresh.lines())]
        assert text(kept).count("# TYPE") == text(fresh).count("# TYPE")
        assert kept.dropped - before == fresh.dropped == len(samples) - len(kept.lines())
        dropped += fresh.dropped
    assert kept.dropped == dropped


@given(ROUND)
def test_whatever_is_sampled_is_read_back(samples: list[Sample]) -> None:
    shown = filled(samples)
    series = [each for family in text_string_to_metric_families(shown) for each in family.samples]
    assert len({(each.name, frozenset(each.labels.items())) for each in series}) == len(series)


@given(st.lists(st.tuples(ROUND, st.booleans()), max_size=5), st.data())
def test_targets_that_share_what_stands_before_their_values_are_served_as_if_each_were_alone(
    targets: list[tuple[list[Sample], bool]], data: st.DataObject
) -> None:
    layouts, buffers = Layouts(), []
    alike = data.draw(ROUND)
    for number, (own, is_alike) in enumerate(targets):
        serving = Serving(family_of=KNOWN.get, most=100)
        one = Buffer(serving, layouts, below={"a": "below"}, above={"target": str(number)})
        one.fill([Sample(sample.name, number, sample.labels) for sample in alike] if is_alike else own)
        buffers.append(one)
    shown = [line + "\n" for line in text(*buffers).split("\n")[:-1]]
    values = [line for line in shown if not line.startswith("#")]
    assert sorted(values) == sorted(line for one in buffers for line in one.lines())
    families = [line.split()[2] for line in shown if line.startswith("# TYPE")]
    assert len(set(families)) == len(families)
    assert [name for name, _ in groupby(line.partition("{")[0] for line in values)] == families


def _read(line: str) -> tuple[str, float | None]:
    """A line with its value, by which 0.0 and -0.0 are one; None is no number."""
    prefix, _, value = line.rpartition(" ")
    return prefix, None if math.isnan(float(value)) else float(value)
