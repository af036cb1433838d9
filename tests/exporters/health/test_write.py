"""What came of a write, as a metric."""

import pytest

from exporters.health.write import FAMILIES, Write, samples


@pytest.mark.parametrize(
    ("write", "values"),
    [
        (None, []),
        (Write(reason="ok"), [1.0]),
        (Write(reason="read_only"), [0.0]),
        (Write(reason="write"), [0.0]),
        (Write(reason="permission"), []),  # ours is the fault: nothing is known
    ],
)
def test_what_is_not_known_is_not_said(write: Write | None, values: list[float]) -> None:
    said = list(samples(write))
    assert [sample.value for sample in said] == values
    assert {sample.name for sample in said} <= FAMILIES.keys()
