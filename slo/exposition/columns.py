"""Lines of `SERIES VALUE TIMESTAMP` as columns: where their parts are, and the numbers in them, for all lines at once.

Positions are arrays of the shape (lines,), in bytes from the beginning of the text. A number is read eight digits at a
time, in one 64-bit word, and exactly as `float` reads it or not at all: what is not read is left to who asks.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Words: TypeAlias = NDArray[np.uint64]

MARGIN = bytes(16)
"""What a text begins with, so that two words can be read before the end of any number in it."""

COMPARED_BYTES = 512
"""Series that are written longer than this are not compared with the line before."""

WORD_DIGITS = 8
EXACT_DIGITS = 15
"""So many digits make a whole number that a float holds exactly, and so is their power of ten: one division by the
other rounds once, which is what `float` does."""

_SPACE, _LINE_END, _HASH = b" \n#"
_POWERS = 10 ** np.arange(EXACT_DIGITS + 1, dtype=np.int64)
_ONES, _ZEROS, _DOTS, _ABOVE_NINE, _HIGH_BITS = (
    np.uint64(0x0101010101010101 * byte) for byte in (0x01, ord("0"), ord("."), 0x7F - 9, 0x80)
)
_PAIRS, _FOURS, _EIGHTS = (np.uint64(mask) for mask in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF))


class Columns:
    """The lines of a text that begins with `MARGIN` and ends with a line end.

    `line_starts` and `line_ends` are those of all lines. The plain ones have two spaces or more, and no blank but a
    space after the second last of them, do not begin with # and have no exemplar. `plain` are their indices, and in the
    order of `plain` their series reach from `starts` to `value_starts - 1`, their values to `time_starts - 1`, and
    their timestamps to `ends`. `others` are the indices of the other lines.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._bytes = np.frombuffer(text, np.uint8)
        self._words: Words = np.ndarray(shape=(len(text) - WORD_DIGITS + 1,), dtype="<u8", buffer=text, strides=(1,))
        blanks = np.flatnonzero(self._bytes[len(MARGIN) :] <= _SPACE) + len(MARGIN)
        kinds = self._bytes[blanks]
        closing = np.flatnonzero(kinds == _LINE_END)
        self.line_ends: Ints = blanks[closing]
        self.line_starts: Ints = np.concatenate(([len(MARGIN)], self.line_ends[:-1] + 1))
        last, second_last = np.maximum(closing - 1, 0), np.maximum(closing - 2, 0)
        is_plain = (kinds[last] == _SPACE) & (kinds[second_last] == _SPACE) & (blanks[second_last] > self.line_starts)
        is_plain &= self._bytes[self.line_starts] != _HASH
        is_plain[np.searchsorted(self.line_ends, _exemplars(text))] = False
        self.plain: Ints = np.flatnonzero(is_plain)
        self.others: Ints = np.flatnonzero(~is_plain)
        self.starts: Ints = self.line_starts[self.plain]
        self.value_starts: Ints = blanks[second_last[self.plain]] + 1
        self.time_starts: Ints = blanks[last[self.plain]] + 1
        self.ends: Ints = self.line_ends[self.plain]

    def line(self, index: int) -> bytes:
        """A line, without its end."""
        return self.text[self.line_starts[index] : self.line_ends[index]]

    def firsts(self) -> Ints:
        """Which of the plain lines are not of the series of the plain line before them, or may not be."""
        if not self.plain.size:
            return self.plain
        stops = self.value_starts - 1
        lengths = stops - self.starts
        same = (lengths[1:] == lengths[:-1]) & (lengths[1:] <= COMPARED_BYTES)
        for offset in range(0, min(int(lengths.max()), COMPARED_BYTES), WORD_DIGITS):
            if not same.any():
                break
            words = self._words[np.minimum(self.starts + offset, stops - WORD_DIGITS)]
            same &= words[1:] == words[:-1]
        return np.concatenate(([0], np.flatnonzero(~same) + 1))

    def values(self) -> tuple[Floats, Mask]:
        """The values of the plain lines, and which of them were read."""
        whole, decimals, places, read = self._numbers(self.value_starts, self.time_starts - 1)
        values = whole.astype(np.float64)
        if places.any():
            power = _POWERS[places]
            values = np.where(places > 0, (whole * power + decimals) / power, values)
        return values, read

    def milliseconds(self) -> tuple[Ints, Mask]:
        """The timestamps of the plain lines, finer decimals cut off, and which of them were read."""
        whole, decimals, places, read = self._numbers(self.time_starts, self.ends)
        return whole * 1000 + decimals * 1000 // _POWERS[places], read

    def _numbers(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints, Ints, Mask]:
        """Numbers of up to 15 digits, with a dot or without: before the dot, after it, digits after it, was it read."""
        whole, read = self._digits(starts, ends)
        decimals, places = np.zeros_like(whole), np.zeros_like(whole)
        rest = np.flatnonzero(~read)
        if rest.size:
            start, end = starts[rest], ends[rest]
            after = self._after_dot(start, end)
            whole[rest], left = self._digits(start, end - 1 - after)
            decimals[rest], right = self._digits(end - after, end)
            places[rest] = after
            read[rest] = left & (right | (after == 0)) & (after >= 0) & (end - start <= EXACT_DIGITS + 1)
        return np.where(read, whole, 0), np.where(read, decimals, 0), np.where(read, places, 0), read

    def _after_dot(self, starts: Ints, ends: Ints) -> Ints:
        """How many of the last 15 bytes of a number stand after its dot; -1 where there is none among the last 16.

        Where a dot was, the exclusive or leaves 0, and subtracting sets the high bit of the first such byte. The bits
        beyond it may be wrong, and are not looked at: a second dot is no digit.
        """
        after = np.full(len(ends), -1, np.int64)
        for skipped in (0, WORD_DIGITS):
            words = self._words[ends - skipped - WORD_DIGITS] ^ _DOTS
            dots = _own((words - _ONES) & ~words & _HIGH_BITS, ends - starts - skipped)
            first_dot = dots & (~dots + np.uint64(1))
            bits = np.frexp(first_dot.astype(np.float64))[1]
            after = np.where((after < 0) & (bits > 0), skipped + WORD_DIGITS - bits // 8, after)
        return after

    def _digits(self, starts: Ints, ends: Ints) -> tuple[Ints, Mask]:
        """What one to 15 digits spell, and where there is nothing else."""
        counts = ends - starts
        numbers, read = self._spelt(ends, counts)
        read &= (counts > 0) & (counts <= EXACT_DIGITS)
        if counts.max(initial=0) > WORD_DIGITS:
            high, also = self._spelt(ends - WORD_DIGITS, counts - WORD_DIGITS)
            numbers += high * 10**WORD_DIGITS
            read &= also
        return numbers, read

    def _spelt(self, ends: Ints, counts: Ints) -> tuple[Ints, Mask]:
        """What the last eight of so many bytes spell, and where they are digits; no bytes spell 0.

        Neighbours are joined to numbers of two digits, these to numbers of four, and these to one of eight. Source: D.
        Lemire, "SWAR explained: parsing eight digits", 2022.
        """
        words = _own(self._words[ends - WORD_DIGITS] ^ _ZEROS, counts)
        read = ((words | (words + _ABOVE_NINE)) & _HIGH_BITS) == 0
        words = (words * np.uint64(10) + (words >> np.uint64(8))) & _PAIRS
        words = (words * np.uint64(100) + (words >> np.uint64(16))) & _FOURS
        words = (words * np.uint64(10_000) + (words >> np.uint64(32))) & _EIGHTS
        return words.astype(np.int64), read


def _own(words: Words, counts: Ints) -> Words:
    """Words in which only the last bytes count, so many as there are: the others become 0."""
    foreign_bits = ((WORD_DIGITS - np.clip(counts, 0, WORD_DIGITS)) * 8).astype(np.uint64)
    return words >> foreign_bits << foreign_bits


def _exemplars(text: bytes) -> Ints:
    """Where exemplars may begin. Looks for the rare byte of the three, which takes a tenth of the time."""
    places = []
    at = text.find(b"#")
    while at >= 0:
        if text.startswith(b" # {", at - 1):
            places.append(at)
        at = text.find(b"#", at + 1)
    return np.array(places, np.int64)
