"""The log: one line an event, that a person reads and a program takes apart."""

import logging
import sys

import pytest

from slo.app.logs import LogfmtFormatter


def line(message: str, *arguments: object, **extra: object) -> str:
    """The line of a record, without the time that it begins with."""
    record = logging.LogRecord("slo.router", logging.WARNING, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    time, _, rest = LogfmtFormatter().format(record).partition(" ")
    assert time.startswith("at=")
    return rest


def test_a_record_is_its_fields_and_what_it_was_given_besides() -> None:
    assert line("the journal can be %s again", "read", slots=3, path="/data/ledger.db") == (
        'level=warning logger=slo.router message="the journal can be read again" slots=3 path=/data/ledger.db'
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain-1.2:3/4_5+6@7%8,9", "plain-1.2:3/4_5+6@7%8,9"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "yes"', '"say \\"yes\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("one\nlevel=error two\r", '"one\\nlevel=error two\\r"'),
        ("\x1b[2Jcleared\x00\x9b", '"\\x1b[2Jcleared\\x00\\x9b"'),
        ("line\u2028separator", '"line\\u2028separator"'),
        ("Störung", "Störung"),
    ],
)
def test_a_value_stays_one_value_on_one_line(value: str, shown: str) -> None:
    assert line("m", detail=value).partition("detail=")[2] == shown


def test_a_traceback_follows_on_lines_of_its_own() -> None:
    try:
        raise ValueError("the reason")
    except ValueError:
        record = logging.LogRecord("slo.app", logging.ERROR, __file__, 1, "a fault", (), sys.exc_info())
    first, *rest = LogfmtFormatter().format(record).splitlines()
    assert first.endswith('level=error logger=slo.app message="a fault"')
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ValueError: the reason"
