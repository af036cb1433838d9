"""Tokens that others show here to prove who they are."""

from typing import Annotated

from pydantic import AfterValidator

from slo.config.secret import Secret
from slo.config.wrong import wrong

SHORTEST_TOKEN = 16


def _beyond_guessing(value: Secret) -> Secret:
    if len(value.reveal()) < SHORTEST_TOKEN or not value.reveal().isascii() or not value.reveal().isprintable():
        raise wrong("can be guessed", f"write {SHORTEST_TOKEN} random characters or more, letters and digits")
    return value


Token = Annotated[Secret, AfterValidator(_beyond_guessing)]
"""A token that nobody can guess."""
