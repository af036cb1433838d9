"""Phases as a bar: one row whose parts are as wide as the time that they took, told apart without colour."""

from collections.abc import Mapping, Sequence
from itertools import cycle

FILLS = "█░▓▒▞·"
"""What the parts are drawn with, so that neighbours differ; they come again where there are more."""


def bar(phases: Mapping[str, float], width: int) -> str:
    """The phases in `width` characters, or as many as there are phases where these are more."""
    parts = zip(widths(list(phases.values()), width), cycle(FILLS), strict=False)
    return "".join(fill * length for length, fill in parts)


def widths(seconds: Sequence[float], width: int) -> list[int]:
    """How wide each part is: in proportion to its time, at least 1, all together `width` where that is possible.

    The widest parts give what the narrowest need. No time at all is shared out evenly.
    """
    whole = sum(seconds)
    shares = [each / whole * width if whole else width / len(seconds) for each in seconds]
    parts = [max(1, int(share)) for share in shares]
    while sum(parts) < width and parts:
        parts[max(range(len(parts)), key=lambda index: shares[index] - parts[index])] += 1
    while sum(parts) > width and max(parts) > 1:
        parts[max(range(len(parts)), key=lambda index: (parts[index] > 1, parts[index] - shares[index]))] -= 1
    return parts
