"""Whoever reads a reason at night is told what to look at first."""

import pytest

from slo.core.hints import HINTS, hint_of
from slo.core.reason import REASONS, State


def test_every_reason_but_good_has_a_hint() -> None:
    assert [name for name, reason in REASONS.items() if bool(hint_of(name)) is (reason.state is State.GOOD)] == []


def test_no_hint_is_for_a_reason_that_there_is_not() -> None:
    assert [key for key in HINTS if not any(name == key or name.startswith(key) for name in REASONS)] == []


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("tls_expired", "renew the certificate"),
        ("tls_reset", "the server's log of the handshake"),
        ("timeout", "the target's own log"),
        ("cancelled", "this watch, not at the target"),
    ],
)
def test_a_reason_without_a_hint_has_that_of_its_family_or_of_its_state(reason: str, says: str) -> None:
    assert says in hint_of(reason)


@pytest.mark.parametrize(
    ("reason", "forms"),
    [
        ("health_untold", ("show-details", "path", "series")),
        ("health_unreadable", ("/actuator/health", "JSON", "metrics")),
        ("json", ("`expect.json`", "`document.expect`")),
    ],
)
def test_what_several_forms_share_names_each(reason: str, forms: tuple[str, ...]) -> None:
    assert [form for form in forms if form not in hint_of(reason)] == []
