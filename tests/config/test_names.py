"""A misspelt name is answered with the one that was meant, also among very many."""

import pytest

from slo.config.names import Names

MANY = Names([f"target-{index}" for index in range(10_000)] + ["checkout"])


@pytest.mark.parametrize("word", ["chekout", "checkuot", "checkoutt", "chockout", "heckout", "checkou"])
def test_one_slip_among_many_is_found(word: str) -> None:
    assert MANY.nearest(word) == "checkout"


@pytest.mark.parametrize("word", ["chkout", "", "gate", "checkpoint"])
def test_among_many_more_than_a_slip_is_not_searched_for(word: str) -> None:
    assert MANY.nearest(word) == ""


def test_among_few_the_most_alike_is_found() -> None:
    few = Names(["objective", "window", "slot", "slos"])
    assert [few.nearest(word) for word in ("objctv", "windo", "slo", "xyz")] == ["objective", "window", "slos", ""]


def test_among_no_names_there_is_none() -> None:
    assert Names([]).nearest("gate") == ""
