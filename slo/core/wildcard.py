"""Names with a `*` for any characters."""

import re
from collections.abc import Iterable


def wildcard(patterns: Iterable[str]) -> re.Pattern[str]:
    """What matches in full whatever one of the patterns stands for; nothing where there are none."""
    return re.compile("|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns) or r"(?!)")
