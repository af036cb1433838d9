"""Bad days that the ticket systems of the tests have, and what tests of them are called."""

from slo.demo.vendors.injection import Injection

DOUBTFUL = [
    Injection(reset=True, processed=True),
    Injection(status=502, processed=True),
    Injection(status=201, body="<html>", processed=True),
    Injection(hang_seconds=9, processed=True),
]
"""What was asked for is done, and nobody hears so."""


def shortly(value: object) -> str | None:
    """A bad day in few words, as the name of a test."""
    if not isinstance(value, Injection):
        return None
    return f"{value.status or ('reset' if value.reset else 'hang')}{' processed' if value.processed else ''}"
