"""Selectors are read as PromQL reads them, refused with a place and a mend, and match as Prometheus matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.matching import Matcher, Operator
from slo.core.selector import Selector, parse_selector


def selector(metric: str, *matchers: tuple[str, Operator, str]) -> Selector:
    made = tuple(sorted(Matcher(label=label, operator=operator, value=value) for label, operator, value in matchers))
    return Selector(metric=metric, matchers=made)


API = selector("http_requests_total", ("service", "=", "api"), ("code", "=~", "5.."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('http_requests_total{service="api",code=~"5.."}', API),
        ('{__name__="http_requests_total",service="api",code=~"5.."}', API),
        ("  http_requests_total\t{\n code =~ '5..' , service=`api`,\r\n}  # errors", API),
        ("# all\nup", selector("up")),
        ("up{}", selector("up")),
        ("job:up:sum5m", selector("job:up:sum5m")),
        (":up", selector(":up")),
        ("sum", selector("sum")),
        ('offset{by="x"}', selector("offset", ("by", "=", "x"))),
        ('up{a="1",a!="2",a!~"3"}', selector("up", ("a", "=", "1"), ("a", "!=", "2"), ("a", "!~", "3"))),
        ('up{a="1",a="1"}', selector("up", ("a", "=", "1"))),
        ('{a=~".+"}', selector("", ("a", "=~", ".+"))),
        ('{a!=""}', selector("", ("a", "!=", ""))),
        ('{a!~".*",b=""}', selector("", ("a", "!~", ".*"), ("b", "=", ""))),
        ('{__name__=~"a|b",__name__!="b"}', selector("", ("__name__", "=~", "a|b"), ("__name__", "!=", "b"))),
        ('{__name__="a",__name__="b"}', selector("", ("__name__", "=", "a"), ("__name__", "=", "b"))),
        ('{__name__="on"}', selector("on")),
        ('{"http.requests","status code"="200"}', selector("http.requests", ("status code", "=", "200"))),
        (r'up{a="\"\\\n\t\a\x41\101é\U0001F600"}', selector("up", ("a", "=", '"\\\n\t\aAAé😀'))),
        (r'up{a="\xc3\xa9"}', selector("up", ("a", "=", "é"))),
        (r"up{a='\'\"'}".replace(r"\"", '"'), selector("up", ("a", "=", "'\""))),
        (r"up{a=~`\d+\.`}", selector("up", ("a", "=~", r"\d+\."))),
        (r'up{a=~"\\d+"}', selector("up", ("a", "=~", r"\d+"))),
        ("up{a=`one\ntwo # no comment`}", selector("up", ("a", "=", "one\ntwo # no comment"))),
        ('up{a="}"}', selector("up", ("a", "=", "}"))),
    ],
)
def test_a_selector_is_read(text: str, expected: Selector) -> None:
    assert parse_selector(text) == expected


A_SELECTOR = "write a plain series selector; for expressions use sli: {prometheus: ...}"
AN_EXPRESSION = "mend the expression; RE2 has no look-around and no back-references"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("up[5m]", f"column 3: this is a range selector; {A_SELECTOR}"),
        ('up{a="b"} [5m]', f"column 11: this is a range selector; {A_SELECTOR}"),
        ("rate(up[5m])", f"column 5: this is a function call or an aggregate; {A_SELECTOR}"),
        ("sum by (a) (up)", f"column 5: this is a function call or an aggregate; {A_SELECTOR}"),
        ("sum without(a) (up)", f"column 5: this is a function call or an aggregate; {A_SELECTOR}"),
        ("(up)", f"column 1: this is a function call or an aggregate; {A_SELECTOR}"),
        ("up offset 5m", f"column 4: this has the modifier offset; {A_SELECTOR}"),
        ("up @ 1609746000", f"column 4: this has the modifier @; {A_SELECTOR}"),
        ("up - down", f"column 4: - does not belong to a selector; {A_SELECTOR}"),
        ("up and down", f"column 4: and does not belong to a selector; {A_SELECTOR}"),
        ('up{a="b"}}', f"column 10: }} does not belong to a selector; {A_SELECTOR}"),
        ("5", f"column 1: 5 does not belong to a selector; {A_SELECTOR}"),
        ("-up", f"column 1: - does not belong to a selector; {A_SELECTOR}"),
        ("http.requests", f"column 5: . does not belong to a selector; {A_SELECTOR}"),
        *(
            (text, 'column 1: every series is selected; name the metric, or write a matcher as in {service="api"}')
            for text in ("", "{}", '{a=""}', '{a=~".*"}', '{a!="b"}', '{a!~"b"}', '{__name__=""}', '{""}')
        ),
        ("NaN", 'column 1: NaN is a word of PromQL; write {__name__="NaN"}'),
        ('on{a="b"}', 'column 1: on is a word of PromQL; write {__name__="on"}'),
        ("up{", 'column 4: no name of a label; write matchers as in {service="api",code=~"5.."}'),
        ("up{,}", 'column 4: no name of a label; write matchers as in {service="api",code=~"5.."}'),
        ('up{a="1",,}', 'column 10: no name of a label; write matchers as in {service="api",code=~"5.."}'),
        ('up{1="a"}', 'column 4: no name of a label; write matchers as in {service="api",code=~"5.."}'),
        ("up{a}", 'column 5: no operator after a; write a="...", or one of !=, =~ and !~'),
        ('up{a:b="c"}', 'column 5: no operator after a; write a="...", or one of !=, =~ and !~'),
        ("up{a=5}", 'column 6: no text after a=; write it in quotes: a="..."'),
        ('up{a=="5"}', 'column 6: no text after a=; write it in quotes: a="..."'),
        ('up{a="5}', 'column 6: a text without an end; close it with "'),
        ("up{a='5\n'}", "column 6: a text without an end; close it with '"),
        ("up{a=`5}", "column 6: a text without an end; close it with `"),
        ('up{a="5"', "column 9: the matchers go on without a comma; write a comma, or close them with }"),
        ('up{a="5" b="6"}', "column 10: the matchers go on without a comma; write a comma, or close them with }"),
        (r'up{code=~"5\.."}', r"column 12: \. is no escape; write \\ for a backslash"),
        (r'up{a="é\'"}', r"column 8: \' is no escape; write \\ for a backslash"),
        (r'up{a="\400"}', r"column 7: \4 is no escape; write \\ for a backslash"),
        (r'up{a="\ud800"}', r"column 7: \u is no escape; write \\ for a backslash"),
        (r'up{a="\U00110000"}', r"column 7: \U is no escape; write \\ for a backslash"),
        (r'up{a="\xff"}', r"column 6: the bytes are not UTF-8; write the character itself, or its number as in \u00e9"),
        ('up{__name__="down"}', "column 4: the metric is named twice; leave one of the names out"),
        ('up{"down"}', "column 4: the metric is named twice; leave one of the names out"),
        ('{"up","down"}', "column 7: the metric is named twice; leave one of the names out"),
        ('up{a=~"("}', f"column 4: '(' is no regular expression of RE2: missing ): (; {AN_EXPRESSION}"),
    ],
)
def test_what_is_no_selector_is_refused_with_its_place_and_a_mend(text: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=re.escape(refusal) + r"\Z"):
        parse_selector(text)


@pytest.mark.parametrize("operator", ["=~", "!~"])
@pytest.mark.parametrize("expression", ["a)(b", r"(a)\1", "(?=a)", "a{1001}"])
def test_an_expression_that_re2_refuses_is_refused(operator: Operator, expression: str) -> None:
    with pytest.raises(ValueError, match="is no regular expression of RE2"):
        Matcher(label="a", operator=operator, value=expression)


@pytest.mark.parametrize(
    ("text", "labels", "matched"),
    [
        ("up", {}, True),
        ("up", {"__name__": "down"}, False),
        ('up{a=""}', {}, True),
        ('up{a=""}', {"a": "x"}, False),
        ('up{a!=""}', {}, False),
        ('up{a!="x"}', {}, True),
        ('up{a="x",b!="y"}', {"a": "x", "b": "y"}, False),
        ('up{a="x",b!="y"}', {"a": "x", "b": "z"}, True),
        ('up{code=~"5.."}', {"code": "503"}, True),
        ('up{code=~"5.."}', {"code": "5030"}, False),
        ('up{code=~"5.."}', {"code": "1503"}, False),
        ('up{code!~"5.."}', {"code": "5030"}, True),
        ('up{code!~"5.."}', {}, True),
        ('up{code=~"5..|"}', {}, True),
        ('up{code=~"4..|5.."}', {"code": "404"}, True),
        ('up{code=~"a|ab"}', {"code": "ab"}, True),
        ('up{code=~"^5..$"}', {"code": "503"}, True),
        ('up{a=~"x.y"}', {"a": "x\ny"}, True),
        ('up{a=~"x"}', {"a": "x\n"}, False),
        ('up{a=~"(?i)É."}', {"a": "éü"}, True),
        ('{__name__=~"u.",a="x"}', {"a": "x"}, True),
        ('{__name__=~"u.",a="x"}', {"__name__": "down", "a": "x"}, False),
        ('{__name__!="up",a="x"}', {"a": "x"}, False),
        *((f'up{{{label}="0.3"}}', {label: "0.30"}, True) for label in ("le", "quantile")),
        *((f'up{{{label}!="0.3"}}', {label: "3e-1"}, False) for label in ("le", "quantile")),
        ('up{le="1"}', {"le": "1.0"}, True),
        ('up{le="1.0"}', {"le": "1"}, True),
        ('up{le="1"}', {"le": "1.1"}, False),
        ('up{le="+Inf"}', {"le": "inf"}, True),
        ('up{le="+Inf"}', {"le": "-Inf"}, False),
        ('up{le!="+Inf"}', {"le": "Infinity"}, False),
        ('up{le=".5"}', {"le": "5E-01"}, True),
        ('up{le="1000"}', {"le": "1_000"}, False),
        ('up{le="1"}', {"le": " 1"}, False),
        ('up{le="1"}', {"le": "\N{ARABIC-INDIC DIGIT ONE}"}, False),
        ('up{le="1"}', {}, False),
        ('up{le!="1"}', {}, True),
        ('up{le="x"}', {"le": "x"}, True),
        ('up{quantile="NaN"}', {"quantile": "NaN"}, True),
        ('up{le=~"1"}', {"le": "1.0"}, False),
        ('up{size="1"}', {"size": "1.0"}, False),
    ],
)
def test_a_series_is_matched_by_all_its_labels(text: str, labels: dict[str, str], *, matched: bool) -> None:
    assert parse_selector(text).matches({"__name__": "up"} | labels) is matched


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("{ code=~'5..', __name__='http_requests_total', service=`api`, }", str(API)),
        (str(API), 'http_requests_total{code=~"5..",service="api"}'),
        ("up{}", "up"),
        ('{__name__="NaN"}', '{__name__="NaN"}'),
        ('{__name__=~"u."}', '{__name__=~"u."}'),
        ('{"a.b","c d"="e"}', '{__name__="a.b","c d"="e"}'),
        (r'up{a="\"\\\x0a\r\u0001é\ufffd"}', r'up{a="\"\\\n\r\u0001é\ufffd"}'),
    ],
)
def test_a_selector_has_one_spelling(text: str, spelling: str) -> None:
    assert str(parse_selector(text)) == spelling


OPERATORS: tuple[Operator, ...] = ("=", "!=", "=~", "!~")
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,6}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MATCHERS = st.builds(
    lambda label, operator, text: Matcher(
        label=label, operator=operator, value=text if operator in {"=", "!="} else re.sub(r"\W", ".", text)
    ),
    NAMES | TEXTS.filter(bool),
    st.sampled_from(OPERATORS),
    TEXTS,
)


@given(NAMES | TEXTS.filter(bool), st.lists(MATCHERS.filter(lambda matcher: matcher.label != "__name__")))
def test_the_spelling_is_read_as_the_same_selector(metric: str, matchers: list[Matcher]) -> None:
    made = Selector(metric=metric, matchers=tuple(sorted(set(matchers))))
    assert parse_selector(str(made)) == made


@given(st.text("up{}=~!\"'`,\\ab(5#\n ") | TEXTS)
def test_any_text_is_a_selector_or_is_refused_as_none(text: str) -> None:
    try:
        made = parse_selector(text)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert parse_selector(str(made)) == made
    assert not refusal or re.match(r"column [0-9]+: .+; ", refusal, re.DOTALL)


@pytest.mark.parametrize(
    ("selector", "label", "value", "narrowed"),
    [
        ("a", "code", "500", 'a{code="500"}'),
        ("a", "code", "", 'a{code=""}'),
        ('a{code=~"5..",job!="x"}', "code", "500", 'a{code="500",job!="x"}'),
        ('a{code=~"5..",code!="501"}', "code", "500", 'a{code="500"}'),
        ('a{code=~"5..",code!="501"}', "code", "501", 'a{code!="501",code="501"}'),
        ('a{code="500"}', "code", "200", 'a{code="200",code="500"}'),
        ('{__name__=~"a|b"}', "__name__", "a", "a"),
        ("b", "__name__", "a", '{__name__="a",__name__="b"}'),
    ],
)
def test_narrowed_to_a_value_of_a_label_it_selects_those_of_its_series_that_have_it(
    selector: str, label: str, value: str, narrowed: str
) -> None:
    made = parse_selector(selector).with_label(label, value)
    assert str(made) == narrowed
    for other in ("", "200", "500", "501", "a", "b"):
        series = {"__name__": "a", "job": "y", label: other}
        assert made.matches(series) == (parse_selector(selector).matches(series) and other == value)


@pytest.mark.parametrize(
    ("whole", "part", "included"),
    [
        ("a", 'a{code=~"5.."}', True),
        ('a{service="api"}', 'a{code=~"5..",service="api"}', True),
        ('{__name__=~"a|b"}', '{__name__=~"a|b",code="500"}', True),
        ("a", "a", True),
        ("a", "b", False),
        ('a{service="api"}', "a", False),
        ('a{service="api"}', 'a{service="web"}', False),
        ('a{code=~"5.."}', 'a{code="500"}', False),
    ],
)
def test_a_selector_with_all_matchers_of_another_is_included_in_it(whole: str, part: str, *, included: bool) -> None:
    assert parse_selector(whole).includes(parse_selector(part)) is included
