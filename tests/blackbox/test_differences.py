"""Whoever switches can read what differs."""

from pathlib import Path

from tests.blackbox.differences import DIFFERENCES

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "blackbox.md"


def test_the_page_has_every_difference_with_its_reason() -> None:
    rows = PAGE.read_text(encoding="utf-8")
    assert [each.what for each in DIFFERENCES if f"| {each.what} | {each.why} |" not in rows] == []
