"""Finds the name that was meant by a misspelt one."""

import difflib
from collections.abc import Collection, Iterator
from functools import cached_property

FEW = 200
"""So many names are all compared with the misspelt one; comparing more would take longer than reading them."""


class Names:
    """Names that can be referred to. The nearest of few is found by likeness, of many by one slip of the keyboard."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def nearest(self, word: str) -> str:
        """The name that was probably meant; empty where none is near."""
        if f"{word}s" in self._names:
            return f"{word}s"
        if len(self._names) <= FEW:
            return next(iter(difflib.get_close_matches(word, list(self._names), n=1)), "")
        return next((self._by_slip[shorter] for shorter in _shorter(word) if shorter in self._by_slip), "")

    @cached_property
    def _by_slip(self) -> dict[str, str]:
        """Every name by itself and by what is left of it without any one letter.

        Two words that differ by a letter too many, too few, wrong or swapped with its neighbour share one of these.
        """
        return {shorter: name for name in self._names for shorter in _shorter(name)}


def _shorter(word: str) -> Iterator[str]:
    yield word
    for index in range(len(word)):
        yield word[:index] + word[index + 1 :]
