"""What `/metrics` says is told as it stands there, to those who are to have it."""

import math
from datetime import UTC, datetime

from exporters.forwarding.measuring import POINTS_A_RECORD, Measuring, Reading
from exporters.forwarding.selection import Selection
from slo.core.matching import parse_matcher
from slo.core.telemetry import Measured, Point, Rank
from slo.core.telemetry_document import read

AT = datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)

EXPOSITION = b"""\
# HELP slo_sli_good_total Good events.
# TYPE slo_sli_good_total counter
slo_sli_good_total{slo="gate",customer="acme"} 5
# TYPE slo_burn_rate gauge
slo_burn_rate{slo="gate",customer="acme",window="1h"} 0.5
slo_burn_rate{slo="shop",customer="other",window="1h"} NaN
# TYPE watchkeep_probe_lateness_seconds histogram
watchkeep_probe_lateness_seconds_bucket{le="0.001"} 3
watchkeep_probe_lateness_seconds_sum 0.25
watchkeep_probe_lateness_seconds_count 4
# TYPE probe_success gauge
probe_success{probe="gate",target="http://gate/"} 1
odd{probe="gate"} 2
"""


def points(selection: Selection, exposition: bytes = EXPOSITION) -> list[Point]:
    found: list[Point] = []
    reading = Reading([selection, Selection((), ("nothing_else",), {})])
    for record in Measuring(selection, tells_ends=False).records(reading.read(exposition), AT):
        assert (record.rank, record.at) == (Rank.METRIC, AT.timestamp())
        measured = read(record.body)
        assert isinstance(measured, Measured)
        assert measured.at == AT
        found += measured.points
    return found


def test_metrics_come_with_their_types_labels_and_values() -> None:
    found = points(Selection((), ("slo_*", "watchkeep_*", "odd"), {"site": "eu"}))
    assert [(point.name, point.type) for point in found] == [
        ("slo_burn_rate", "gauge"),
        ("slo_burn_rate", "gauge"),
        ("watchkeep_probe_lateness_seconds_bucket", "histogram"),
        ("watchkeep_probe_lateness_seconds_sum", "histogram"),
        ("watchkeep_probe_lateness_seconds_count", "histogram"),
        ("odd", "untyped"),
    ]
    assert found[0].labels == {"slo": "gate", "customer": "acme", "window": "1h", "site": "eu"}
    assert found[0].value == 0.5
    assert math.isnan(found[1].value)
    assert found[2].labels == {"le": "0.001", "site": "eu"}


def test_counts_are_left_to_the_slots() -> None:
    assert points(Selection((), ("slo_sli_*",), {})) == []


def test_a_customer_gets_what_is_his_and_what_his_checks_say() -> None:
    selection = Selection([parse_matcher("customer=acme")], ("*",), {})
    selection.follow({"gate": {"customer": "acme"}})
    assert [point.name for point in points(selection)] == ["slo_burn_rate", "probe_success", "odd"]


def test_many_points_are_several_records() -> None:
    exposition = b"# TYPE slo_x gauge\n" + b"".join(
        b'slo_x{slo="%d"} 1\n' % number for number in range(2 * POINTS_A_RECORD + 1)
    )
    selection = Selection((), ("slo_*",), {})
    read = Reading([selection]).read(exposition)
    assert len(Measuring(selection, tells_ends=False).records(read, AT)) == 3
    assert len(points(selection, exposition)) == 2 * POINTS_A_RECORD + 1


def test_what_another_forwarder_gets_is_read_and_told_to_nobody_else() -> None:
    ours, theirs = (Selection((), (name,), {}) for name in ("odd", "slo_burn_rate"))
    read = Reading([ours, theirs]).read(EXPOSITION)
    assert [len(read.samples), len(Measuring(ours, tells_ends=False).records(read, AT))] == [3, 1]


def ends(measuring: Measuring, reading: Reading, exposition: bytes) -> list[Point]:
    told = [read(record.body) for record in measuring.records(reading.read(exposition), AT)]
    return [point for each in told if isinstance(each, Measured) and each.ended for point in each.points]


def test_a_series_that_is_there_no_more_is_told_to_have_ended_once_to_those_who_want_to_know() -> None:
    selection = Selection((), ("slo_*",), {"site": "eu"})
    reading, fewer = Reading([selection]), EXPOSITION.replace(b'slo="shop"', b'slo="orca"')
    measuring, other = (Measuring(selection, tells_ends=each) for each in (True, False))
    assert ends(measuring, reading, EXPOSITION) == ends(other, reading, EXPOSITION) == []
    [ended] = ends(measuring, reading, fewer)
    assert ended[:3] == ("slo_burn_rate", "gauge", {"slo": "shop", "customer": "other", "window": "1h", "site": "eu"})
    assert math.isnan(ended.value)
    assert ends(other, reading, fewer) == ends(measuring, reading, fewer) == []
    assert len(ends(measuring, reading, b"")) == 2
