"""Scrapes are parsed as Prometheus parses them: what is refused, what passes, and what a second scrape costs."""

import contextlib
import math
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.selector import parse_selector
from slo.errors import ParseError
from slo.exposition.parse import SPARE_SERIES, ScrapedSample, SeriesCache, parse

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def om(body: str) -> bytes:
    return f"{body}\n# EOF\n".encode()


def sample(value: float, timestamp_ms: int | None = None, /, name: str = "up", **labels: str) -> ScrapedSample:
    return name, {"__name__": name} | labels, value, timestamp_ms


STATUS = {"__name__": "http.requests", "status code": "200"}


# Samples


@pytest.mark.parametrize(
    ("body", "samples"),
    [
        ("", []),
        ("\n \t\n", []),
        ("up 1\n", [sample(1)]),
        ("up 1", [sample(1)]),
        ("up{} 1\n", [sample(1)]),
        ("up\t1 \n", [sample(1)]),
        ("up+1\n", [sample(1)]),
        ('up{a="b"}1\n', [sample(1, a="b")]),
        ('up { a = "b" , } 1 1767225600123 \n', [sample(1, 1_767_225_600_123, a="b")]),
        ('up{a="b",c="d"} 1\n', [sample(1, a="b", c="d")]),
        ('up{a="b"c="d"} 1\n', [sample(1, a="b", c="d")]),
        ('up{a="b c } 1"} 2\n', [sample(2, a="b c } 1")]),
        ('up{a="# {"} 2\n', [sample(2, a="# {")]),
        (r'up{a="\\\"\n\q"} 1', [sample(1, a='\\"\n\\q')]),
        ('up{a="one\ntwo"} 1\nup 2\n', [sample(1, a="one\ntwo"), sample(2)]),
        ('up{a="\nup 5\n\\"\n"} 1\nup 2\n', [sample(1, a='\nup 5\n"\n'), sample(2)]),
        ('up{a="\\\\"} 1\nup 2\n', [sample(1, a="\\"), sample(2)]),
        ('up{a=""} 1\n', [sample(1)]),
        ('up{a="\0é"} 1\n', [sample(1, a="\0é")]),
        ("job:up:sum 1\n", [sample(1, name="job:up:sum")]),
        ('{"http.requests"} 1\n', [sample(1, name="http.requests")]),
        (
            '{"http.requests","status code"="200"} 1\n',
            [("http.requests", STATUS, 1, None)],
        ),
        ("# HELP\n#HELP x\n# TYPELESS\n#\n # other\nup 1\n# EOF\nup 2 5\n", [sample(1), sample(2, 5)]),
    ],
)
def test_text_is_read(body: str, samples: Sequence[ScrapedSample]) -> None:
    assert parse(body.encode(), TEXT).samples == samples


@pytest.mark.parametrize(
    ("body", "samples"),
    [
        (b"# EOF", []),
        (b"up 1\n# EOF", [sample(1)]),
        (om('up{a="b",c="d"} 1'), [sample(1, a="b", c="d")]),
        (om('up{a="b",} 1'), [sample(1, a="b")]),
        (om("up 1 1767225600"), [sample(1, 1_767_225_600_000)]),
        (om("up 1 1767225600.1239"), [sample(1, 1_767_225_600_123)]),
        (om("up 1 1.767225600123e9"), [sample(1, 1_767_225_600_123)]),
        (om("up 1 -0.5"), [sample(1, -500)]),
        (om("up 1 .5"), [sample(1, 500)]),
        (om("up 1 5."), [sample(1, 5000)]),
        (om("up 1 1e-999999999999999999999"), [sample(1, 0)]),
        (om('up_total 1 # {trace_id="a # {b} 5"} 0.5'), [sample(1, name="up_total")]),
        (om('up_total 1 5 # {a="b",c="d"} 0.5 6.5'), [sample(1, 5000, name="up_total")]),
        (om("up_total 1 # {} 0.5 1e300"), [sample(1, name="up_total")]),
        (om('up_total{a="# {"} 1 # {} 0.5'), [sample(1, name="up_total", a="# {")]),
        (om("up_total 1\nup_created 5"), [sample(1, name="up_total"), sample(5, name="up_created")]),
        (om('{"status code"="200","http.requests"} 1'), [("http.requests", STATUS, 1, None)]),
    ],
)
def test_openmetrics_is_read(body: bytes, samples: Sequence[ScrapedSample]) -> None:
    assert parse(body, OPENMETRICS).samples == samples


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("-0.25", -0.25),
        ("+1", 1.0),
        ("00012", 12.0),
        ("9007199254740993", 9007199254740992.0),
        ("1" * 400, None),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e5", 1e5),
        ("1E-05", 1e-5),
        ("1e-400", 0.0),
        ("1e400", None),
        ("+Inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1_000", None),
        ("0x10", None),
        ("+NaN", None),
        ("-nan", None),
        ("1\r", None),
        ("1\x0b", None),
        (".", None),
        ("e5", None),
        ("true", None),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_values_are_what_prometheus_takes_for_numbers(text: str, value: float | None, *, known: bool) -> None:
    cache = SeriesCache()
    if known:
        parse(b"up 1", TEXT, cache)
    if value is None:
        with pytest.raises(ParseError, match=r"line 1, column 4: expected a value, found "):
            parse(f"up {text}".encode(), TEXT, cache)
    else:
        assert parse(f"up {text}".encode(), TEXT, cache).samples == [sample(value)]


@pytest.mark.parametrize("text", ["NaN", "nan", "NAN"])
def test_nan_is_a_value(text: str) -> None:
    ((_, _, value, _),) = parse(f"up {text}".encode(), TEXT).samples
    assert math.isnan(value)


def test_types_are_those_of_the_families() -> None:
    body = "# TYPE up gauge\n# HELP up x\n# TYPE up_total counter\n# TYPE l histogram\n# TYPE l summary\nup 1\n"
    assert parse(body.encode(), TEXT).types == {"up": "gauge", "up_total": "counter", "l": "summary"}
    body = '# TYPE up counter\n# UNIT up \n# UNIT a_s s\n# HELP up x\n# TYPE "a.b" stateset\n# TYPE i info'
    assert parse(om(body), OPENMETRICS).types == {"up": "counter", "a.b": "stateset", "i": "info"}


@pytest.mark.parametrize(
    ("content_type", "is_openmetrics"),
    [
        (OPENMETRICS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text ;version=0.0.1", True),
        (TEXT, False),
        ("text/plain", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_the_content_type_says_which_format_it_is(content_type: str, *, is_openmetrics: bool) -> None:
    if is_openmetrics:
        with pytest.raises(ParseError, match="EOF"):
            parse(b"up 1\n", content_type)
    else:
        assert parse(b"up 1\n", content_type).samples == [sample(1)]


# What is refused


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("<html>\n", "line 1, column 1: expected the name of a metric, found '<html>'"),
        ("up 1\n\nup\n", "line 3, column 3: expected a value, found the end of the line"),
        (" up 1\n", "line 1, column 1: expected the name of a metric, found ' up 1'"),
        ("up 1\r\n", "line 1, column 4: expected a value, found '1\\r'; end lines with LF alone"),
        ("up 1 2\r\n", "line 1, column 7: expected the end of the line, found '\\r'"),
        ("up 1 -2\n", "line 1, column 5: expected the end of the line, found ' -2'"),
        ("up 1 2 3\n", "line 1, column 7: expected the end of the line, found ' 3'"),
        ("up 1 9999999999999999999\n", "line 1, column 6: expected a timestamp, found '9999999999999999999'"),
        ("up 1 # {} 1\n", "line 1, column 5: expected the end of the line, found ' # {} 1'"),
        ("up\0 1\n", "line 1, column 3: expected a value, found '\\x00 1'"),
        ("up 1\n\0down 1\n", "line 2, column 1: expected the name of a metric, found '\\x00down 1'"),
        ('up{é="1"} 1\n', 'line 1, column 4: expected a label as in a="b" or the closing brace, found \'é="1"} 1\''),
        ('up{a="é",,} 1', "line 1, column 10: expected a label as in a=\"b\" or the closing brace, found ',} 1'"),
        ("up{a='b'} 1", 'line 1, column 4: expected a label as in a="b" or the closing brace, found "a=\'b\'} 1"'),
        (
            f'up{{a="b {"x" * 40}\nup 1\n',
            f'line 1, column 4: expected a label as in a="b" or the closing brace, found \'a="b {"x" * 25}\'...',
        ),
        ('up{a="b",a="c"} 1', "line 1, column 15: the label a comes twice; leave one out"),
        ('up{a="",a="c"} 1', "line 1, column 14: the label a comes twice; leave one out"),
        ('up{__name__="c"} 1', "line 1, column 16: the label __name__ comes twice; leave one out"),
        ('{"up",__name__="c"} 1', "line 1, column 19: the label __name__ comes twice; leave one out"),
        ('{a="b"} 1', "line 1, column 8: expected the name of a metric, found ' 1'"),
        ("# HELP \n", "line 1, column 8: expected the name of a metric after HELP, found the end of the line"),
        (
            "# TYPE up unknown\n",
            "line 1, column 10: 'unknown' is no type; write one of counter, gauge, histogram, summary, untyped",
        ),
        (
            "# TYPE up gauge \n",
            "line 1, column 10: 'gauge ' is no type; write one of counter, gauge, histogram, summary, untyped",
        ),
    ],
)
def test_text_that_prometheus_refuses_is_refused_with_its_place(body: str, refusal: str) -> None:
    with pytest.raises(ParseError, match=re.escape(refusal) + r"\Z"):
        parse(body.encode(), TEXT)


NO_COMMENT = "expected # HELP, # TYPE, # UNIT or # EOF; leave comments and blanks out of OpenMetrics"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "line 1, column 1: the last line is not # EOF; send the whole answer"),
        (b"up 1\nup 2 5\n", "line 2, column 1: the last line is not # EOF; send the whole answer"),
        (b"up 1\n# EOF\nup 2\n", "line 3, column 1: there is more after # EOF; end the answer there"),
        (b"# EOF\n\n", "line 2, column 1: there is more after # EOF; end the answer there"),
        (b"# EOF\r\n", f"line 1, column 1: {NO_COMMENT}"),
        (om("# a comment"), f"line 1, column 1: {NO_COMMENT}"),
        (om(" # HELP up x"), f"line 1, column 1: {NO_COMMENT}"),
        (om("\nup 1"), "line 1, column 1: expected the name of a metric, found the end of the line"),
        (om("up  1"), "line 1, column 3: expected a value, found '  1'"),
        (om("up 1 "), "line 1, column 5: expected the end of the line, found ' '"),
        (om("up\t1"), "line 1, column 3: expected a value, found '\\t1'"),
        (om('up {a="b"} 1'), "line 1, column 4: expected a value, found '{a=\"b\"} 1'"),
        (om('up{a="b"}1'), "line 1, column 10: expected a value, found '1'"),
        (om("up 1 NaN"), "line 1, column 6: expected a timestamp, found 'NaN'"),
        (om("up 1 1e16"), "line 1, column 6: expected a timestamp, found '1e16'"),
        (om("up 1 # {} 1 NaN"), "line 1, column 13: expected a timestamp, found 'NaN'"),
        (om("up 1 #{} 1"), "line 1, column 6: expected a timestamp, found '#{} 1'"),
        (om("up 1 # {}"), "line 1, column 10: expected the value of the exemplar, found the end of the line"),
        (om('up 1 # {"x"} 1'), 'line 1, column 9: expected a label as in a="b" or the closing brace, found \'"x"} 1\''),
        (om("up 1 # {} 1 2 3"), "line 1, column 14: expected the end of the line, found ' 3'"),
        (om("# HELP up"), "line 1, column 10: expected a space and a text, found the end of the line"),
        (om("# UNIT up s"), "line 1, column 10: the unit s is not what the name up ends with; write up_s"),
        (b'up{a="\xff"} 1\n# EOF\n', "line 1, column 9: the text is not UTF-8; write it in UTF-8"),
        (b"# HELP up \xff\n# EOF\n", "line 1, column 10: the text is not UTF-8; write it in UTF-8"),
    ],
)
def test_openmetrics_that_prometheus_refuses_is_refused_with_its_place(body: bytes, refusal: str) -> None:
    with pytest.raises(ParseError, match=re.escape(refusal) + r"\Z"):
        parse(body, OPENMETRICS)


@given(st.text('up{}=",\\ab1.e \n\t#HELPTYP') | st.text(), st.sampled_from([TEXT, OPENMETRICS]))
def test_any_answer_is_read_or_refused(body: str, content_type: str) -> None:
    def outcome(cache: SeriesCache) -> str:
        try:
            return repr(parse(body.encode(errors="surrogatepass"), content_type, cache))
        except ParseError as error:
            return str(error)

    cache = SeriesCache()
    assert outcome(cache) == outcome(cache) == outcome(SeriesCache())


def test_a_quote_that_is_never_closed_does_not_hold_up_the_parser() -> None:
    with pytest.raises(ParseError, match="line 1, column 4: "):
        parse(b'up{a="' + b"\nup 1" * 300_000, TEXT)


# Series that come twice


@pytest.mark.parametrize(
    ("body", "samples"),
    [
        ("up 1\nup 2\n", [sample(1)]),
        ('up{a="b",c="d"} 1\nup{c="d",a="b"} 2\n', [sample(1, a="b", c="d")]),
        ('up{a=""} 1\nup 2\n', [sample(1)]),
        ("up 1 5\nup 2 5\nup 3 6\n", [sample(1, 5), sample(3, 6)]),
    ],
)
def test_of_a_series_that_comes_twice_the_first_counts(body: str, samples: Sequence[ScrapedSample]) -> None:
    assert parse(body.encode(), TEXT).samples == samples


# The cache


def test_the_labels_of_a_series_are_one_object_from_scrape_to_scrape() -> None:
    cache = SeriesCache()
    first, second = (parse(f'up{{a="b"}} {value}\n'.encode(), TEXT, cache).samples[0] for value in (1, 2))
    assert first[1] is second[1]
    assert parse(b'up{a="b"} 3 5\nup{ a="b" } 4 6', TEXT, cache).samples == [sample(3, 5, a="b"), sample(4, 6, a="b")]
    assert all(read[1] is first[1] for read in parse(b'up{a="b"} 3 5\nup{ a="b" } 4 6', TEXT, cache).samples)


def test_series_that_are_not_wanted_are_asked_for_once_and_not_read() -> None:
    asked: list[Mapping[str, str]] = []
    wanted = parse_selector('up{job="api"}').matches

    def remembering(labels: Mapping[str, str]) -> bool:
        asked.append(labels)
        return wanted(labels)

    cache = SeriesCache(remembering)
    body = 'up{job="api"} 1\nup{job="db"} x\nup{job="db"} x 5\n# TYPE up gauge\n'
    for _ in range(2):
        read = parse(body.encode(), TEXT, cache)
        assert (read.samples, read.types) == ([sample(1, job="api")], {"up": "gauge"})
    assert asked == [{"__name__": "up", "job": "api"}, {"__name__": "up", "job": "db"}]


def test_what_is_known_in_one_format_is_read_anew_in_the_other() -> None:
    cache = SeriesCache()
    assert parse(b'up { a="b" } 1', TEXT, cache).samples
    with pytest.raises(ParseError):
        parse(b'up { a="b" } 1\n# EOF', OPENMETRICS, cache)
    assert parse(b'up { a="b" } 1', TEXT, cache).samples


@pytest.mark.parametrize("body", ['up{{a="{n}"}} 1\n', "# HELP up {n}\n", '# HELP up {n}\nup{{a="{n}"}} x\n'])
@pytest.mark.parametrize("selector", ["up", "down"])
def test_a_target_that_says_something_new_each_time_fills_no_memory(body: str, selector: str) -> None:
    cache = SeriesCache(parse_selector(selector).matches)
    most = 0
    for n in range(3 * SPARE_SERIES):
        with contextlib.suppress(ParseError):
            parse(body.format(n=n).encode(), TEXT, cache)
        most = max(most, len(cache.series) + len(cache.metadata))
    assert SPARE_SERIES < most < SPARE_SERIES + 10


def test_the_parser_brings_no_heavy_library() -> None:
    ask = "import sys, slo.exposition.parse; print({'numpy', 'pandas', 're2', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout == "set()\n"
