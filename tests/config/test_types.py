"""How values are written, and what they become."""

import pickle
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from slo.config.types import (
    HTTPURL,
    Duration,
    HostPort,
    Objective,
    Pattern,
    PositiveDuration,
    Ratio,
    Secret,
    Size,
    size_name,
    wrong,
)
from tests.config.making import Look, Told


def made(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


def complaint(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        made(kind, value)
    (error,) = caught.value.errors()
    return error["msg"]


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (Duration, "1h30m", timedelta(minutes=90)),
        (Duration, "0s", timedelta(0)),
        (Duration, 0, timedelta(0)),
        (Duration, timedelta(seconds=3), timedelta(seconds=3)),
        (Ratio, "2%", Fraction(2, 100)),
        (Ratio, "2 %", Fraction(2, 100)),
        (Ratio, 0.02, Fraction(2, 100)),
        (Ratio, "0.02", Fraction(2, 100)),
        (Ratio, 1e-7, Fraction(1, 10**7)),
        (Ratio, "100%", Fraction(1)),
        (Ratio, 0, Fraction(0)),
        (Objective, "99.9%", Fraction(999, 1000)),
        (Objective, "99.999%", Fraction(99999, 100000)),
        (Objective, 0.999, Fraction(999, 1000)),
        (Objective, ".5", Fraction(1, 2)),
        (Size, "0B", 0),
        (Size, "2GB", 2_000_000_000),
        (Size, "1.5 MiB", 1_572_864),
        (HostPort, "db.example:3306", HostPort("db.example", 3306)),
        (HostPort, "[::1]:443", HostPort("::1", 443)),
        (HTTPURL, "https://host.example:8443/path?q=1#top", "https://host.example:8443/path?q=1#top"),
        (HTTPURL, "http://[::1]/", "http://[::1]/"),
    ],
)
def test_a_value_is_read(kind: Any, written: object, value: object) -> None:
    assert made(kind, written) == value


@pytest.mark.parametrize(
    ("kind", "written", "says"),
    [
        (Duration, 30, "30 is no duration, write its unit: 30s if you mean seconds"),
        (Duration, "30", "'30' is no duration, write it with units"),
        (Duration, -5, "-5 is no duration, write it with units"),
        (Duration, True, "true is no duration, write it with units"),
        (Duration, "11y", "'11y' is longer than ten years, write less"),
        (PositiveDuration, "0s", "is no time at all"),
        (Ratio, 99.9, "99.9 is no ratio between 0 and 1, write 99.9% if you mean a percentage"),
        (Ratio, "99.9", "99.9 is no ratio between 0 and 1, write 99.9% if you mean a percentage"),
        (Ratio, 2, "2 is no ratio between 0 and 1, write 2% if you mean a percentage"),
        (Ratio, "101%", "101% is more than the whole"),
        (Ratio, "-1%", "'-1%' is no share"),
        (Ratio, "\u0661%", "'\u0661%' is no share"),
        (Ratio, True, "true is no share"),
        (Ratio, ["2%"], "a list is no share"),
        (Objective, "100%", "is 100 %, which leaves no error budget"),
        (Objective, 1, "is 100 %, which leaves no error budget"),
        (Objective, "0%", "is 0 %, which promises nothing"),
        (Size, 2000, "2000 is no size, write it with its unit"),
        (Size, "2gb", "'2gb' is no size"),
        (HostPort, "::1:443", "'::1:443' is no HOST:PORT"),
        (HostPort, "db.example:65536", "'db.example:65536' is no HOST:PORT"),
        (HostPort, "https://db.example:1", "'https://db.example:1' is no HOST:PORT"),
        (HTTPURL, "host.example", "'host.example' is no URL of http or https"),
        (HTTPURL, "http://", "'http://' is no URL of http or https with a host"),
        (HTTPURL, "http://a\n/", "holds a space or a control character"),
        (HTTPURL, "http://a:0/", "is no URL of http or https with a host"),
        (HTTPURL, "http://user:secret@a/", "holds credentials, and URLs are shown"),
        (HTTPURL, "htps://user:secret@a/", "holds credentials, and URLs are shown"),
        (HTTPURL, "user:secret@a", "holds credentials, and URLs are shown"),
        (Pattern, "(", "is no regular expression of RE2: missing ): ("),
        (Pattern, 5, "5 is not a text"),
        (Secret, "", "is empty"),
        (Secret, 1.5, "is not a text, write the secret in quotes"),
        (Secret, True, "is not a text, write the secret in quotes"),
        (Secret, ["x"], "is not a single value"),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_what_to_write(kind: Any, written: object, says: str) -> None:
    assert says in complaint(kind, written)


@given(st.integers(0, 10**6))
def test_a_percentage_and_a_ratio_are_the_same_share_exactly(millionths: int) -> None:
    share = Fraction(millionths, 10**6)
    assert made(Ratio, f"{millionths / 10**4:.4f}%") == share
    assert made(Ratio, millionths / 10**6) == share


@given(st.integers(1, 10**15))
def test_a_size_is_read_as_what_it_is_named(size: int) -> None:
    assert made(Size, size_name(size)) == size if size < 10**12 else size_name(size)


def test_a_pattern_searches_texts_and_bytes_that_are_no_text() -> None:
    pattern = Pattern.compile(r'"status"\s*:\s*"UP"')
    assert pattern.search(b'\xff\xfe{"status": "UP"}')
    assert pattern.search('{"status":"UP"}')
    assert not pattern.search(b'{"status": "DOWN"}')
    assert pattern == Pattern.compile(pattern.text)
    assert repr(pattern) == 'Pattern(\'"status"\\\\s*:\\\\s*"UP"\')'


# Secrets


def test_a_secret_is_never_shown() -> None:
    config = Told.model_validate({"key": "hunter2"})
    assert config.key.reveal() == "hunter2"
    for shown in (str(config.key), repr(config.key), f"{config.key}", repr(config), str(config.model_dump())):
        assert "hunter2" not in shown
        assert "<secret>" in shown
    assert "hunter2" not in config.model_dump_json()
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(config.key)


def test_a_secret_that_is_a_number_is_its_digits() -> None:
    assert Told.model_validate({"key": 1234567890}).key.reveal() == "1234567890"


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize("content", [b"hunter2", b"hunter2\n", b"hunter2\r\n"])
def test_a_secret_is_read_from_a_file_beside_the_configuration(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    config = Told.model_validate({"key_file": "key"}, context={"folder": tmp_path, "files": set()})
    assert config.key.reveal() == "hunter2"


def test_a_secret_inside_a_section_has_its_file_too(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    keys = {"url": "http://a/", "credentials": {"user": "watch", "password_file": str(tmp_path / "password")}}
    credentials = Look.model_validate(keys).credentials
    assert credentials
    assert credentials.password.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"key_file": "none"}, "/none is no file"),
        ({"key_file": "."}, " is no file"),
        ({"key_file": "empty"}, "/empty is empty"),
        ({"key_file": "large"}, "/large is larger than a secret can be"),
        ({"key_file": "binary"}, "/binary is no text in UTF-8"),
        ({"key_file": 5}, "is not the path of a file"),
        ({"key_file": "a\0b"}, "is no file"),
        ({"key_file": "none", "key": "x"}, "is given twice, as key and as key_file"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, keys: dict[str, object], says: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValidationError) as caught:
        Told.model_validate(keys, context={"folder": tmp_path, "files": set()})
    (error,) = caught.value.errors()
    assert error["loc"] == ("key",)
    assert says in error["msg"]


def test_a_device_that_never_ends_is_not_read_as_a_secret() -> None:
    with pytest.raises(ValidationError, match="is no file"):
        Told.model_validate({"key_file": "/dev/zero"})


# Sections


def test_values_are_taken_as_they_are_written() -> None:
    for wrongly in ({"status": ["200"]}, {"strict": "yes"}, {"strict": 1}, {"status": [True]}, {"headers": {"a": 5}}):
        with pytest.raises(ValidationError):
            Look.model_validate({"url": "http://a/"} | wrongly)


def test_a_list_becomes_a_tuple_and_nothing_can_be_set() -> None:
    config = Look.model_validate({"url": "http://a/", "status": [200, 204]})
    assert config.status == (200, 204)
    with pytest.raises(ValidationError, match="frozen"):
        config.status = (500,)  # type: ignore[misc]


def test_a_validator_says_what_is_wrong_and_what_to_write() -> None:
    assert str(wrong("is {odd}", "write 1")) == "is {odd}, write 1"
    assert str(wrong("is odd")) == "is odd"
