"""How bad a line is, it says itself or nobody does."""

import pytest

from exporters.containers.levels import level_of


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ('{"level":"error","msg":"x"}', "error"),
        ('{"msg":"x", "severity" : "WARNING"}', "warning"),
        ('{"log.level":"fatal"}', "error"),
        ('{"level":"debug"}', "info"),
        ('{"level":30}', "info"),
        ("time=x level=warn msg=y", "warning"),
        ('level="ERROR" msg=y', "error"),
        ("sublevel=error", "info"),
        ("E1126 23:36:29.123456       1 reflector.go:138] x", "error"),
        ("W1126 23:36:29.123456       1 x", "warning"),
        ("I1126 23:36:29.123456       1 level=error of another", "info"),
        ("an error happened", "info"),
        ("", "info"),
        (f"{'x' * 2000} level=error", "info"),
    ],
)
def test_the_level_of_a_line(message: str, level: str) -> None:
    assert level_of(message) == level
