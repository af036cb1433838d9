"""Contexts of TLS: made once, and anew when their files are replaced."""

import os
from pathlib import Path

import pytest
import trustme

from slo.config.tls import TLSSettings
from slo.net.tls import TLSContexts
from tests.certificates import written


def rewrite(path: Path, content: bytes, *, at: int) -> None:
    """Replace a file, as a rotation does; its time is set, so that the clock's grain does not matter."""
    path.write_bytes(content)
    os.utime(path, ns=(at, at))


def authorities(contexts: TLSContexts, settings: TLSSettings) -> set[str]:
    """The serial numbers of the authorities that are trusted."""
    return {str(each["serialNumber"]) for each in contexts.get(settings).get_ca_certs()}


def test_a_context_is_made_once() -> None:
    contexts = TLSContexts()
    assert contexts.get(TLSSettings()) is contexts.get(TLSSettings(server_name="other.example"))
    assert contexts.get(TLSSettings()) is not contexts.get(TLSSettings(), alpn=("http/1.1",))


def test_an_authority_that_is_rotated_is_trusted_from_the_next_round_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, contexts = Path(written(trustme.CA(), tmp_path)), TLSContexts()
    settings = TLSSettings(ca_file=str(path))
    first, context = authorities(contexts, settings), contexts.get(settings)
    assert contexts.get(settings) is context
    rewrite(path, b"half a fi", at=1)
    assert contexts.get(settings) is context, "what cannot be used replaces nothing"
    assert contexts.get(settings) is context
    assert [record.message for record in caplog.records] == ["TLS files changed and cannot be used: the old ones stay"]
    rewrite(path, trustme.CA().cert_pem.bytes(), at=2)
    second = authorities(contexts, settings)
    assert len(first) == len(second) == 1
    assert first != second
    path.unlink()
    assert authorities(contexts, settings) == second
