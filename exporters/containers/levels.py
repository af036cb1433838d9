"""How bad a line is, where the line says so itself: in JSON, in logfmt, or as klog begins it. That it is on standard
error says nothing.
"""

import re

SEARCHED_CHARACTERS = 1024
"""How far into a line its level is looked for."""

_JSON = re.compile(r'"(?:level|severity|lvl|log\.level)"\s*:\s*"([A-Za-z]{3,9})"')
_LOGFMT = re.compile(r'(?:^|\s)(?:level|severity|lvl)="?([A-Za-z]{3,9})\b')
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")

_WORDS = {
    **dict.fromkeys(("warn", "warning"), "warning"),
    **dict.fromkeys(("err", "error", "critical", "crit", "fatal", "panic", "alert", "emerg", "emergency"), "error"),
}
_LETTERS = {"W": "warning", "E": "error", "F": "error"}


def level_of(message: str) -> str:
    """`warning` or `error` where a message says that it is; otherwise `info`."""
    if klog := _KLOG.match(message):
        return _LETTERS.get(klog[1], "info")
    found = (_JSON if message.startswith("{") else _LOGFMT).search(message, 0, SEARCHED_CHARACTERS)
    return _WORDS.get(found[1].lower(), "info") if found else "info"
