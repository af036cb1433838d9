"""A body is the same however it is cut and unfolded, and one that unfolds to a lot lets all others go on meanwhile."""

import asyncio
import gzip
import zlib
from pathlib import Path

import brotli
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from slo.config.tls import TLSSettings
from slo.net import http1, http2
from slo.net.attempt import Attempt, Endpoint
from slo.net.body import SLICE_BYTES
from slo.net.context import Context
from slo.net.decoding import decoder_for
from slo.runner.clock import SteadyClock
from tests.net.test_http1 import CUTS, split
from tests.services import StartNginx

PLAIN = st.one_of(
    st.binary(max_size=300), st.builds(lambda piece, n: piece * n, st.binary(max_size=5), st.integers(0, 9_000))
)


def _raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "gzip, several members": lambda data: gzip.compress(data[:7]) + gzip.compress(b"") + gzip.compress(data[7:]),
    "deflate": zlib.compress,
    "deflate, raw": _raw_deflate,
    "br": brotli.compress,
}


@pytest.mark.parametrize("encoder", ENCODERS)
@given(plain=PLAIN, cuts=CUTS, limit=st.integers(1, 2000), missing=st.sampled_from([0, 0, 1]))
def test_a_body_is_the_same_in_whatever_slices(
    encoder: str, plain: bytes, cuts: list[int], limit: int, missing: int
) -> None:
    encoded = ENCODERS[encoder](plain)
    decoder = decoder_for(encoder.partition(",")[0])
    assert decoder is not None
    decoded, largest = b"", 0
    for piece in split(encoded[: len(encoded) - missing], cuts):
        slices = [decoder.decode(piece, limit)]
        while decoder.pending:
            slices.append(decoder.decode(b"", limit))
        decoded += b"".join(slices)
        largest = max(largest, *map(len, slices))
    assert decoder.complete is not bool(missing)
    assert decoded == plain if not missing else plain.startswith(decoded)
    assert encoder == "br" or largest <= limit


SIZE = 12_000_000
ENCODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
PLAIN_BODY = b"".join((b"%07d\n" % number) * 200 for number in range(SIZE // 1600))

SERVED = """
    root {folder};
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/cert.pem;
    default_type text/plain;
    location /gzip {{ add_header Content-Encoding gzip; }}
    location /deflate {{ add_header Content-Encoding deflate; }}
    location /br {{ add_header Content-Encoding br; }}
"""


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("listen", ["", "ssl", "ssl http2"])
async def test_a_body_that_unfolds_to_megabytes_lets_others_go_on(
    nginx: StartNginx, tmp_path: Path, encoding: str, listen: str
) -> None:
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / encoding).write_bytes(ENCODINGS[encoding](PLAIN_BODY))
    server = nginx(SERVED.format(folder=tmp_path), listen=listen)
    version = http2.Exchange if "http2" in listen else http1.Exchange
    turn, unfolded = 0, dict[int, int]()

    class Watched(version):  # type: ignore[valid-type,misc]
        """Counts what it unfolds in each turn of the event loop."""

        def received(self, data: bytes) -> bool:
            before = self._body.decoded
            busy: bool = super().received(data)
            unfolded[turn] = unfolded.get(turn, 0) + self._body.decoded - before
            return busy

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def go(attempt: Attempt) -> None:
        tls = TLSSettings(ca_file=str(tmp_path / "ca.pem")) if listen else None
        connection = await attempt.connect(
            exchange, Endpoint(host="localhost", port=server.port, tls=tls, alpn=("h2",) if "http2" in listen else ())
        )
        if isinstance(exchange, http2.Exchange):
            exchange.ask(
                connection.write, method="GET", scheme="https", authority="x", resource=f"/{encoding}", headers=()
            )
        else:
            connection.write(f"GET /{encoding} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        await exchange.wait()
        connection.close()

    context = Context.default(SteadyClock())
    exchange = Watched(head=False, max_body=SIZE, keep_body=True, on_head=lambda *_: True)
    meanwhile = asyncio.create_task(others())
    attempt = Attempt(context)
    reached = await attempt.run(go(attempt), context.clock.monotonic() + 60)
    meanwhile.cancel()
    await context.close()
    assert reached.fault is None
    assert exchange.response is not None
    assert exchange.response.body == PLAIN_BODY
    assert max(unfolded.values()) <= 2 * SLICE_BYTES
