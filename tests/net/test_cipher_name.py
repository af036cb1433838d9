"""Ciphers have the names that IANA has given them."""

import ssl
import subprocess

import pytest

from slo.net.cipher_name import iana_name
from tests.services import program


@pytest.mark.parametrize(
    ("openssl", "iana"),
    [
        ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-ECDSA-AES256-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("DHE-RSA-AES128-SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
        ("DHE-RSA-AES256-CCM8", "TLS_DHE_RSA_WITH_AES_256_CCM_8"),
        ("AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
        ("CAMELLIA128-SHA256", "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    ],
)
def test_the_name_of_a_cipher(openssl: str, iana: str) -> None:
    assert iana_name(openssl) == iana


def test_every_cipher_that_we_may_agree_on_has_its_name() -> None:
    command = [program("openssl", package="openssl"), "ciphers", "-stdname", "ALL@SECLEVEL=0"]
    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names = {openssl: iana for iana, _, openssl, *_ in map(str.split, rows)}
    context = ssl.create_default_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    offered = [cipher["name"] for cipher in context.get_ciphers()]
    with_certificate = [name for name in offered if not any(word in name for word in ("PSK", "SRP"))]
    assert {name: iana_name(name) for name in with_certificate} == {name: names[name] for name in with_certificate}
