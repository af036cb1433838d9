"""What a validator says about a value: what is wrong with it, and what to write instead."""

from pydantic_core import PydanticCustomError

WRONG = "wrong"
"""The type that pydantic gives these errors; `slo.config.wording` takes problem and mend out of their context."""


def wrong(problem: str, mend: str = "") -> PydanticCustomError:
    """The error that a validator raises, as in `raise wrong("is no address", "write HOST:PORT")`.

    `problem` goes on where the path of the value ended. Secrets must not be in it.
    """
    return PydanticCustomError(WRONG, "{problem}, {mend}" if mend else "{problem}", {"problem": problem, "mend": mend})


def shown(value: object, limit: int = 40) -> str:
    """A value as it is quoted in a message: on one line, and not too long."""
    match value:
        case bool():
            text = str(value).lower()
        case dict():
            text = "a mapping"
        case list() | tuple():
            text = "a list"
        case _:
            text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
