"""What is asked for an SLI, and what the answers count, by the form of its expressions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slo.core.deltas import BAD, COVERED_MS, GOOD, UNKNOWN
from slo.core.selector import parse_selector
from slo.core.sli import Part, PrometheusSLI
from slo.sources.prometheus.answers import Labels
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.reader import Reader
from slo.sources.prometheus.tally import Piece, Rhythm
from tests.replay.oracle_counts import Series as Recorded
from tests.sources.prometheus.remembered import Remembered
from tests.sources.prometheus.stored import client, entry, prometheus, victoria_metrics

SLOT, INTERVAL = 10, 30
BEGIN = 1_767_225_600
"""2026-01-01T00:00:00Z."""

A: Labels = (("instance", "a"), ("job", "api"))
B: Labels = (("instance", "b"), ("job", "api"))
NONE: Labels = ()


def sli(total: str = "a", part: str = "b", part_is: Part = "bad") -> PrometheusSLI:
    return PrometheusSLI(server="server", total=total, part=part, part_is=part_is)


INCREASES = sli("sum(increase(a[{{.window}}])) + 0", "sum(increase(b[{{.window}}])) + 0")
RATES = sli("sum(rate(a[{{.window}}])) + 0", "sum(rate(b[{{.window}}])) + 0")
VALUES = sli("sum(a) + 0", "sum(b) + 0")


def reader(server: Remembered | Client, interval: int = INTERVAL) -> Reader:
    asking = server.client if isinstance(server, Remembered) else server
    return Reader(asking, Rhythm(slot_seconds=SLOT, interval_ms=interval * 1000), interval_seconds=interval)


def piece(begin: int, end: int) -> Piece:
    return Piece(since=BEGIN + begin, until=BEGIN + end)


Slot = tuple[int, int, int, int]
"""Good, bad, unknown, covered milliseconds."""


def counts(reading: Reader, what: PrometheusSLI, of: Piece) -> dict[int, Slot]:
    """The counts by slot, named by its end after the beginning."""
    block = reading.read(what, of, of.until + 3600).block("a", SLOT)
    rows = block.counts[[GOOD, BAD, UNKNOWN, COVERED_MS], :, 0].T.tolist()
    return {end - BEGIN: (row[0], row[1], row[2], row[3]) for end, row in zip(block.ends.tolist(), rows, strict=True)}


def scraped(*values: tuple[float, float]) -> Sequence[tuple[float, float]]:
    return [(BEGIN + at, value) for at, value in values]


# Samples


def test_counters_are_asked_for_with_what_they_were_before_the_piece() -> None:
    server = Remembered({"a": {A: scraped((5, 10), (35, 14), (65, 20))}})
    assert counts(reader(server), sli(), piece(30, 70)) == {
        40: (4, 0, 0, 10_000),
        50: (0, 0, 0, 10_000),
        60: (0, 0, 0, 10_000),
        70: (6, 0, 0, 10_000),
    }
    assert server.asked == [("a[120s]", BEGIN - 50, BEGIN + 70), ("b[120s]", BEGIN - 50, BEGIN + 70)]


def test_a_failure_counter_that_is_born_counts_from_nothing() -> None:
    ok, failed = (("code", "200"), *A), (("code", "500"), *A)
    server = Remembered(
        {"a": {ok: scraped((5, 10), (35, 14)), failed: scraped((35, 2))}, "b": {failed: scraped((35, 2))}}
    )
    assert counts(reader(server), sli("sum by (code) (a)", "b"), piece(30, 40)) == {40: (4, 2, 0, 10_000)}


@pytest.mark.parametrize(
    ("after", "counted"),
    [
        ((14, 6), (0, 0)),
        ((10, 2), (0, 0)),
        ((0, 7), (0, 7)),
        ((3, 2), (3, 2)),
    ],
    ids=["went on", "idle", "a start, and failures", "a start"],
)
def test_a_label_that_is_given_to_all_series_of_a_target_is_no_traffic(
    after: tuple[float, float], counted: tuple[int, int]
) -> None:
    """Before: ten good ones and two bad ones; afterwards a good one and two bad ones more."""
    series: dict[str, dict[Labels, Sequence[tuple[float, float]]]] = {"a": {}, "b": {}}
    for label, times, values in (((), (5, 35), ((10, 2), (10, 2))), ((("env", "prod"),), (65, 95), (after, after))):
        good = [(at, good) for at, (good, _) in zip(times, values, strict=True) if good]
        bad = [(at, bad + (at == 95) * 2) for at, (_, bad) in zip(times, values, strict=True)]
        series["a"] |= {(("code", "200"), *label, *A): scraped(*good)} if good else {}
        series["a"][("code", "500"), *label, *A] = series["b"][("code", "500"), *label, *A] = scraped(*bad)
    events = counts(reader(Remembered(series)), sli("sum(a)", "b"), piece(0, 100)).values()
    assert (sum(row[0] for row in events), sum(row[1] for row in events)) == (counted[0], counted[1] + 2)
    assert sum(row[3] for row in events) == 100_000


def test_a_part_of_the_total_is_taken_from_the_same_answer() -> None:
    ok, failed = (("__name__", "a"), ("code", "200"), *A), (("__name__", "a"), ("code", "500"), *A)
    server = Remembered({"a": {ok: scraped((5, 10), (35, 14)), failed: scraped((5, 1), (35, 3))}})
    assert counts(reader(server), sli("sum(a)", 'a{code=~"5.."}'), piece(30, 40)) == {40: (4, 2, 0, 10_000)}
    assert [expression for expression, _, _ in server.asked] == ["a[90s]"]


def test_a_new_target_begins_with_a_baseline_and_an_hour_is_looked_back_for_an_old_one() -> None:
    silent = {"a": {A: scraped((5, 10), (35, 14), (635, 20)), B: scraped((5, 7), (635, 12))}}
    spread = counts(reader(Remembered(silent)), sli(), piece(630, 640))
    assert sum(good for good, _, _, _ in spread.values()) == 6 + 5
    server = Remembered({"a": {A: scraped((5, 10), (35, 14)), B: scraped((35, 70))}})
    assert counts(reader(server), sli(), piece(30, 40)) == {40: (4, 0, 0, 10_000)}
    assert [end - begin for _, begin, end in server.asked] == [90, 90, 3610, 3610]


@pytest.mark.parametrize(
    ("before", "counted"),
    [([(5, 10), (35, 14)], 3), ([(-3000, 10), (35, 14)], 3), ([(35, 14)], 0), ([], 0)],
    ids=["scraped just before", "silent for most of an hour", "scraped for the first time", "not there"],
)
def test_a_group_that_is_born_on_a_target_counts_from_nothing(before: list[tuple[float, float]], counted: int) -> None:
    old, born = ((("__name__", "a"), ("cluster", cluster), *A) for cluster in ("eu", "us"))
    samples = {old: scraped(*before), born: scraped((35, 3))}
    server = Remembered({'a{cluster="us"}': {born: scraped((35, 3))}, 'a{instance="a",job="api"}': samples})
    group = replace(sli('a{cluster="us"}', 'a{cluster="us"}'), all_groups=parse_selector("a"))
    assert sum(bad for _, bad, _, _ in counts(reader(server), group, piece(30, 40)).values()) == counted


def test_where_looking_back_is_too_much_the_target_is_taken_for_new() -> None:
    many = {(("instance", "a"), ("job", "api"), ("n", str(n))): scraped((35, 1)) for n in range(10)}
    server = Remembered({"a": many | {B: scraped(*((-at, 0) for at in range(3000, 0, -10)), (35, 5))}})
    server.most_samples = 50
    assert counts(reader(server), sli(), piece(30, 40)) == {40: (5, 0, 0, 10_000)}


def test_a_total_that_has_no_series_says_nothing() -> None:
    tally = reader(Remembered({"b": {A: scraped((35, 14))}})).read(sli(), piece(30, 40), BEGIN + 100)
    assert (tally.known, tally.observed) == ([], False)


def test_a_part_that_exceeds_its_total_twice_is_unknown() -> None:
    server = Remembered({"a": {A: scraped((5, 0), (35, 1), (65, 2))}, "b": {A: scraped((5, 0), (35, 3), (65, 5))}})
    assert counts(reader(server), sli(), piece(0, 70))[70] == (0, 0, 4, 0)
    (excess,) = reader(server).read(sli(), piece(0, 70), BEGIN + 100).excesses
    assert (excess.slot_end, excess.total, excess.part) == (BEGIN + 70, 1, 4)


# Increases over the window


def increasing(total: Mapping[int, float], part: Mapping[int, float] | None = None) -> Remembered:
    """A server that says these increases at points after the beginning."""

    def at(values: Mapping[int, float], point: int) -> Mapping[Labels, float]:
        return {NONE: values[point - BEGIN]} if point - BEGIN in values else {}

    expressions = (INCREASES.total, INCREASES.part, RATES.total, RATES.part)
    filled = [text.replace("[{{.window}}]", "[30s]") for text in expressions]
    return Remembered(
        values={
            text: (lambda point, values=values: at(values, point))  # type: ignore[misc]
            for text, values in zip(filled, (total, part or {}) * 2, strict=True)
        }
    )


def test_an_increase_is_what_happened_in_one_interval_and_no_bad_ones_are_none() -> None:
    server = increasing({30: 4.0, 60: 6.0, 90: 5.0}, {60: 2.0})
    assert counts(reader(server), INCREASES, piece(30, 90)) == {
        40: (0, 0, 0, 10_000),
        50: (0, 0, 0, 10_000),
        60: (4, 2, 0, 10_000),
        70: (0, 0, 0, 10_000),
        80: (0, 0, 0, 10_000),
        90: (5, 0, 0, 10_000),
    }
    assert [(begin - BEGIN, end - BEGIN) for _, begin, end in server.asked] == [(60, 90), (60, 90)]


def test_rates_are_events_a_second() -> None:
    server = increasing({30: 0.5, 60: 0.1}, {60: 0.05})
    found = counts(reader(server), RATES, piece(0, 60))
    assert (found[30][:2], found[60][:2]) == ((15, 0), (1, 2))


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -1.0])
def test_an_interval_of_which_an_answer_is_no_number_is_unknown(nothing: float) -> None:
    for server in (increasing({30: 4.0, 60: nothing, 90: 5.0}), increasing({30: 4, 60: 6, 90: 5}, {60: nothing})):
        found = counts(reader(server), INCREASES, piece(0, 90))
        assert found == {
            10: (0, 0, 0, 10_000), 20: (0, 0, 0, 10_000), 30: (4, 0, 0, 10_000),
            70: (0, 0, 0, 10_000), 80: (0, 0, 0, 10_000), 90: (5, 0, 0, 10_000),
        }  # fmt: skip


def test_an_interval_without_an_answer_is_unknown_however_long() -> None:
    server = increasing({30: 4.0, 300: 5.0})
    found = counts(reader(server), INCREASES, piece(0, 300))
    assert {end: slot[0] for end, slot in found.items() if slot[0]} == {30: 4, 300: 5}
    assert sorted(found) == [10, 20, 30, 280, 290, 300]


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1)), min_size=1, max_size=40),
    st.lists(st.integers(1, 40), max_size=5),
)
@example(increases=[(0.5, 0.0), (0.5, 1.0), (0.0, 0.0)], cuts=[])
def test_fractions_of_events_are_carried_on_from_piece_to_piece(
    increases: list[tuple[float, float]], cuts: list[int]
) -> None:
    total = {30 * n: events for n, (events, _) in enumerate(increases, 1)}
    part = {30 * n: events * share for n, (events, share) in enumerate(increases, 1)}
    reading = reader(increasing(total, part))
    edges = sorted({0, len(increases), *(cut for cut in cuts if cut < len(increases))})
    good = bad = unknown = 0
    for begin, end in pairwise(edges):
        for slot in counts(reading, INCREASES, piece(30 * begin, 30 * end)).values():
            good, bad, unknown = good + slot[0], bad + slot[1], unknown + slot[2]
    assert unknown == 0
    assert good + bad == pytest.approx(sum(total.values()), abs=1)
    assert bad == pytest.approx(sum(part.values()), abs=2)


# Values of counters


def valued(total: Mapping[int, float], part: Mapping[int, float] | None = None) -> Remembered:
    """A server whose sums have these values at points after the beginning."""
    by_text = {VALUES.total: total, VALUES.part: part or {}}

    def at(text: str, point: int) -> Mapping[Labels, float]:
        return {NONE: by_text[text][point - BEGIN]} if point - BEGIN in by_text[text] else {}

    return Remembered(values={text: (lambda point, text=text: at(text, point)) for text in by_text})  # type: ignore[misc]


def test_a_sum_of_counters_counts_what_it_grew_by() -> None:
    server = valued({0: 10, 30: 14, 60: 20}, {0: 1, 30: 1, 60: 3})
    found = counts(reader(server), VALUES, piece(10, 60))
    assert (found[30], found[60]) == ((4, 0, 0, 10_000), (4, 2, 0, 10_000))
    assert sorted(found) == [20, 30, 40, 50, 60]


def test_a_sum_that_falls_may_have_lost_a_series_so_that_interval_is_unknown() -> None:
    server = valued({0: 1000, 30: 1004, 60: 510, 90: 515}, {0: 10, 30: 11, 60: 12, 90: 14})
    found = counts(reader(server), VALUES, piece(0, 90))
    assert {end: slot[:2] for end, slot in found.items() if any(slot[:2])} == {30: (3, 1), 90: (3, 2)}
    assert sorted(found) == [10, 20, 30, 70, 80, 90]


# Real servers


def recorded() -> Iterator[Recorded]:
    """Two hours of two targets that are scraped every 10 s; one in seven events is bad, and each began anew once."""
    for number, instance in enumerate("ab"):
        for metric, share in (("a_total", 1), ("b_total", 7)):
            events = np.cumsum(np.arange(720) % 13)
            events[400 + number :] -= events[400 + number]
            yield Recorded(
                labels={"__name__": metric, "job": "api", "instance": instance},
                samples=[((BEGIN + 10 * n) * 1000, float(count // share)) for n, count in enumerate(events.tolist())],
            )


@pytest.fixture(scope="module", params=[prometheus, victoria_metrics], ids=["prometheus", "victoria-metrics"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with request.param(tmp_path_factory.mktemp("server"), list(recorded())) as url:
        yield url


FORMS: Mapping[str, tuple[str, str, float]] = {
    "samples": ("sum(a_total)", "sum(rate(b_total[{{.window}}]))", 0.0),
    "increases": ("sum(increase(a_total[{{.window}}])) * 1", "sum(increase(b_total[{{.window}}])) * 1", 0.1),
    "rates": ("sum(rate(a_total[{{.window}}])) * 1", "sum(rate(b_total[{{.window}}])) * 1", 0.1),
    "values": ("sum(a_total) * 1", "sum(b_total) * 1", 0.1),
}


@pytest.mark.parametrize(("total", "part", "off"), FORMS.values(), ids=FORMS.keys())
async def test_every_form_counts_on_real_servers(total: str, part: str, off: float, url: str) -> None:
    async with client(entry(url)) as asking:
        found = await asking.run(lambda: counts(reader(asking), sli(total, part), piece(0, 7200)))
    events = sum(good + bad for good, bad, _, _ in found.values())
    expected = sum(value for series in recorded() if series.labels["__name__"] == "a_total" for value in _grown(series))
    assert events == pytest.approx(expected, rel=off)
    assert sum(bad for _, bad, _, _ in found.values()) == pytest.approx(events / 7, rel=off + 0.01)
    assert sum(slot[3] for slot in found.values()) >= 7_000_000


def _grown(series: Recorded) -> Iterator[float]:
    before = series.samples[0][1]
    for _, value in series.samples:
        yield value - before if value >= before else value
        before = value
