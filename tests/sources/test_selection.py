"""What is found among many selectors is what each of them would say."""

from hypothesis import given
from hypothesis import strategies as st

from slo.core.selector import Selector, parse_selector
from slo.sources.selection import Selection

VALUES = st.sampled_from(["", "a", "b", "0.5", "5e-1"])
MATCHERS = st.tuples(st.sampled_from(["service", "code", "le"]), st.sampled_from(["=", "!=", "=~", "!~"]), VALUES)
NAMES = st.sampled_from(["requests_total", "jobs_total"])


@st.composite
def selectors(draw: st.DrawFn) -> Selector:
    matchers = [f'{label}{operator}"{value}"' for label, operator, value in draw(st.lists(MATCHERS, max_size=3))]
    named = draw(st.sampled_from(["=", "=~", "!="]))
    return parse_selector("{" + ",".join([f'__name__{named}"{draw(NAMES)}"', 'job!=""', *matchers]) + "}")


SERIES = st.fixed_dictionaries(
    {"__name__": NAMES, "job": st.just("api")}, optional={"service": VALUES, "code": VALUES, "le": VALUES}
)


@given(st.lists(selectors(), max_size=8), st.lists(SERIES, min_size=1, max_size=8))
def test_selectors_are_found_as_if_each_were_asked(many: list[Selector], series: list[dict[str, str]]) -> None:
    selection = Selection(many)
    for labels in series:
        expected = [place for place, selector in enumerate(many) if selector.matches(labels)]
        assert sorted(selection.matching(labels)) == expected
        assert selection.any(labels) == bool(expected)


def test_of_many_selectors_only_those_that_may_match_are_asked() -> None:
    many = [parse_selector(f'requests_total{{service="s{number}",code=~"5.."}}') for number in range(1_000)]
    selection = Selection(many)
    assert list(selection._candidates({"__name__": "requests_total", "service": "s7", "code": "500"})) == [7]
    assert list(selection._candidates({"__name__": "jobs_total", "service": "s7"})) == []
