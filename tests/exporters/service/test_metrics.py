"""Metrics that a service exposes: what of them is served on, and what is out of its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporters.service.metrics import MOST_TOLD, Metrics, MetricsKeys, MetricsReading
from slo.core.sample import Sample
from tests.exporters.service.answers import AT, answer

BODY = b"""\
# TYPE queue_depth gauge
queue_depth{queue="work"} 3
queue_depth{queue="dead"} 0
queue_message_lag_seconds 31.5
jvm_threads_live 44
"""


LAG = [{"series": "lag", "at_most": 1}]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NOW = int(AT.timestamp() * 1000)


def read(body: bytes = BODY, content_type: str = "text/plain", **keys: object) -> Metrics:
    return MetricsReading(MetricsKeys.model_validate(keys)).read(answer(body, content_type=content_type))


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"series": "queue_depth", "at_most": 3}, ("ok", "")),
        ({"series": 'queue_depth{queue="work"}', "at_least": 4}, ("value", "queue_depth is 3, not at least 4")),
        (
            {"series": "queue_message_lag_seconds", "at_least": 0, "at_most": 30},
            ("value", "queue_message_lag_seconds is 31.5, not at least 0 and at most 30"),
        ),
        ({"series": "queue_lost", "at_most": 0}, ("health_untold", "there is no series queue_lost")),
    ],
)
def test_series_are_held_against_their_bounds(bound: dict[str, object], verdict: tuple[str, str]) -> None:
    assert read(expect=[bound], keep=["jvm_threads_live"]).verdict() == verdict


def test_a_value_that_is_no_number_is_between_no_bounds() -> None:
    told = read(b"lag NaN\n", expect=[{"series": "lag", "at_most": 1e9}])
    assert told.verdict() == ("value", "lag is nan, not at most 1e+09")


def test_values_out_of_their_bounds_are_named_up_to_a_number() -> None:
    body = b"".join(b'lag{pod="%d"} 9\n' % pod for pod in range(100))
    assert read(body, expect=[{"series": "lag", "at_most": 1}]).verdict()[1].count("lag is 9") == MOST_TOLD


def test_all_series_are_served_on_or_those_that_are_kept() -> None:
    assert len(list(read().samples())) == 4
    kept = read(keep=['{__name__=~"queue_.+",queue="work"}'])
    assert list(kept.samples()) == [Sample("queue_depth", 3.0, {"queue": "work"})]


def test_the_same_series_has_the_same_labels_from_round_to_round() -> None:
    reading = MetricsReading(MetricsKeys())
    first, second = (reading.read(answer(BODY)) for _ in range(2))
    assert all(one.labels is other.labels for one, other in zip(first.samples(), second.samples(), strict=True))


def test_what_prometheus_would_refuse_is_told() -> None:
    with pytest.raises(ValueError, match="the body is no metrics: "):
        read(b"<html>\n")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"lag 1\nlag 2\n", ""),
        (b"lag 1\nlag\t2 \n", ""),
        (b'lag{a="1",b="2"} 1\nother 3\nlag{b="2", a="1"} 2\n', ""),
        (b"lag 1 %d\nlag 2 %d\n" % (NOW, NOW), ""),
        (b'lag{a=" # {"} 1\nlag{a=" # {"} 2\n', ""),
        (b'lag_total 1 # {id="1"} 1\nlag_total 2 # {id="2"} 1\n# EOF\n', OPENMETRICS),
    ],
)
def test_a_series_that_has_two_values_is_not_taken_for_either(body: bytes, content_type: str) -> None:
    with pytest.raises(ValueError, match=r"the series lag(_total)? has two values"):
        read(body, content_type)


@pytest.mark.parametrize(
    "body",
    [b"lag 1\nlag 1.0\n", b"lag NaN\nlag NaN\n", b'lag{a="1"} 1\nlag{a="2"} 2\n', b"lag 1 %d\nlag 2\n" % NOW],
)
def test_what_is_said_twice_is_no_contradiction(body: bytes) -> None:
    assert read(body).verdict() == ("ok", "")


@pytest.mark.parametrize("body", [b"", b"\n", b"# TYPE lag gauge\n", b"lag 1 1000\n"])
def test_of_an_answer_without_metrics_nothing_is_known(body: bytes) -> None:
    assert read(body).verdict() == ("health_untold", "it has no metrics, or none to keep")


def test_where_nothing_is_kept_and_nothing_expected_nothing_is_known() -> None:
    assert read(keep=["queue_lost"]).verdict()[0] == "health_untold"


@pytest.mark.parametrize(
    ("body", "verdict", "served"),
    [
        (b"lag 1 %d\n" % (NOW - 300_000), "ok", [1]),
        (b"lag 1 %d\nup 1\n" % (NOW - 300_001), "health_untold", [1]),
        (b"lag 1 %d\nlag 2 %d\n" % (NOW, NOW - 1000), "value", [1]),
        (b"lag 2 %d\nlag 1 %d\n" % (NOW - 1000, NOW), "value", [1]),
        (b"lag 2 %d\nlag 1 %d\n" % (NOW - 300_001, NOW), "ok", [1]),
    ],
)
def test_what_is_old_is_not_there_and_the_newest_is_served_on(body: bytes, verdict: str, served: list[int]) -> None:
    told = read(body, expect=LAG)
    assert told.verdict()[0] == verdict
    assert [sample.value for sample in told.samples()] == served


def test_what_is_named_as_metrics_of_the_watch_is_not_served_on_but_has_bounds() -> None:
    body = b"watchkeep_service_up 1\nwatchkeeper 2\n"
    told = read(body, keep=['{__name__=~".+"}'], expect=[{"series": "watchkeep_service_up", "at_most": 0}])
    assert [sample.name for sample in told.samples()] == ["watchkeeper"]
    assert told.verdict()[0] == "value"


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ({"series": "lag"}, "has no bounds"),
        ({"series": "lag", "at_least": 2, "at_most": 1}, "can never be met"),
        ({"series": "rate(lag[5m])", "at_most": 1}, "series selector"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(bound: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MetricsKeys.model_validate({"expect": [bound]})


@given(st.binary(max_size=200) | st.lists(st.sampled_from(BODY.splitlines(keepends=True))).map(b"".join))
def test_whatever_comes_is_good_only_where_all_is_there_fuzz(body: bytes) -> None:
    try:
        told = read(body, expect=[{"series": "jvm_threads_live", "at_most": 44}])
    except ValueError:
        return
    assert (told.verdict()[0] == "ok") == (b"jvm_threads_live 44" in body)
