"""Every event and every message is stored as one text and read back as what it was, or not at all."""

import json
import typing
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core import events
from slo.core.delivery import Action, Message
from slo.core.events import Acknowledged, Event, Opened
from slo.core.policy import Severity
from slo.store.records import UnknownKind, event_from_text, event_to_text, message_from_text, message_to_text
from tests.store.making import FIRING, NOW, at, message, opened

TEXTS = st.text(
    st.characters(codec=None), max_size=20
)  # lone surrogates and NUL included: names of targets may be anything
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=3))])
KINDS = [each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)]
KINDS = [each for each in KINDS if not each.__subclasses__()]


def whole(kind: type) -> st.SearchStrategy[typing.Any]:
    """Records of this kind with every field set, those with defaults too."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: of(hints[field.name]) for field in fields(kind)})


def of(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    if hint is str:
        return TEXTS
    if hint is float:
        return st.floats(allow_nan=False)
    if hint is datetime:
        return st.builds(lambda zone, seconds: at(seconds).astimezone(zone), ZONES, st.floats(-1e9, 1e9))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return st.dictionaries(TEXTS, of(arguments[1]), max_size=3)
    if origin is frozenset:
        return st.frozensets(of(arguments[0]), max_size=3)
    if type(None) in arguments:
        return st.none() | of(arguments[0])
    return whole(hint) if hasattr(hint, "__dataclass_fields__") else st.from_type(hint)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(whole(kind))
    text = event_to_text(event)
    back = event_from_text(text)
    assert back == event
    assert type(back) is kind
    assert back.at.tzinfo is UTC
    assert event_to_text(back) == text, "one record has one text"
    assert text.isascii()
    assert json.loads(text)["kind"] == kind.__name__


@settings(max_examples=25)
@given(data=st.data())
def test_every_message_comes_back_as_it_was(data: st.DataObject) -> None:
    original = data.draw(whole(Message))
    assert message_from_text(message_to_text(original)) == original


def test_an_event_that_could_not_be_read_back_is_never_written() -> None:
    class Invented(Acknowledged):
        pass

    with pytest.raises(TypeError, match="Invented are not listed"):
        event_to_text(Invented(incident="i1", at=NOW, by="a", via="b"))
    assert len(KINDS) >= 8


def test_an_event_reads_as_a_person_would_write_it() -> None:
    event = Acknowledged(incident="i1", at=NOW, by="Zoë", via="page")
    assert event_to_text(event) == (
        '{"acted_at":null,"at":"2026-01-01T12:00:00Z","by":"Zo\\u00eb","incident":"i1","kind":"Acknowledged",'
        '"source":"","via":"page"}'
    )


def test_sets_are_in_order_whatever_order_they_were_made_in() -> None:
    texts = {event_to_text(opened()) for _ in range(3)}
    (text,) = texts
    assert [pair["severity"] for pair in json.loads(text)["firing"]] == ["page", "ticket"]
    assert len(FIRING) == 2


def test_figures_that_are_no_numbers_do_not_lose_an_event() -> None:
    text = event_to_text(opened()).replace("-1.5", "NaN").replace("100.0", "Infinity")
    back = event_from_text(text)
    assert isinstance(back, Opened)
    assert back.evidence.remaining is not None
    assert back.evidence.remaining != back.evidence.remaining
    assert event_to_text(back) == text


def test_a_kind_of_a_newer_version_is_told_apart_from_damage() -> None:
    with pytest.raises(UnknownKind, match="Escalated"):
        event_from_text(event_to_text(opened()).replace('"Opened"', '"Escalated"'))


CHANGES = [
    ("", "", r"Expecting|line 1"),
    ("[]", "", "no object"),
    ('"kind":"Opened"', '"kind":7', "no kind"),
    ('"scope":"",', "", r"lacks \['scope'\]"),
    ('"scope":""', '"scope":null', r"Opened\.scope: it cannot be null"),
    ('"scope":""', '"scope":"","colour":"red"', r"\['colour'\], which this version does not know"),
    ('"generation":1', '"generation":"1"', r"Opened\.generation: it cannot be"),
    ('"generation":1', '"generation":true', r"Opened\.generation: it cannot be true"),
    ('"generation":1', '"generation":1.5', r"Opened\.generation: it cannot be 1.5"),
    ('"at":"2026-01-01T12:00:00Z"', '"at":"2026-01-01T12:00:00"', "has no zone"),
    ('"at":"2026-01-01T12:00:00Z"', '"at":"yesterday"', r"Opened\.at"),
    ('"priority":"P0"', '"priority":"P9"', r"Opened\.priority"),
    ('"window":"30d"', '"window":{}', r"Opened\.evidence: Evidence\.window: it cannot be"),
    ('"5m":100.0', '"5m":"fast"', r"Evidence\.burn_rates: it cannot be"),
]


@pytest.mark.parametrize(("what", "instead", "why"), CHANGES)
def test_a_body_that_was_changed_is_refused_with_the_place(what: str, instead: str, why: str) -> None:
    text = event_to_text(opened())
    assert what in text or what == "[]"
    changed = text.replace(what, instead, 1) if instead or what.endswith(",") else what
    with pytest.raises(ValueError, match=why):
        event_from_text(changed)


def test_a_time_without_a_zone_is_never_written() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        event_to_text(Acknowledged(incident="i1", at=NOW.replace(tzinfo=None), by="a", via="b"))


def test_an_enumeration_comes_back_as_itself() -> None:
    back = message_from_text(message_to_text(message("m1", Action.RESOLVE)))
    assert (type(back.action), type(back.severity)) == (Action, Severity)
