"""Texts come back as texts, whoever reads them."""

import pytest
import yaml

from slo.interop.layout import Dumper


@pytest.mark.parametrize(
    "text",
    ["1e3", "12345E7", "-1.5e+3", "0o17", "0O17", "0X1F", "0b1", "1_000", "1.", ".5", "y", "N", "yes", "null", "~"],
)
def test_what_some_readers_take_for_something_else_than_a_text_is_quoted(text: str) -> None:
    """A commit is called 12345e7, and Kubernetes refuses a resource with a label that is a number."""
    assert yaml.dump([text], Dumper=Dumper) == f"- '{text}'\n"


@pytest.mark.parametrize("text", ["30s", "1h30m", "30d", "acme", "yn", "1e3f", "0x", "v1.2"])
def test_what_everybody_takes_for_a_text_is_plain(text: str) -> None:
    assert yaml.dump([text], Dumper=Dumper) == f"- {text}\n"
