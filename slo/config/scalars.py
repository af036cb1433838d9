"""Scalars: variables put in, and plain ones read as what they look like.

Read are `true`, `false`, `null`, decimal numbers and texts. What the readers of YAML 1.1 make something else of than
it looks like (`no`, `012`, `1:30`, `0x1F`, `1_000`) is refused rather than guessed.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-((?:(?!\$\{)[^}])*))?\}|\$\{")

_CONSTANTS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(
    r"-?((0|[1-9][0-9]{0,16})(\.[0-9]{0,17}([eE][-+]?[0-9]{1,2})?|[eE][-+]?[0-9]{1,2})|\.[0-9]{1,17})\Z"
)

LONGEST_SHOWN = 8
"""What is longer may be a secret that was written in place, and is not repeated in a fault."""

_TRAPS = (
    (r"yes|Yes|YES|on|On|ON", "is true to readers of YAML 1.1", "write true, or {quoted} for the word"),
    (r"no|No|NO|off|Off|OFF", "is false to readers of YAML 1.1", "write false, or {quoted} for the word"),
    (r"[-+]?0[0-7_]+", "is an octal number to readers of YAML 1.1", "write {decimal}, or {quoted} for the text"),
    (
        r"[-+]?0(x[0-9a-fA-F_]+|b[01_]+|o[0-7]+)",
        "is a number in another base than ten",
        "write it in decimal, or {quoted}",
    ),
    (
        r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?",
        "is a number to base 60 in YAML 1.1",
        "write {quoted}",
    ),
    (r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)", "is no finite number", "write a number, or {quoted} for the text"),
    (
        r"(\+[0-9][0-9_]*|-?0[0-9_]+|-?[0-9]+_[0-9_]*)(\.[0-9_]*)?",
        "is a number to some readers of YAML and a text to others",
        "write {decimal}, or {quoted} for the text",
    ),
)
"""What plain scalars may look like that readers disagree about; by a regular expression."""


class Substituted(str):
    """A text that a variable was put into. Its repr is the text as it is written, so that no message shows a secret."""

    __slots__ = ("written",)

    written: str

    def __repr__(self) -> str:
        return repr(self.written)


class Unquoted(str):
    """A plain scalar that looks like no text (`true`, `1.10`, `no`): the key that it stands at decides what it is."""

    __slots__ = ()

    def resolved(self) -> Scalar:
        """What it looks like. Raises ScalarError where readers of YAML disagree about that."""
        return read_scalar(str(self), plain=True, environ=None)


class ScalarError(Exception):
    """A scalar that cannot be read: what is wrong, and what to write instead."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(problem, mend)
        self.problem = problem
        self.mend = mend


def read_scalar(text: str, *, plain: bool, environ: Mapping[str, str] | None) -> Scalar:
    """The value of a scalar as the file has it; without an `environ` a dollar is a dollar. Raises ScalarError."""
    if "$" in text and environ is not None:
        return _substituted(text, plain=plain, environ=environ)
    if not plain:
        return text
    value = _resolved(text)
    if isinstance(value, str):
        _refuse_traps(value)
    return value


def read_raw(text: str, *, plain: bool) -> Scalar:
    """The value of a scalar in the format of others, where a dollar is a dollar and a text needs no quotes."""
    if not plain or (text in _CONSTANTS and _CONSTANTS[text] is None):
        return None if plain else text
    return Unquoted(text) if not isinstance(_resolved(text), str) or _trap(text) else text


def _resolved(text: str) -> Scalar:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _refuse_traps(text: str) -> None:
    if trap := _trap(text):
        raise trap


def _trap(text: str) -> ScalarError | None:
    """What is wrong with a plain scalar that readers disagree about; None for all others."""
    if text[0] not in "+-.0123456789yYnNoO":
        return None
    for pattern, problem, mend in _TRAPS:
        if re.fullmatch(pattern, text):
            if len(text) > LONGEST_SHOWN:
                return ScalarError(problem, "quote it if it is a text")
            decimal = re.sub(r"^(\+|(-?))0*(?=[0-9])", r"\2", text.replace("_", ""))
            return ScalarError(f"{text} {problem}", mend.format(quoted=f"'{text}'", decimal=decimal))
    return None


def _no_variable(text: str) -> ScalarError:
    """What is wrong with a text that begins with `${` and is no variable."""
    inside, end, _ = text[2:].partition("}")
    if not end:
        mend = "quote the whole value if it goes on behind a #; write $${ for the characters themselves"
        return ScalarError("${ begins a variable, and no } ends it", mend)
    if "${" in inside:
        return ScalarError("the default of a variable holds another variable", "write one of them; they do not nest")
    mend = "write ${NAME} or ${NAME:-default}; $${ stands for the characters themselves"
    return ScalarError("${ begins a variable, and no name of one follows", mend)


def _substituted(text: str, *, plain: bool, environ: Mapping[str, str]) -> Scalar:
    """The scalar with its variables put in. A plain one that is all digits then is a number, and so on."""

    def put(match: re.Match[str]) -> str:
        name, fallback, default = match.groups()
        if match[0] == "$$":
            return "$"
        if name is None:
            raise _no_variable(text[match.start() :])
        value = environ.get(name, "")
        if value or (name in environ and fallback is None):
            return value
        if fallback is not None:
            return str(default)
        raise ScalarError(f"the variable {name} is not set", f"set it, or write a default as ${{{name}:-...}}")

    result = _VARIABLE.sub(put, text)
    value = _resolved(result) if plain and result else result
    if not isinstance(value, str) or "${" not in text:
        return value
    substituted = Substituted(value)
    substituted.written = text
    return substituted
