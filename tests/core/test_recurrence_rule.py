"""Recurrence rules are read as RFC 5545 writes them, and what it forbids is refused with the mend."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.recurrence_rule import Frequency, RecurrenceRule, read_recurrence_rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FREQ=DAILY", RecurrenceRule(frequency=Frequency.DAILY)),
        ("RRULE:FREQ=DAILY", RecurrenceRule(frequency=Frequency.DAILY)),
        (" freq=weekly;byday=su\n", RecurrenceRule(frequency=Frequency.WEEKLY, weekdays=((6, 0),))),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,TH",
            RecurrenceRule(frequency=Frequency.WEEKLY, interval=2, week_start=6, weekdays=((1, 0), (3, 0))),
        ),
        (
            "FREQ=MONTHLY;BYDAY=1SU,+2MO,-1FR;COUNT=10",
            RecurrenceRule(frequency=Frequency.MONTHLY, weekdays=((6, 1), (0, 2), (4, -1)), count=10),
        ),
        ("FREQ=YEARLY;BYDAY=53MO", RecurrenceRule(frequency=Frequency.YEARLY, weekdays=((0, 53),))),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,-1;BYHOUR=2,14;BYMINUTE=30;BYSECOND=0",
            RecurrenceRule(
                frequency=Frequency.MONTHLY,
                numbers={"BYMONTHDAY": (1, -1), "BYHOUR": (2, 14), "BYMINUTE": (30,), "BYSECOND": (0,)},
            ),
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1",
            RecurrenceRule(frequency=Frequency.MONTHLY, weekdays=((0, 0), (1, 0)), numbers={"BYSETPOS": (-1,)}),
        ),
        (
            "FREQ=DAILY;UNTIL=20261231",
            RecurrenceRule(frequency=Frequency.DAILY, until=datetime.fromisoformat("2026-12-31T23:59:59")),
        ),
        (
            "FREQ=DAILY;UNTIL=20261231T020000",
            RecurrenceRule(frequency=Frequency.DAILY, until=datetime.fromisoformat("2026-12-31T02:00")),
        ),
        (
            "FREQ=DAILY;UNTIL=20261231T020000Z",
            RecurrenceRule(frequency=Frequency.DAILY, until=datetime(2026, 12, 31, 2, tzinfo=UTC)),
        ),
    ],
)
def test_a_rule_is_read(text: str, rule: RecurrenceRule) -> None:
    assert read_recurrence_rule(text) == rule


DAYS = "write MO, TU, WE, TH, FR, SA, SU"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "'' is no part of a rule; write NAME=VALUE;NAME=VALUE, as FREQ=WEEKLY;BYDAY=SU"),
        ("every sunday", "'every sunday' is more than one rule; write FREQ=... alone"),
        ("WEEKLY", "'WEEKLY' is no part of a rule"),
        ("FREQ=WEEKLY;", "'' is no part of a rule"),
        ("FREQ=", "'FREQ=' is no part of a rule"),
        ("BYDAY=SU", "the rule has no FREQ; write FREQ= and one of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY"),
        ("FREQ=SUNDAYS", "there is no FREQ=SUNDAYS; write FREQ= and one of YEARLY"),
        ("FREQ=SECONDLY", "FREQ=SECONDLY occurs more often than once a minute; write MINUTELY or something rarer"),
        ("FREQ=MINUTELY;BYSECOND=0,30", "more often than once a minute; write one second in BYSECOND"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ is there twice; write it once"),
        (
            "FREQ=DAILY;BYEASTER=0",
            "a rule has no part BYEASTER; its parts are FREQ, INTERVAL, COUNT, UNTIL, WKST, BYDAY",
        ),
        ("DTSTART:20261101T020000\nRRULE:FREQ=DAILY", "DTSTART is no part of a rule; write start: beside the rule"),
        ("FREQ=DAILY;DTSTART=20261101T020000", "DTSTART is no part of a rule; write start: beside the rule"),
        ("FREQ=DAILY\nEXDATE:20261101T020000", "is more than one rule; write FREQ=... alone"),
        ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "is more than one rule; write FREQ=... alone"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20261231", "the rule has both COUNT and UNTIL; write one of them"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL cannot be 0; write whole numbers from 1 to 9999"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL cannot be -1"),
        ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL cannot be 1.5"),
        ("FREQ=DAILY;COUNT=0", "COUNT cannot be 0; write whole numbers from 1 to 99999"),
        (f"FREQ=DAILY;COUNT={'9' * 5000}", "COUNT cannot be 999"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR cannot be 24; write whole numbers from 0 to 23"),
        ("FREQ=DAILY;BYHOUR=2,,3", "BYHOUR cannot be ;"),
        ("FREQ=DAILY;BYHOUR=٣", "BYHOUR cannot be ٣"),
        ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE cannot be 60; write whole numbers from 0 to 59"),
        ("FREQ=DAILY;BYSECOND=60", "BYSECOND cannot be 60; write whole numbers from 0 to 59"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH cannot be 13; write whole numbers from 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-1", "BYMONTH cannot be -1"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY cannot be 0; write whole numbers from 1 to 31, or -31 to -1"),
        ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY cannot be -32"),
        ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY cannot be 367"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO cannot be 54"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY does not go with FREQ=WEEKLY; write it with DAILY, HOURLY, MINUTELY"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO does not go with FREQ=MONTHLY; write it with YEARLY, or leave it out"),
        ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY does not go with FREQ=DAILY"),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=1", "BYSETPOS does not go with FREQ=WEEKLY; write it with MONTHLY, YEARLY"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS has nothing to choose from; write another BY beside it, such as BYDAY"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS cannot be 0"),
        ("FREQ=WEEKLY;BYDAY=SUN", f"BYDAY cannot be SUN in FREQ=WEEKLY; {DAYS}"),
        ("FREQ=WEEKLY;BYDAY=1SU", f"BYDAY cannot be 1SU in FREQ=WEEKLY; {DAYS}"),
        ("FREQ=MONTHLY;BYDAY=6SU", f"BYDAY cannot be 6SU in FREQ=MONTHLY; {DAYS}, or with a number from 1 to 5 or -5"),
        ("FREQ=MONTHLY;BYDAY=0SU", "BYDAY cannot be 0SU"),
        ("FREQ=YEARLY;BYDAY=54SU", "BYDAY cannot be 54SU in FREQ=YEARLY"),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", "BYDAY mixes days with a number and days without; write each kind in a rule"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "write BYDAY without numbers"),
        ("FREQ=WEEKLY;WKST=XX", "WKST cannot be XX; write one of MO, TU, WE, TH, FR, SA, SU"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL cannot be TOMORROW; write the last day as 20261231, or the last time as"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL cannot be 20260230"),
        ("FREQ=DAILY;UNTIL=20261231T240000", "UNTIL cannot be 20261231T240000"),
        ("FREQ=DAILY;UNTIL=2026-12-31", "UNTIL cannot be 2026-12-31"),
        ("FREQ=DAILY;UNTIL=20261231T02", "UNTIL cannot be 20261231T02"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_mend(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_recurrence_rule(text)


PIECES = st.sampled_from(
    [
        "FREQ",
        "BYDAY",
        "UNTIL",
        "COUNT",
        "BYHOUR",
        "WKST",
        "=",
        ";",
        ",",
        "-",
        "1",
        "99",
        "SU",
        "DAILY",
        "\n",
        ":",
        "T",
        "é",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_is_a_rule_or_refused_with_a_mend(text: str) -> None:
    assert "; " in refusal(text) or read_recurrence_rule(text).frequency in Frequency


def refusal(text: str) -> str:
    """What is said of a text that is no rule; empty for one that is."""
    try:
        read_recurrence_rule(text)
    except ValueError as error:
        return str(error)
    return ""
