"""Labels are tags as Datadog keeps them, so that what looks for them finds them."""

import pytest

from exporters.datadog.tags import host_of, metric_name, tag, tags_of


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("service", "Gate", "service:gate"),
        ("path", "/a b/c?d", "path:/a_b/c_d"),
        ("version", "1.2-rc:3", "version:1.2-rc:3"),
        ("_x", "y", "x:y"),
        ("city", "Köln", "city:köln"),
        ("slo", "a__b (c)", "slo:a_b_c"),
        ("empty", "", ""),
        ("empty", "!?", ""),
        ("long", "x" * 300, "long:" + "x" * 195),
    ],
)
def test_a_label_is_the_tag_that_datadog_makes_of_it(name: str, value: str, written: str) -> None:
    assert tag(name, value) == written
    assert not written or tag(*written.split(":", 1)) == written, "it is made once"


def test_the_host_is_no_tag_and_the_environment_is_one_twice() -> None:
    labels = {"node": "N1", "environment": "production", "service": "gate", "nothing": ""}
    assert tags_of(labels) == ("env:production", "environment:production", "service:gate")
    assert host_of(labels) == "N1"
    assert tags_of({"env": "a", "environment": "b", "host": "h", "node": "n"}) == ("env:a", "environment:b", "node:n")
    assert host_of({"host": "", "instance": "h:80"}) == ""


def test_a_metric_keeps_its_name() -> None:
    assert metric_name("slo_burn_rate") == "slo_burn_rate"
    assert metric_name("job:rate5m") == "job_rate5m"
    assert metric_name("_x" * 200) == ("x" + "_x" * 199)[:200]
