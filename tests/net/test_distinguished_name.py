"""Names of certificates read as those of Go do; tests/blackbox holds the same against the exporter itself."""

import pytest
from cryptography.x509 import Name, NameAttribute, NameOID, ObjectIdentifier, RelativeDistinguishedName

from slo.net.distinguished_name import name_text

OID = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME} | {
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "email": NameOID.EMAIL_ADDRESS,
    "serial": NameOID.SERIAL_NUMBER,
    "custom": ObjectIdentifier("1.2.3.4"),
}


def name(*pairs: tuple[str, str]) -> Name:
    return Name([NameAttribute(OID[kind], value) for kind, value in pairs])


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (name(), ""),
        (name(("C", "DE"), ("O", "Example"), ("CN", "www.example.org")), "CN=www.example.org,O=Example,C=DE"),
        (name(("CN", "www"), ("C", "DE"), ("serial", "7")), "SERIALNUMBER=7,CN=www,C=DE"),
        (name(("OU", "a"), ("O", "x"), ("OU", "b")), "OU=a+OU=b,O=x"),
        (name(("ST", "BE"), ("L", "Berlin"), ("O", "x"), ("CN", "www")), "CN=www,O=x,L=Berlin,ST=BE"),
        (name(("CN", "first"), ("CN", "last")), "CN=last"),
        (name(("O", '#a,b+c"d\\e<f>g;h=i#')), 'O=\\#a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i#'),
        (name(("O", "  x  ")), "O=\\  x \\ "),
        (name(("O", "Žluťoučký")), "O=Žluťoučký"),
        (
            name(("DC", "org"), ("CN", "www"), ("DC", "example")),
            "CN=www,0.9.2342.19200300.100.1.25=#13076578616d706c65,0.9.2342.19200300.100.1.25=#13036f7267",
        ),
        (name(("email", "a@b.example")), "1.2.840.113549.1.9.1=#0c0b6140622e6578616d706c65"),
        (name(("custom", "x" * 200)), "1.2.3.4=#1381c8" + "78" * 200),
    ],
)
def test_a_name_as_text(subject: Name, text: str) -> None:
    assert name_text(subject) == text


def test_attributes_that_stand_together_are_taken_for_themselves() -> None:
    together = RelativeDistinguishedName([NameAttribute(OID["CN"], "www"), NameAttribute(OID["O"], "Example")])
    assert name_text(Name([together])) == "CN=www,O=Example"
