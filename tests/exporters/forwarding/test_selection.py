"""One forwarder gets what is its customer's, and nothing of another one's."""

from collections.abc import Mapping, Sequence

import pytest

from exporters.forwarding.selection import Selection
from slo.core.matching import parse_matcher

ACME = {"customer": "acme"}
OTHER = {"customer": "other"}


def selection(*matchers: str, metrics: Sequence[str] = ("slo_*",), added: Mapping[str, str] | None = None) -> Selection:
    return Selection([parse_matcher(each) for each in matchers], metrics, added or {})


@pytest.mark.parametrize(
    ("patterns", "name", "taken"),
    [
        (["slo_*"], "slo_burn_rate", True),
        (["slo_*"], "xslo_burn_rate", False),
        (["slo_burn_rate"], "slo_burn_rate_2", False),
        (["probe_success", "*_seconds"], "probe_duration_seconds", True),
        (["*"], "anything", True),
        (["slo_*_ratio"], "slo_objective_ratio", True),
        (["slo_*_ratio"], "slo_ratio", False),
        ([], "slo_burn_rate", False),
    ],
)
def test_metrics_are_taken_by_name(patterns: Sequence[str], name: str, taken: bool) -> None:  # noqa: FBT001
    assert selection(metrics=patterns).takes_metric(name) is taken


@pytest.mark.parametrize(
    ("labels", "taken"),
    [
        ({**ACME, "slo": "gate"}, True),
        ({**OTHER, "slo": "gate"}, False),
        ({"slo": "gate"}, False),
        ({"probe": "gate", "target": "t"}, True),
        ({"probe": "gate", "target": "t", **OTHER}, False),
        ({"probe": "both", "target": "t"}, False),
        ({"probe": "shared", "target": "t"}, False),
        ({"probe": "shared", "target": "t", **ACME}, True),
        ({"collector": "gate", "target": "t"}, True),
        ({"le": "0.1"}, False),
    ],
)
def test_a_series_goes_with_its_labels_or_with_the_slos_that_its_check_feeds(
    labels: Mapping[str, str],
    taken: bool,  # noqa: FBT001
) -> None:
    customers = selection("customer=acme")
    customers.follow({"gate": ACME, "both": {"service": "shop"}})
    assert customers.takes_series(labels) is taken
    assert selection().takes_series(labels)


@pytest.mark.parametrize("matcher", ["customer!=other", "customer!~other|more", "customer=~a.*|", "customer=~.*"])
def test_what_says_nothing_of_a_label_that_is_matched_is_nobodys(matcher: str) -> None:
    customers = selection(matcher)
    assert customers.takes(ACME)
    for labels in ({}, {"customer": ""}, {"service": "gate"}):
        assert not customers.takes(labels)
        assert not customers.takes_series(labels)
        assert selection().takes(labels)


def test_labels_are_added_where_there_is_none_so_called() -> None:
    assert selection(added={"site": "eu", "customer": "none"}).labelled(ACME) == {"site": "eu", "customer": "acme"}
