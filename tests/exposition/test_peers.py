"""Selectors and scrapes are read as others read them: Prometheus, promtool and the parsers of prometheus_client."""

import contextlib
import http.server
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence

import prometheus_client
import prometheus_client.openmetrics.parser
import prometheus_client.parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Histogram, Info
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.samples import Sample, Timestamp

from slo.core.selector import parse_selector
from slo.errors import ParseError
from slo.exposition.parse import ScrapedSample, parse
from tests.e2e.prometheus import Prometheus, running
from tests.services import program

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LATE = "context deadline exceeded"
"""How the error of a scrape ends that took too long."""

KNOWN_SECONDS = 30.0
"""How long Prometheus has to find its targets and to scrape each once; it needs about six seconds."""


# A real Prometheus: what it refuses

TEXTS = [
    b"hits 1\n",
    b"hits 1",
    b"",
    b"\n \t\nhits 1\n",
    b" hits 1\n",
    b"  # HELP hits x\nhits 1\n",
    b"hits\t1\t\n",
    b"hits+1\n",
    b'hits{a="1"}1\n',
    b'hits{a="1"b="2"} 1\n',
    b"hits{,} 1\n",
    b'hits{a="1",,} 1\n',
    b'hits { a = "1" , } 1 \n',
    b'hits{a="one\ntwo"} 1\nhits 2\n',
    b'hits{a="\nhits 5\n"} 1\n',
    b'hits{a="\\\n"} 1\n',
    rb'hits{a="\q\n\\\""} 1',
    b"hits{a='b'} 1\n",
    b"hits{} 1\n",
    b'hits{a=""} 1\n',
    b'hits{a="1",a="2"} 1\n',
    b'hits{__name__="down"} 1\n',
    b'hits{1a="b"} 1\n',
    b'hits{a:b="c"} 1\n',
    b'hits{\xc3\xa9="c"} 1\n',
    b'hits{a="\xc3\xa9\0"} 1\n',
    b'hits{a="\xff"} 1\n',
    b'hits{a="b"}{c="d"} 1\n',
    b"a:hits 1\n",
    b"1up 1\n",
    b"\xef\xbb\xbfup 1\n",
    b"hits\0 1\n",
    b"hits\n",
    b"hits 1\r\n",
    b"hits 1\x0b\n",
    b"hits 1 2 3\n",
    b"hits 1 -5\n",
    b"hits 1 9223372036854775808\n",
    b"hits 1 # {} 1\n",
    b'hits 1{a="b"}\n',
    b"hits - 1\n",
    *(
        b"hits %b\n" % value
        for value in b"+nan -nan NaN 1e999 1e-999 0x10 0b1 1_0 infinity -INF .5 5. 1E+5 0012 1i".split()
    ),
    b"# no\xff UTF-8\nhits 1\n",
    b"# HELP\nhits 1\n",
    b"# HELP \nhits 1\n",
    b"# HELP hits\nhits 1\n",
    b"# HELP hits-to\nhits 1\n",
    b"# HELP hits \xff\nhits 1\n",
    b"# TYPE hits\nhits 1\n",
    b"# TYPE hits counter \nhits 1\n",
    b"# TYPE hits  counter\nhits 1\n",
    b"# TYPE hits unknown\nhits 1\n",
    b"#TYPE hits nothing\nhits 1\n",
    b"# TYPE hits counter\nhits 1\n# TYPE hits gauge\nhits 2\n",
    b"# EOF\nhits 1\n",
    b"hits 1\nhits 2\n",
    b'hits{a="1",b="2"} 1\nhits{b="2",a="1"} 2\nhits{b="2", a="1", c=""} 3\n',
]
OPENMETRICS_TEXTS = [
    b"",
    b"hits 1\n",
    b"hits 1\n# EOF",
    b"# EOF\n\n",
    b"# EOF\nhits 1\n# EOF\n",
    b"# EOF\r\n",
    b"# EOF \n",
    b"#  EOF\n",
    b"# HELP hits\n# EOF\n",
    *(
        body + b"\n# EOF\n"
        for body in (
            b"",
            b"hits 1",
            b"hits 1\nhits 2",
            b" hits 1",
            b"hits  1",
            b"hits\t1",
            b"hits 1 ",
            b"hits 1\r",
            b"hits{} 1",
            b'hits{a="1"}1',
            b'hits {a="1"} 1',
            b'hits{a="1",b="2"} 1',
            b'hits{a="1", b="2"} 1',
            b'hits{a="1"b="2"} 1',
            b'hits{a="one\ntwo"} 1',
            rb'hits{a="\q\n\\\""} 1',
            b'hits{a="\0"} 1',
            b'hits{a="\xff"} 1',
            b'hits{a="1",a="2"} 1',
            b"hits NaN",
            b"hits -nan",
            b"hits 1e999",
            b"hits 1 NaN",
            b"hits 1 1e3x",
            b"hits 1 1_0",
            b"hits 1 2 3",
            b"# a comment\nhits 1",
            b"#a comment\nhits 1",
            b"# HELP hits \nhits 1",
            b"# HELP hits \xff\nhits 1",
            b"# TYPE hits counter\nhits_total 1\nhits_created 2",
            b"# TYPE hits counter \nhits_total 1",
            b"# TYPE hits untyped\nhits 1",
            b"# TYPE hits unknown\nhits 1",
            b"# TYPE hits info\nhits_info 1",
            b"# UNIT hits \nhits 1",
            b"# UNIT hits seconds\nhits 1",
            b"# UNIT hits_seconds seconds\nhits_seconds 1",
            b'hits_total 1 # {a="b"} 0.5',
            b"hits_total 1 # {} 0.5 123.25",
            b'hits_total 1 # {a="b"}',
            b'hits_total 1 # {a="b" ,c="d"} 1',
            b'hits_total 1 # {a="\xff"} 1',
            b"hits_total 1 # x",
            b"hits_total 1 #{} 0.5",
            b"hits_total 1 # {} 1 NaN",
            b"hits_total 1 # {} 1 2 3",
        )
    ),
]
SERIES = b"""\
requests_total{service="api",code="200"} 1
requests_total{service="api",code="503"} 2
requests_total{service="db",code="200"} 3
requests_total{service="db\\nold",code=""} 4
requests_total{service="\xc3\xa9"} 5
latency_bucket{le="0.3"} 6
latency_bucket{le="+Inf"} 7
hits 8
"""
BODIES = [(TEXT, body) for body in (SERIES, *TEXTS)] + [(OPENMETRICS, body) for body in OPENMETRICS_TEXTS]


class _Exporter(http.server.BaseHTTPRequestHandler):
    """Answers /N with the body N."""

    def do_GET(self) -> None:
        content_type, body = BODIES[int(self.path[1:])]
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # Prometheus is stopped while it asks
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped every body, each as an instance of its own."""
    with contextlib.ExitStack() as stack:
        exporter = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Exporter))
        threading.Thread(target=exporter.serve_forever, daemon=True).start()
        stack.callback(exporter.shutdown)
        targets = [
            {
                "targets": [f"127.0.0.1:{exporter.server_port}"],
                "labels": {"__metrics_path__": f"/{number}", "instance": str(number)},
            }
            for number in range(len(BODIES))
        ]
        config = {"job_name": "bodies", "static_configs": targets}
        prometheus = stack.enter_context(running(tmp_path_factory.mktemp("peers") / "prometheus", [config]))
        _complaints(prometheus)
        yield prometheus


def _complaints(prometheus: Prometheus) -> dict[int, str]:
    """What Prometheus has against each body, once it has scraped them all; "" where it was taken.

    A scrape that ended with its time says nothing about its body.
    """
    until = time.monotonic() + KNOWN_SECONDS
    while True:
        targets = prometheus.ask("targets")["activeTargets"]
        if targets and not any(each["health"] == "unknown" or LATE in each["lastError"] for each in targets):
            return {int(target["labels"]["instance"]): target["lastError"] for target in targets}
        assert time.monotonic() < until, "Prometheus has not scraped its targets"
        time.sleep(0.1)


Values = dict[str, float]
"""By the labels of the series."""


def _taken(prometheus: Prometheus) -> dict[int, Values]:
    """The series of each body, with their values, as Prometheus has them."""
    taken: dict[int, Values] = {number: {} for number in range(len(BODIES))}
    for found in prometheus.query('{job="bodies",__name__!~"scrape_.*|up"}'):
        number = int(found["metric"].pop("instance"))
        del found["metric"]["job"]
        taken[number][str(sorted(found["metric"].items()))] = float(found["value"][1])
    return taken


def _values(samples: Sequence[ScrapedSample]) -> Values:
    return {str(sorted(labels.items())): value for _, labels, value, _ in samples}


def test_what_prometheus_refuses_is_refused_and_what_it_takes_is_taken(prometheus: Prometheus) -> None:
    complaints, taken = _complaints(prometheus), _taken(prometheus)
    read: dict[bytes, str] = {}
    expected: dict[bytes, str] = {}
    for number, (content_type, body) in enumerate(BODIES):
        expected[body] = "refused" if complaints[number] else str(sorted(taken[number].items()))
        try:
            read[body] = str(sorted(_values(parse(body, content_type).samples).items()))
        except ParseError:
            read[body] = "refused"
    assert read == expected
    assert 30 < sum(outcome == "refused" for outcome in read.values()) < 80


def test_the_metrics_of_prometheus_itself_are_read_as_by_the_python_client(prometheus: Prometheus) -> None:
    with urllib.request.urlopen(f"{prometheus.url}/metrics", timeout=10) as answer:
        body, content_type = answer.read(), answer.headers["Content-Type"]
    assert len(parse(body, content_type).samples) > 300
    assert_read_as_by_the_client(body, content_type)


# A real Prometheus: selectors

SELECTORS = [
    "requests_total",
    "{__name__=~'.+_total'}",
    'requests_total{code="200"}',
    'requests_total{code!="200"}',
    'requests_total{code=""}',
    'requests_total{code!=""}',
    'requests_total{code=~"5.."}',
    'requests_total{code=~"5."}',
    'requests_total{code!~"5.."}',
    'requests_total{code=~"5..|"}',
    'requests_total{code=~"",service=~"db(?s:.)+"}',
    r'requests_total{service="db\nold"}',
    "requests_total{service=`db\nold`}",
    r'requests_total{service=~"[^\\x00-\\x7f]"}',
    'requests_total{service=~"a.*|é"}',
    'requests_total{service=~"API"}',
    'requests_total{service=~"(?i)API"}',
    'requests_total{service=~"^api$"}',
    'requests_total{service=~"a|api"}',
    'latency_bucket{le="0.3"}',
    'latency_bucket{le!="+Inf"}',
    '{__name__=~".+",le=~"[0-9].*"}',
    'requests_total{missing!="x",service="api",code!="200"}',
    'requests_total{service!="api",service!="db"}',
]


@pytest.mark.parametrize("text", SELECTORS)
def test_a_selector_chooses_the_series_that_prometheus_chooses(prometheus: Prometheus, text: str) -> None:
    selector = parse_selector(text)
    ours = [labels for _, labels, _, _ in parse(SERIES, TEXT).samples if selector.matches(labels)]
    theirs = [found["metric"] for found in prometheus.query(f'({text}) and on(instance) hits{{instance="0"}}')]
    for labels in theirs:
        del labels["instance"], labels["job"]
    assert sorted(map(str, map(sorted, ours))) == sorted(map(str, map(sorted, theirs)))


BLANKS = st.sampled_from(["", "", " ", "\n", "\t", " # words }\n"])
NAMES = st.sampled_from(["a", "_b", "C1", "sum", "on", "offset", "bool", "inf", "by", "a:b", ":c", "1d", "é", ""])
TEXTS_IN_QUOTES = st.sampled_from(
    ['"x"', "'y'", "`z`", '""', r'"\\d"', r'"\d"', r"`\d`", r"'\''", r"'\"'", r'"\x41\u00e9\101"', r'"\400"', '"', "5"]
)
OPERATORS = st.sampled_from(["=", "!=", "=~", "!~", "==", "=!", ""])
MATCHERS = st.tuples(BLANKS, NAMES, BLANKS, OPERATORS, BLANKS, TEXTS_IN_QUOTES, BLANKS).map("".join)
SELECTOR_TEXTS = st.tuples(
    BLANKS,
    NAMES,
    st.sampled_from(["{", " {", "{ "]),
    st.lists(MATCHERS, max_size=3).map(",".join),
    st.sampled_from(["}", "}", ",}", ""]),
    st.sampled_from(["", "", " # end", "[5m]", " offset 5m", "}"]),
).map("".join)


@settings(max_examples=300)
@given(text=SELECTOR_TEXTS | NAMES)
def test_a_selector_is_read_or_refused_as_by_prometheus(prometheus: Prometheus, text: str) -> None:
    try:
        formatted = prometheus.ask("format_query", query=text)
    except ValueError:
        formatted = ""
    if not formatted or formatted[0].isdigit() or formatted.endswith(("]", "offset 5m")) or formatted == "+Inf":
        with pytest.raises(ValueError, match="column"):
            parse_selector(text)
    else:
        assert parse_selector(formatted) == parse_selector(text)
        assert parse_selector(prometheus.ask("format_query", query=str(parse_selector(text)))) == parse_selector(text)


# promtool, and the parsers of the Python client


def assert_read_as_by_the_client(body: bytes, content_type: str) -> None:
    """The samples and types are those that the client library of Python reads."""
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    client = prometheus_client.openmetrics.parser if is_openmetrics else prometheus_client.parser
    families = list(client.text_string_to_metric_families(body.decode()))
    read = parse(body, content_type)
    assert [repr(sample) for sample in read.samples] == [
        repr((sample.name, _labels(sample), float(sample.value), _milliseconds(sample.timestamp)))
        for family in families
        for sample in family.samples
    ]
    for family in families:
        names = {family.name, f"{family.name}_total"} if family.type == "counter" else {family.name}
        assert {read.types.get(name, "unknown").replace("untyped", "unknown") for name in names} >= {family.type}


def _labels(sample: Sample) -> dict[str, str]:
    return {"__name__": sample.name} | {label: value for label, value in sample.labels.items() if value}


def _milliseconds(timestamp: Timestamp | float | None) -> int | None:
    return None if timestamp is None else round(float(timestamp) * 1000)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


LABELS = st.dictionaries(
    st.sampled_from(["a", "_b", "code", "C3"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=6)
    | st.sampled_from(["200", "# {", " 1", '\\"', "\\n", "}", "{a=", ",", 'b="c"']),
    max_size=3,
).map(lambda labels: "{" + ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items()) + "}")
VALUES = st.floats().map(lambda value: repr(value).replace("inf", "Inf").replace("nan", "NaN")) | st.integers().map(str)
HELPS = st.text('é\t {}"', max_size=5) | st.sampled_from([r"\\", r"\n"])
MILLISECONDS = st.integers(0, 2**42)


@st.composite
def expositions(draw: st.DrawFn, *, openmetrics: bool) -> bytes:
    """Families of counters, gauges and untyped values, each series once, some with timestamps, some with exemplars."""
    lines = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(["counter", "gauge", "other"]), max_size=4))):
        family = f"family_{number}" + ("" if openmetrics or kind != "counter" else "_total")
        name = f"family_{number}" + ("_total" if kind == "counter" else "")
        lines.append(f"# HELP {family} {draw(HELPS)}")
        lines.append(f"# TYPE {family} {kind if kind != 'other' else 'unknown' if openmetrics else 'untyped'}")
        values = st.integers(0, 2**60).map(str) if kind == "counter" else VALUES
        for labels in draw(st.lists(LABELS, max_size=4, unique=True)):
            line = f"{name}{labels if labels != '{}' else draw(st.sampled_from(['', '{}']))} {draw(values)}"
            time = draw(MILLISECONDS)
            if draw(st.booleans()):
                line += f" {time / 1000}" if openmetrics else f" {time}"
            if openmetrics and kind == "counter" and draw(st.booleans()):
                line += f' # {{trace_id="{time}"}} {draw(VALUES)} {time}'
            lines.append(line)
    return "".join(f"{line}\n" for line in [*lines, *(["# EOF"] if openmetrics else [])]).encode()


@given(expositions(openmetrics=False))
def test_text_is_read_as_by_the_python_client(body: bytes) -> None:
    assert_read_as_by_the_client(body, TEXT)


@given(expositions(openmetrics=True))
def test_openmetrics_is_read_as_by_the_python_client(body: bytes) -> None:
    assert_read_as_by_the_client(body, OPENMETRICS)


def test_what_the_python_client_writes_is_read_as_it_reads_it() -> None:
    registry = CollectorRegistry()
    seconds = Histogram("request_seconds", "Time of requests.", ["service"], registry=registry, buckets=(0.3, 1, 2.5))
    for number in range(20):
        seconds.labels("api" if number % 3 else 'a "quoted"\nname\\').observe(number / 5, {"trace_id": str(number)})
    Counter("requests", "Requests.", ["code"], registry=registry).labels("503").inc(2)
    Enum("state", "State.", states=["up", "down"], registry=registry)
    Info("build", "Build.", registry=registry).info({"version": "1.0"})
    assert_read_as_by_the_client(prometheus_client.generate_latest(registry), TEXT)
    written: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    assert_read_as_by_the_client(written, OPENMETRICS)


@settings(max_examples=20)
@given(expositions(openmetrics=False))
def test_what_promtool_takes_is_taken(body: bytes) -> None:
    command = [program("promtool", package="prometheus"), "check", "metrics"]
    checked = subprocess.run(command, input=body, check=False, capture_output=True)
    assert checked.returncode in {0, 3}, checked.stderr  # 3 is a remark on style
    parse(body, TEXT)
