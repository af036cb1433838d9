"""Scalars are read as what they look like, and what can be read in two ways is refused."""

import contextlib
import re
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.config.scalars import Scalar, ScalarError, read_scalar

ENVIRON = {
    "HOST": "gate.example",
    "PORT": "8080",
    "EMPTY": "",
    "RATIO": "0.5",
    "YES": "yes",
    "KEY": "0123",
    "MONEY": "$1",
}


def read(text: str, *, plain: bool = True, environ: Mapping[str, str] = ENVIRON) -> Scalar:
    return read_scalar(text, plain=plain, environ=environ)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("999999999999999999", 999_999_999_999_999_999),
        ("9999999999999999999", "9999999999999999999"),
        ("0.999", 0.999),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("2.5E-3", 0.0025),
        ("99.9%", "99.9%"),
        ("30s", "30s"),
        ("10.0.0.1", "10.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"),
        ("nothing", "nothing"),
        ("y", "y"),
        ("0a1b2c", "0a1b2c"),
        ("-", "-"),
        ("10:99", "10:99"),
        ("::1", "::1"),
    ],
)
def test_a_plain_scalar_is_what_it_looks_like(text: str, value: Scalar) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["5", "true", "", "no", "012", "~", "1:30"])
def test_what_is_quoted_is_a_text(text: str) -> None:
    assert read(text, plain=False) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no", "no is false to readers of YAML 1.1, write false, or 'no' for the word"),
        ("On", "On is true to readers of YAML 1.1, write true, or 'On' for the word"),
        ("012", "012 is an octal number to readers of YAML 1.1, write 12, or '012' for the text"),
        ("-007", "write -7, or '-007' for the text"),
        ("089", "write 89, or '089' for the text"),
        ("007.50", "write 7.50, or '007.50' for the text"),
        ("+5", "write 5, or '+5' for the text"),
        ("1_000", "write 1000, or '1_000' for the text"),
        ("0x1F", "write it in decimal, or '0x1F'"),
        ("0o17", "write it in decimal, or '0o17'"),
        ("1:30", "1:30 is a number to base 60 in YAML 1.1, write '1:30'"),
        ("127:30:59", "is a number to base 60 in YAML 1.1, quote it if it is a text"),
        (".inf", "is no finite number"),
        ("-.NaN", "is no finite number"),
    ],
)
def test_what_readers_of_yaml_disagree_about_is_refused(text: str, says: str) -> None:
    with pytest.raises(ScalarError) as caught:
        read(text)
    assert says in f"{caught.value.problem}, {caught.value.mend}"


def test_what_may_be_a_secret_is_not_repeated() -> None:
    with pytest.raises(ScalarError) as caught:
        read("0123456789")
    assert "0123456789" not in f"{caught.value.problem}{caught.value.mend}"


@given(
    st.text("0123456789.:_-+eExoxXabfinNyYsSrRuUlLtTF~", min_size=1, max_size=8).filter(lambda text: ": " not in text)
)
def test_whatever_is_not_refused_is_the_same_to_readers_of_yaml_1_1(text: str) -> None:
    """PyYAML, which reads YAML 1.1, agrees; numbers with an exponent and dates are texts to it."""
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag.endswith(("timestamp", "merge", "value")):
        return
    try:
        found = read(text)
    except ScalarError:
        return
    if isinstance(found, float) and re.search("[eE]", text):
        assert found == float(text)
        return
    if isinstance(found, str) and re.fullmatch(r"-?[1-9][0-9]{18,}(\.[0-9]*)?", text):
        return
    assert found == loader.construct_object(yaml.ScalarNode(tag, text))


# Variables


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("https://${HOST}:${PORT}/", "https://gate.example:8080/"),
        ("${PORT}", 8080),
        ("${RATIO}", 0.5),
        ("${PORT:-80}", 8080),
        ("${NOTHING:-80}", 80),
        ("${EMPTY:-80}", 80),
        ("${EMPTY}", ""),
        ("${NOTHING:-}", ""),
        ("${NOTHING:-a b: {c}", "a b: {c"),
        ("${YES}", "yes"),
        ("${KEY}", "0123"),
        ("${MONEY}", "$1"),
        ("$$", "$"),
        ("$${HOST}", "${HOST}"),
        ("$$${HOST}", "$gate.example"),
        ("UP$", "UP$"),
        ("$HOST", "$HOST"),
    ],
)
def test_variables_are_put_in_and_what_comes_out_is_read_again(text: str, value: Scalar) -> None:
    found = read(text)
    assert found == value
    assert isinstance(found, type(value))


def test_a_quoted_variable_is_a_text() -> None:
    assert read("${PORT}", plain=False) == "8080"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("${NOTHING}", "the variable NOTHING is not set, set it, or write a default as ${NOTHING:-...}"),
        ("${PORT", "${ begins a variable, and no } ends it, quote the whole value"),
        ("${NOTHING:-", "${ begins a variable, and no } ends it, quote the whole value"),
        ("${NOTHING:-${PORT}}", "the default of a variable holds another variable"),
        ("${1}", "${ begins a variable, and no name of one follows, write ${NAME}"),
        ("${}", "${ begins a variable, and no name of one follows, write ${NAME}"),
        ("${PORT-80}", "${ begins a variable, and no name of one follows, write ${NAME}"),
    ],
)
def test_a_variable_that_cannot_be_put_in_is_refused(text: str, says: str) -> None:
    with pytest.raises(ScalarError) as caught:
        read(text)
    assert says in f"{caught.value.problem}, {caught.value.mend}"


def test_what_came_from_a_variable_shows_itself_as_it_is_written() -> None:
    assert repr(read("https://${HOST}/")) == "'https://${HOST}/'"


@given(st.text(), st.booleans())
def test_any_text_is_read_or_refused(text: str, plain: bool) -> None:  # noqa: FBT001  what hypothesis draws
    with contextlib.suppress(ScalarError):
        read(text, plain=plain)
