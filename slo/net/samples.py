"""What every probe over TCP has to say for `/metrics`, in the names of the blackbox exporter."""

from collections.abc import Iterator

from slo.core.sample import Sample
from slo.net.attempt import Reached
from slo.net.certificate import Handshake, earliest_expiry, read_certificate
from slo.net.cipher_name import iana_name

_VERSIONS = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def connection_samples(reached: Reached) -> Iterator[Sample]:
    """How the name was resolved and what to, and what TLS showed."""
    if "resolve" in reached.phases:
        yield Sample("probe_dns_lookup_time_seconds", reached.phases["resolve"])
    address = reached.address
    if address is not None or "resolve" in reached.phases:  # zeros for a name without an address
        yield Sample("probe_ip_protocol", address.version if address else 0)
        yield Sample("probe_ip_addr_hash", fnv32a(address.packed) if address else 0)
    if reached.handshake is not None:
        yield from handshake_samples(reached.handshake)


def phase_samples(name: str, reached: Reached) -> Iterator[Sample]:
    """How long each phase took that was reached, as metrics of this name."""
    for phase, seconds in reached.phases.items():
        yield Sample(name, seconds, {"phase": phase})


def handshake_samples(handshake: Handshake) -> Iterator[Sample]:
    """The certificates, also of a handshake that failed on them, and what was agreed on."""
    if expiry := earliest_expiry(handshake.presented):
        yield Sample("probe_ssl_earliest_cert_expiry", expiry.timestamp())
    if expiry := earliest_expiry(handshake.verified):
        yield Sample("probe_ssl_last_chain_expiry_timestamp_seconds", expiry.timestamp())
    if handshake.presented and (leaf := read_certificate(handshake.presented[0])):
        yield Sample(
            "probe_ssl_last_chain_info",
            1,
            labels={
                "fingerprint_sha256": leaf.sha256,
                "subject": leaf.subject,
                "issuer": leaf.issuer,
                "subjectalternative": ",".join(leaf.dns_names),
                "serialnumber": leaf.serial,
            },
        )
    if handshake.version:
        version = _VERSIONS.get(handshake.version, handshake.version)
        yield Sample("probe_tls_version_info", 1, {"version": version})
    if handshake.cipher:
        yield Sample("probe_tls_cipher_info", 1, {"cipher": iana_name(handshake.cipher)})


def chain_samples(handshake: Handshake) -> Iterator[Sample]:
    """Every certificate. `chain` is what was presented, or what was verified; the leaf has position 0."""
    for chain, certificates in (("presented", handshake.presented), ("verified", handshake.verified)):
        for position, der in enumerate(certificates):
            if read := read_certificate(der):
                labels = {
                    "chain": chain,
                    "position": str(position),
                    "subject": read.subject,
                    "issuer": read.issuer,
                    "serialnumber": read.serial,
                    "subjectalternative": ",".join(read.names),
                    "key": read.key,
                    "signature_hash": read.signature_hash,
                    "fingerprint_sha256": read.sha256,
                }
                expiry = read.not_after.timestamp()
                yield Sample("probe_tls_certificate_expiry_timestamp_seconds", expiry, labels)


def fnv32a(data: bytes) -> int:
    """The hash FNV-1a in 32 bits, http://www.isthe.com/chongo/tech/comp/fnv/."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
