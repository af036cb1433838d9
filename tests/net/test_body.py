"""What a body unfolds to has its bounds, also where a body may be as large as it likes."""

import gzip

import brotli
import pytest

from slo.errors import Fault
from slo.net.body import FREE_BYTES, Body

UNLIMITED = 10**18


def unfold(body: Body) -> None:
    """All that has arrived."""
    while body.unfold():
        assert body.decoded


def test_a_few_bytes_do_not_unfold_to_more_than_the_machine_has() -> None:
    body = Body(limit=UNLIMITED, keep=False)
    body.expect(length=None, encoding="br")
    bomb = brotli.compress(bytes(64 * FREE_BYTES))
    assert len(bomb) < 1000
    body.add(bomb)
    with pytest.raises(Fault) as raised:
        unfold(body)
    assert raised.value.reason == "body_too_large"
    assert (body.received, body.decoded) == (len(bomb), FREE_BYTES)


@pytest.mark.parametrize(
    ("encoding", "encoded", "size"),
    [
        ("gzip", gzip.compress(bytes(16 * FREE_BYTES)), 16 * FREE_BYTES),
        ("br", brotli.compress(bytes(FREE_BYTES)), FREE_BYTES),
    ],
    ids=["as far as deflate is able to", "little enough"],
)
def test_what_compresses_very_well_is_no_bomb(encoding: str, encoded: bytes, size: int) -> None:
    body = Body(limit=UNLIMITED, keep=False)
    body.expect(length=None, encoding=encoding)
    for begin in range(0, len(encoded), 1000):
        body.add(encoded[begin : begin + 1000])
        unfold(body)
    assert body.end() is None
    assert body.decoded == size


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_that_is_refused_is_not_kept(encoding: str) -> None:
    body = Body(limit=FREE_BYTES, keep=True)
    body.expect(length=None, encoding=encoding)
    piece = gzip.compress(bytes(FREE_BYTES)) if encoding else bytes(FREE_BYTES)
    body.add(piece)
    unfold(body)
    assert len(body.content) == FREE_BYTES
    with pytest.raises(Fault):
        body.add(bytes(FREE_BYTES))
    assert body.content == b""
