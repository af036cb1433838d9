"""Labels of targets meet labels of series as they do in Prometheus."""

from collections.abc import Mapping

import pytest

from slo.sources.target_labels import TargetLabels

OURS = {"job": "api", "instance": "127.0.0.1:80"}


@pytest.mark.parametrize(
    ("honor", "series", "labels"),
    [
        (False, {"code": "200"}, {"code": "200", **OURS}),
        (True, {"code": "200"}, {"code": "200", **OURS}),
        (False, {"job": "theirs"}, {**OURS, "exported_job": "theirs"}),
        (True, {"job": "theirs"}, {**OURS, "job": "theirs"}),
        (False, {"job": ""}, OURS),
        (True, {"job": ""}, {**OURS, "job": ""}),
        (
            False,
            {"job": "theirs", "exported_job": "older"},
            {**OURS, "exported_job": "older", "exported_exported_job": "theirs"},
        ),
    ],
    ids=["new", "new, honored", "taken", "taken, honored", "empty", "empty, honored", "taken twice"],
)
def test_a_series_gets_the_labels_of_its_target(
    honor: bool,  # noqa: FBT001  a parameter of the table
    series: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    assert TargetLabels(labels=OURS, honor=honor)(series) == labels
