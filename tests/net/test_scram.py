"""SCRAM as its RFC shows it; that PostgreSQL takes it, the tests of the probe `sql` say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import Fault
from slo.net.scram import Scram, prepared

CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
CHALLENGE = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def begun() -> Scram:
    """The login of RFC 7677, section 3, whose client names itself; PostgreSQL takes the name from elsewhere."""
    scram = Scram("pencil", nonce=CLIENT_NONCE)
    scram.first = scram.first.replace("n=,", "n=user,")
    return scram


def test_the_example_of_the_rfc() -> None:
    scram = begun()
    assert scram.final(CHALLENGE) == f"c=biws,{CHALLENGE.split(',', maxsplit=1)[0]},p={PROOF}"
    assert not scram.verified
    scram.verify(f"v={SIGNATURE}")
    assert scram.verified


@pytest.mark.parametrize("last", ["", "v=", f"v={PROOF}", "e=other-error", f"v={SIGNATURE[:-4]}"])
def test_a_server_that_does_not_know_the_password(last: str) -> None:
    scram = begun()
    scram.final(CHALLENGE)
    with pytest.raises(Fault, match="does not prove"):
        scram.verify(last)


def test_a_server_that_proves_before_it_is_asked() -> None:
    with pytest.raises(Fault, match="does not prove"):
        begun().verify("v=")


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "r=other,s=W22Z,i=4096",
        f"r={CLIENT_NONCE}x,s=,i=4096",
        f"r={CLIENT_NONCE}x,s=*,i=4096",
        f"r={CLIENT_NONCE}x,s=W22Z",
        f"r={CLIENT_NONCE}x,s=W22Z,i=-1",
        f"r={CLIENT_NONCE}x,s=W22Z,i=0",
        f"r={CLIENT_NONCE}x,s=W22Z,i=200001",
        f"r={CLIENT_NONCE}x,s=W22Z,i={'9' * 5000}",
    ],
)
def test_what_is_no_challenge(challenge: str) -> None:
    with pytest.raises(Fault):
        begun().final(challenge)


@given(st.text())
def test_whatever_a_server_says_is_a_fault_at_most(text: str) -> None:
    for say in (begun().final, begun().verify):
        with pytest.raises(Fault):
            say(text)


@pytest.mark.parametrize(
    ("password", "same"), [("I\u00adX", "IX"), ("user", "user"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")]
)
def test_passwords_are_prepared(password: str, same: str) -> None:
    """The examples of RFC 4013, section 3, and a space of another kind."""
    assert prepared(password) == same


def test_no_two_logins_have_the_same_nonce() -> None:
    assert Scram("a").first != Scram("a").first
