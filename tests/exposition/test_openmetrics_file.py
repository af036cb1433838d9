"""Files of OpenMetrics are read to the last digit and in bounded memory, or refused with the line."""

import io
import re
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import ParseError
from slo.exposition import openmetrics_file
from slo.exposition.columns import MARGIN, Columns
from slo.exposition.openmetrics_file import LINE_BYTES, Run, read_series
from tests.services import program

Samples = dict[str, list[tuple[int, bytes]]]
"""By series: the time in milliseconds, and the bits of the value."""


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def samples(runs: Iterable[Run]) -> Samples:
    """All samples of the runs of each series, one run after another."""
    read: Samples = {}
    for run in runs:
        pairs = zip(run.timestamps_ms.tolist(), map(bits, run.values.tolist()), strict=True)
        read.setdefault(str(sorted(run.labels.items())), []).extend(pairs)
    return read


def read(text: str | bytes, block_bytes: int = openmetrics_file.BLOCK_BYTES) -> list[Run]:
    return list(read_series(io.BytesIO(text.encode() if isinstance(text, str) else text), block_bytes=block_bytes))


BLOCKS = [1, 7, 50, 4096]

# What is read


def test_a_file_is_read() -> None:
    runs = read(
        "# HELP requests Requests.\n"
        "# TYPE requests counter\n"
        'requests_total{code="200"} 1 1767225600\n'
        'requests_total{code="200"} 2 1767225615.5 # {trace_id="a # {b} c"} 1 1767225615\n'
        'requests_total{code="503 # {"} 3 1767225600.123\n'
        'requests_total{code="200"} 4.5 1767225630\n'
        "# TYPE up gauge\n"
        "up NaN 1767225600\n"
        "# EOF\n"
    )
    assert [(dict(run.labels), run.timestamps_ms.tolist(), run.values.tolist(), run.line) for run in runs[:2]] == [
        ({"__name__": "requests_total", "code": "200"}, [1767225600000, 1767225615500, 1767225630000], [1, 2, 4.5], 3),
        ({"__name__": "requests_total", "code": "503 # {"}, [1767225600123], [3], 5),
    ]
    assert (dict(runs[2].labels), runs[2].line) == ({"__name__": "up"}, 8)
    assert np.isnan(runs[2].values).all()
    assert {str(run.timestamps_ms.dtype) for run in runs} == {"int64"}
    assert {str(run.values.dtype) for run in runs} == {"float64"}


@pytest.mark.parametrize("text", ["# EOF", "# EOF\n", "# TYPE a gauge\n# EOF\n"])
def test_a_file_without_samples_has_no_runs(text: str) -> None:
    assert read(text) == []


LABELS = st.sampled_from(
    [
        "a",
        "a_much_longer_name_of_a_metric",
        'a{x="1"}',
        'a{x="2"}',
        'a{x="1 2 3"}',
        'a{x="# {"}',
        'a{x="é\t\\""}',
        "b{}",
    ]
    + [f'requests_total{{service="api",code="{code}",instance="10.0.0.1:8080"}}' for code in (200, 404, 503)]
)
DIGITS = st.text("0123456789", min_size=1, max_size=18)
VALUES = (
    st.integers(0, 10**20).map(str)
    | st.floats(allow_nan=False).map(repr)
    | st.tuples(DIGITS, DIGITS).map(".".join)
    | st.sampled_from(["0", "-0", "-17", "+5", "1.", ".5", "1e6", "2.5E-03", "+Inf", "-inf", "NaN", "0.1", "00012.50"])
)
FRACTIONS = st.sampled_from(["", "", "", ".", ".5", ".25", ".123", ".000", ".999", ".123456789", ".0004"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Samples, int]:
    """A file, what is in it, and how many samples that is: series in any order, each in the order of time."""
    expected: Samples = {}
    lines: list[list[str]] = []
    for labels in draw(st.lists(LABELS, min_size=1, max_size=5, unique=True)):
        mine: list[str] = []
        second = draw(st.integers(0, 2_000_000_000))
        name = str(sorted(next(iter(read(f"{labels} 1 1\n# EOF"))).labels.items()))
        for value in draw(st.lists(VALUES, min_size=1, max_size=8)):
            try:
                overflows = float(value) in {float("inf"), float("-inf")} and "inf" not in value.lower()
            except OverflowError:
                overflows = True
            second += draw(st.integers(1, 10**6))
            time = f"{second}{draw(FRACTIONS)}"
            if not overflows:
                mine.append(f"{labels} {value} {time}")
                expected.setdefault(name, []).append((int(Decimal(time) * 1000), bits(float(value))))
        lines.append(mine)
    if draw(st.booleans()):
        order = draw(st.permutations([number for number, mine in enumerate(lines) for _ in mine]))
        text = [lines[number].pop(0) for number in order]
    else:
        text = [line for mine in lines for line in mine]
    return "\n".join([*text, "# EOF"]) + "\n", expected, len(text)


@given(files(), st.sampled_from([*BLOCKS, 4 * 1024 * 1024]))
def test_every_sample_is_read_as_it_is_written_whatever_the_layout(
    file: tuple[str, Samples, int], block_bytes: int
) -> None:
    text, expected, count = file
    runs = read(text, block_bytes)
    assert samples(runs) == expected
    assert sum(len(run.values) for run in runs) == count
    for run in runs:
        written = text.splitlines()[run.line - 1]
        assert int(Decimal(written.rsplit(" ", 1)[1]) * 1000) == run.timestamps_ms[0]


NUMBERS = st.from_regex(rb"[0-9]{0,17}(\.[0-9]{0,17})?", fullmatch=True) | st.binary(max_size=20).filter(
    lambda token: min(token, default=33) > 32
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), st.sampled_from([b"a", b'long_name{a="1.5"}']))
def test_numbers_are_exact_or_left_to_be_read(tokens: Sequence[tuple[bytes, bytes]], series: bytes) -> None:
    lines = b"".join(b"%b %b %b\n" % (series, value, time) for value, time in tokens if b" # {" not in time)
    columns = Columns(MARGIN + lines)
    plain = [columns.line(index).rsplit(b" ", 2) for index in columns.plain.tolist()]
    values, were_read = columns.values()
    milliseconds, times_read = columns.milliseconds()
    for (_, value, time), number, was_read, instant, time_read in zip(
        plain, values.tolist(), were_read.tolist(), milliseconds.tolist(), times_read.tolist(), strict=True
    ):
        simple = re.compile(rb"(?=[0-9.]{1,16}\Z)(?:[0-9]{1,15}|[0-9]+\.[0-9]*)")
        assert was_read == bool(simple.fullmatch(value))
        assert time_read == bool(simple.fullmatch(time))
        assert not was_read or number == float(value)
        assert not time_read or instant == int(Decimal(time.decode()) * 1000)


def test_the_labels_of_a_series_are_one_object_however_it_is_written() -> None:
    runs = read('a{x="1",y="2"} 1 1\na{y="2",x="1"} 2 2\na{x="1",y="2",z=""} 3 3\n# EOF\n', block_bytes=25)
    assert len(runs) == 3
    assert all(run.labels is runs[0].labels for run in runs)


def test_a_block_has_one_run_of_a_series() -> None:
    lines = [f'a{{x="{series}"}} {time} {time}' for time in range(1, 50) for series in range(10)]
    runs = read("\n".join([*lines, "# EOF"]))
    assert [len(run.values) for run in runs] == [49] * 10


@pytest.mark.parametrize("count", [1024, 1025, 70_000])
def test_many_series_are_told_apart(count: int) -> None:
    lines = [f'a{{x="{series}"}} {series} {time}' for time in (1, 2) for series in range(count)]
    assert [(run.values.tolist(), run.labels["x"]) for run in read("\n".join([*lines, "# EOF"]), 2**30)] == [
        ([series, series], str(series)) for series in range(count)
    ]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 500, 512, 600])
def test_series_that_differ_in_any_one_byte_are_told_apart(length: int) -> None:
    names = ["a" * length, *("a" * place + "b" + "a" * (length - place - 1) for place in range(length))]
    lines = [f"{name} 1 {time}" for name in names for time in (1, 2)]
    assert [run.labels["__name__"] for run in read("\n".join([*lines, "# EOF"]))] == names


# What is refused

NOT_ENDED = "column 1: the last line is not # EOF; the file was cut: write it again, to its end"
MORE = "line 3, column 1: there is more after # EOF; end the file there"
NO_TIME = "a sample without a timestamp, which replay needs; write the Unix seconds after the value: "
NO_TEXT = "give a file of OpenMetrics text"


def late(time: int, before: int) -> str:
    problem = f"the time {time / 1000:.3f} is not after that of the sample before, {before / 1000:.3f}"
    return f"{problem}; sort every series by time, and leave out what comes twice"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", f"line 1, {NOT_ENDED}"),
        ("a 1 1\na 2 2\n", f"line 2, {NOT_ENDED}"),
        ("a 1 1\na 2 2", f"line 2, {NOT_ENDED}"),
        ("a 1 1\n# EO", "line 2, column 1: expected # HELP, # TYPE, # UNIT or # EOF; leave comments and blanks out"),
        ("a 1 1\n# EOF\na 2 2\n", MORE),
        ("a 1 1\n# EOF\nx\n", MORE),
        ("a 1 1\n# EOF\n\n", MORE),
        ("a 1 1\n# EOF\n# EOF\n", MORE),
        ("a 1 1\na 2\n# EOF", f"line 2, column 4: {NO_TIME}a 2 1767225600.123"),
        ('a{x="y z"} 2\n# EOF', f'line 1, column 13: {NO_TIME}a{{x="y z"}} 2 1767225600.123'),
        ("a 1 1\na 1x 2\n# EOF", "line 2, column 3: expected a value, found '1x 2'"),
        ("a 1 1\na 1 2x\n# EOF", "line 2, column 5: expected a timestamp, found '2x'"),
        ("a 1 1\na 1 NaN\n# EOF", "line 2, column 5: expected a timestamp, found 'NaN'"),
        ("a 1 1\na 1_0 2\n# EOF", "line 2, column 3: expected a value, found '1_0 2'"),
        ("a 1 1\na  2\n# EOF", "line 2, column 2: expected a value, found '  2'"),
        ("a 1 1\r\n# EOF\r\n", "line 1, column 5: expected a timestamp, found '1\\r'; end lines with LF alone"),
        ("a 1 1\n\na 1 2\n# EOF", "line 2, column 1: expected the name of a metric, found the end of the line"),
        ("a 1 1\n-b 1 2\n# EOF", "line 2, column 1: expected the name of a metric, found '-b 1 2'"),
        ('a 1 1\na{x="1 2 3\n# EOF', 'line 2, column 3: expected a label as in a="b" or the closing brace, found '),
        ("a 1 1\na\0 1 2\n# EOF", f"line 2, column 1: there is a byte 0; {NO_TEXT}"),
        ('a 1 1\na{x="\0"} 1 2\n# EOF', f"line 2, column 1: there is a byte 0; {NO_TEXT}"),
        ("# TYPE a number\n# EOF", "line 1, column 9: 'number' is no type"),
        ("a 1 1\na 1 1 # {} x\n# EOF", "line 2, column 12: expected the value of the exemplar, found 'x'"),
        ("a 1 2\nb 1 1\na 1 2\n# EOF", f"line 3, column 1: {late(2000, 2000)}"),
        ("a 1 2\nb 1 5\nb 1 4\na 1 1\n# EOF", f"line 3, column 1: {late(4000, 5000)}"),
        ("a 1 2\na 1 1 # {} 1\na 1 3\n# EOF", f"line 2, column 1: {late(1000, 2000)}"),
        ("a 1 1.0005\na 1 1.0009\n# EOF", f"line 2, column 1: {late(1000, 1000)}"),
    ],
)
@pytest.mark.parametrize("block_bytes", [5, openmetrics_file.BLOCK_BYTES])
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str, refusal: str, block_bytes: int) -> None:
    with pytest.raises(ParseError, match=re.escape(refusal)):
        read(text, block_bytes)


@pytest.mark.parametrize(
    "text", [b"a 1 1\n" + b"x" * 3 * LINE_BYTES, b'a 1 1\na{x="%b"} 1 1\n# EOF' % (b"x" * LINE_BYTES)]
)
@pytest.mark.parametrize("block_bytes", [100_000, 2**24])
def test_a_line_without_end_is_refused(text: bytes, block_bytes: int) -> None:
    with pytest.raises(ParseError, match=f"line 2, column 1: the line is longer than 1,000,000 bytes; {NO_TEXT}"):
        read(text, block_bytes)


@given(st.binary(max_size=200) | st.text('a{}=", 1.e\n#EOFx').map(str.encode), st.sampled_from(BLOCKS))
def test_any_file_is_read_or_refused(text: bytes, block_bytes: int) -> None:
    def outcome(block_bytes: int) -> str:
        try:
            return str(samples(read(text, block_bytes)))
        except ParseError:
            return "refused"

    assert outcome(block_bytes) == outcome(openmetrics_file.BLOCK_BYTES)


class _MadeAsItIsRead(io.BytesIO):
    """A file that is on no disk and in no memory."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def read(self, size: int | None = -1, /) -> bytes:
        read = 0
        pieces = []
        while read < (size or 0) and (piece := next(self._pieces, b"")):
            pieces.append(piece)
            read += len(piece)
        return b"".join(pieces)


@pytest.mark.parametrize("interleaved", [False, True])
def test_memory_is_bounded_by_the_block_not_by_the_file(*, interleaved: bool) -> None:
    def lines() -> Iterator[bytes]:
        for time in range(8_000):
            series = range(20) if interleaved else [time // 400] * 20
            yield "".join(f'a{{x="{number}"}} {time} {time * 20 + at}\n' for at, number in enumerate(series)).encode()
        yield b"# EOF\n"

    block_bytes = 64 * 1024
    tracemalloc.start()
    count = sum(len(run.values) for run in read_series(_MadeAsItIsRead(lines()), block_bytes=block_bytes))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 160_000
    assert most < 20 * block_bytes, most


# promtool


def test_promtool_reads_the_same_samples(tmp_path: Path) -> None:
    lines = ["# TYPE requests counter"]
    for code in (200, 503):
        for number in range(500):
            time = f"{1_767_225_600 + 15 * number}{['', '.5', '.125'][number % 3]}"
            lines.append(f'requests_total{{code="{code}",path="a b"}} {number * code / 8} {time}')
    for number in range(100):
        lines += [f"up {number % 2} {1_767_225_600 + number}", f"down {number}e-3 {1_767_225_600 + number}"]
    file = tmp_path / "samples.om"
    file.write_text("\n".join([*lines, "# EOF\n"]))
    promtool = program("promtool", package="prometheus")
    (tmp_path / "blocks" / "wal").mkdir(parents=True)  # promtool dumps nothing without one
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", str(file), str(tmp_path / "blocks")],
        check=True,
        capture_output=True,
    )
    dumped = subprocess.run(
        [promtool, "tsdb", "dump", str(tmp_path / "blocks")], check=True, capture_output=True, text=True
    ).stdout
    theirs: Samples = {}
    for line in dumped.splitlines():
        series, value, time = line.rsplit(" ", 2)
        labels = dict(re.findall(r'(\w+)="([^"]*)"', series))
        theirs.setdefault(str(sorted(labels.items())), []).append((int(time), bits(float(value))))
    with file.open("rb") as stream:
        ours = samples(read_series(stream))
    assert ours == {series: sorted(found) for series, found in theirs.items()}
    assert sum(map(len, ours.values())) == 1200


def test_only_who_reads_files_loads_numpy() -> None:
    ask = "import sys, slo.exposition, slo.exposition.render, slo.exposition.parse; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout == "False\n"
