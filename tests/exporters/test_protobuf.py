"""Protocol Buffers are read as they are written, and what is none is refused."""

import contextlib

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from hypothesis import given
from hypothesis import strategies as st

from exporters.protobuf import fields, tag, text, varint


@given(st.text(), st.integers(0, 2**31 - 1))
def test_a_message_is_what_the_official_package_makes_of_it(name: str, number: int) -> None:
    official = FieldDescriptorProto(name=name, number=number)
    assert text(tag(1), name) + tag(3, wire_type=0) + varint(number) == official.SerializeToString()
    assert list(fields(official.SerializeToString())) == [(1, name.encode()), (3, number)]


def test_fields_of_a_fixed_size_are_bytes() -> None:
    message = tag(2, wire_type=1) + bytes(8) + tag(4, wire_type=5) + b"abcd"
    assert list(fields(message)) == [(2, bytes(8)), (4, b"abcd")]


@pytest.mark.parametrize("message", [b"\x0a", b"\x0a\x05abc", b"\xff" * 11, b"\x00", b"\x0b", b"\x09abc", b"<html>"])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"field|number"):
        list(fields(message))


@given(st.binary())
def test_any_bytes_are_a_message_or_none(message: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert all(number > 0 for number, _ in fields(message))
