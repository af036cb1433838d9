"""A text that is read piece by piece, as selectors and matchers are: what comes next, and where it stands.

Texts in quotes are those of PromQL: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
"""

import re
from typing import NoReturn

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_TEXT = re.compile(r"""`[^`]*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_ESCAPE = re.compile(r"""\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\"']))""")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Scanner:
    """A text, and how far it was read. The blanks and comments around what is taken are skipped."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._go_to(0)

    @property
    def rest(self) -> str:
        """What was not read yet."""
        return self._text[self.at :]

    def take(self, pattern: re.Pattern[str]) -> str:
        """What comes next, if it is of the pattern; otherwise "", and nothing is taken."""
        match = pattern.match(self._text, self.at)
        if not match:
            return ""
        self._go_to(match.end())
        return match[0]

    def take_text(self) -> str | None:
        """What the quotes that come next hold; None, and nothing is taken, where there are none."""
        start, quote = self.at, self.rest[:1]
        literal = self.take(_TEXT)
        if literal:
            return literal[1:-1] if quote == "`" else self._unescaped(literal, start)
        if quote and quote in "\"'`":
            self.refuse(start, "a text without an end", f"close it with {quote}")
        return None

    def _unescaped(self, literal: str, start: int) -> str:
        """What a literal in single or double quotes holds, which stood at `start`."""
        parts: list[bytes] = []
        at = 1
        while (slash := literal.find("\\", at)) >= 0:
            escape = _ESCAPE.match(literal, slash)
            held = _escaped(escape, literal[0]) if escape else None
            if not escape or held is None:
                self.refuse(start + slash, f"{literal[slash : slash + 2]} is no escape", r"write \\ for a backslash")
            parts += [literal[at:slash].encode(), held]
            at = escape.end()
        try:
            return b"".join([*parts, literal[at:-1].encode()]).decode()
        except UnicodeDecodeError:
            self.refuse(start, "the bytes are not UTF-8", r"write the character itself, or its number as in \u00e9")

    def _go_to(self, at: int) -> None:
        blank = _BLANK.match(self._text, at)
        self.at = blank.end() if blank else at

    def refuse(self, at: int, problem: str, mend: str) -> NoReturn:
        """Raise ValueError about what stands at a position of the text."""
        raise ValueError(f"column {at + 1}: {problem}; {mend}")


def _escaped(escape: re.Match[str], quote: str) -> bytes | None:
    """What an escape stands for; None where it is none between these quotes."""
    octal, byte, short, long, character = escape.groups()
    if octal or byte:
        number = int(octal, 8) if octal else int(byte, 16)
        return bytes([number]) if number < 256 else None
    if short or long:
        number = int(short or long, 16)
        return chr(number).encode() if number < 0x110000 and not 0xD800 <= number < 0xE000 else None
    if character in "\"'" and character != quote:
        return None
    return _CONTROLS.get(character, character).encode()
