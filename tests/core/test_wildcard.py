"""A star stands for any characters, and nothing else does."""

import pytest

from slo.core.wildcard import wildcard


@pytest.mark.parametrize(
    ("patterns", "name", "matches"),
    [
        (("slo_*",), "slo_burn_rate", True),
        (("slo_*",), "xslo_burn_rate", False),
        (("a", "b*c"), "b.c", True),
        (("a", "b*c"), "b", False),
        (("a.c",), "abc", False),
        (("*",), "", True),
        ((), "", False),
    ],
)
def test_a_name_is_matched_in_full(patterns: tuple[str, ...], name: str, *, matches: bool) -> None:
    assert (wildcard(patterns).fullmatch(name) is not None) is matches
