"""Matchers of labels, spelt as Alertmanager spells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.matching import Matcher, Operator, fulfil, parse_matcher

LABELS = {"service": "gate", "severity": "page"}


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('service="gate"', Matcher(label="service", operator="=", value="gate")),
        ("service=gate", Matcher(label="service", operator="=", value="gate")),
        ("service = gate", Matcher(label="service", operator="=", value="gate")),
        ("severity!='page'", Matcher(label="severity", operator="!=", value="page")),
        ("slo=~gate-.*|deck-.*", Matcher(label="slo", operator="=~", value="gate-.*|deck-.*")),
        ('slo!~"gate{1,2}"', Matcher(label="slo", operator="!~", value="gate{1,2}")),
        (r'note="a \"b\""', Matcher(label="note", operator="=", value='a "b"')),
        ('cluster=""', Matcher(label="cluster", operator="=", value="")),
    ],
)
def test_a_matcher_is_read(text: str, matcher: Matcher) -> None:
    assert parse_matcher(text) == matcher
    assert parse_matcher(str(matcher)) == matcher


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("service", "column 8: no operator after service; write service="),
        ("=gate", "column 1: no name of a label; write matchers as in"),
        ("service=", "column 9: no text after service=; write it in quotes"),
        ('service="gate', "column 9: a text without an end"),
        ('service="gate",severity="page"', "column 15: ',severity=\"page\"' does not belong to a matcher; write one"),
        ("service=the gate", "column 13: 'gate' does not belong to a matcher"),
        ("slo=~(gate", "column 1: '(gate' is no regular expression of RE2"),
        ("slo=~'(?=gate)'", "column 1: '(?=gate)' is no regular expression of RE2"),
        ("service==gate", "column 9: no text after service="),
    ],
)
def test_what_is_no_matcher_is_refused_with_the_column_and_the_mend(text: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the text is compared
        parse_matcher(text)
    assert str(refused.value).startswith(says)


@given(
    st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True),
    st.sampled_from(["=", "!="]),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_a_matcher_is_read_back_from_its_own_spelling(label: str, operator: Operator, value: str) -> None:
    matcher = Matcher(label=label, operator=operator, value=value)
    assert parse_matcher(str(matcher)) == matcher


def test_all_must_hold_and_a_missing_label_is_empty() -> None:
    def holds(*matchers: str) -> bool:
        return fulfil(LABELS, map(parse_matcher, matchers))

    assert holds()
    assert holds("service=gate", "severity=~pa.e", 'cluster=""', "cluster!=eu")
    assert not holds("service=gate", "severity=~pa")
    assert not holds("cluster=~.+")
