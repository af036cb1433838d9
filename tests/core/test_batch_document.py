"""A batch comes out of JSON as it went in; of what is none, the place is said, and nothing else happens."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.batch import Batch, Gone, Observed, Record
from slo.core.batch_document import LONGEST_TEXT, MOST_LABELS, batch_of, document_of, document_of_batch, record_of
from slo.core.outcome import Outcome
from slo.core.reason import REASONS, state_of

AT = datetime(2026, 1, 1, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
lines = texts.filter(str.isprintable)
names = lines.filter(bool)
times = st.datetimes(timezones=st.just(UTC))
seconds = st.floats(0, 1e6)
labels = st.dictionaries(texts, texts, max_size=3)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    reason = draw(st.sampled_from(sorted(REASONS)))
    return Outcome(
        check=draw(names),
        target=draw(names),
        module=draw(names),
        at=draw(times),
        state=state_of(reason),
        reason=reason,
        phases=draw(st.dictionaries(lines, seconds, max_size=3)),
        detail=draw(lines),
        duration_seconds=draw(seconds),
        lateness_seconds=draw(seconds),
        labels=draw(st.dictionaries(lines, lines, max_size=3)),
        vantage_point=draw(lines),
        number=draw(st.integers(0, 2**63 - 1)),
        extra=draw(st.booleans()),
    )


samples = st.none() | st.lists(st.tuples(labels, st.floats(allow_nan=False)), max_size=3).map(tuple)
scraped = st.builds(
    Observed, outcome=outcomes(), samples=samples.filter(lambda each: each is not None), looked_for=st.frozensets(texts)
)
records: st.SearchStrategy[Record] = (
    st.builds(Observed, outcome=outcomes(), samples=samples)
    | scraped
    | st.builds(Gone, check=names, target=names, at=times)
)


@given(
    st.builds(
        Batch,
        agent=names,
        boot=names,
        first=st.integers(0, 2**60),
        records=st.lists(records).map(tuple),
        sent=st.none() | times,
    )
)
def test_a_batch_comes_out_as_it_went_in(batch: Batch) -> None:
    understood = batch_of(json.loads(json.dumps(document_of_batch(batch), allow_nan=False)))
    assert (understood.batch, understood.refused) == (batch, {})
    assert understood.following == batch.first + len(batch.records)


def test_a_sample_that_is_no_number_stays_none() -> None:
    observed = Observed(outcome=an_outcome(), samples=(({}, math.nan),))
    record = record_of(json.loads(json.dumps(document_of(observed), allow_nan=False)))
    assert isinstance(record, Observed)
    assert record.samples is not None
    assert math.isnan(record.samples[0][1])


def an_outcome() -> Outcome:
    return Outcome(check="a", target="b", module="tcp", at=AT, state=state_of("ok"), reason="ok", number=1)


def test_a_time_of_another_zone_is_the_same_time() -> None:
    document = document_of(Gone(check="a", target="b", at=AT))
    document["gone"]["at"] = "2026-01-01T02:00:00+02:00"
    assert record_of(document) == Gone(check="a", target="b", at=AT)


def test_records_that_cannot_be_read_are_told_and_the_others_are_there() -> None:
    good, bad = document_of(Observed(outcome=an_outcome())), document_of(Observed(outcome=an_outcome()))
    bad["outcome"]["reason"] = "from_the_future"
    understood = batch_of({"agent": "n", "boot": "b", "first": 5, "records": [bad, good, 3]})
    assert list(understood.batch.records) == [Observed(outcome=an_outcome())]
    assert list(understood.refused) == [0, 2]
    assert "update the watch first" in understood.refused[0]
    assert understood.names == {0: {"check": "a", "target": "b"}, 2: {}}
    assert understood.following == 8


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"state": "bad"}, "state is bad, and ok is good"),
        ({"state": "great"}, "state is neither good, bad nor unknown"),
        ({"reason": 7}, "reason is no text"),
        ({"check": ""}, "check is empty"),
        ({"target": "x" * (LONGEST_TEXT + 1)}, f"target is longer than {LONGEST_TEXT} characters"),
        ({"detail": "a\ud800"}, "detail is no text: half of a character stands in it"),
        ({"at": "2026-01-01T00:00:00"}, "at is no time with a zone"),
        ({"at": "yesterday"}, "at is no time with a zone"),
        ({"at": "0001-01-01T00:00:00+23:00"}, "at is no time with a zone"),
        ({"number": -1}, "number is no number of a row"),
        ({"number": True}, "number is no number of a row"),
        ({"number": 2**63}, "number is no number of a row"),
        ({"duration_seconds": -1}, "duration_seconds is no number of seconds"),
        ({"duration_seconds": 10**400}, "duration_seconds is more than a day"),
        ({"duration_seconds": 1e308}, "duration_seconds is more than a day"),
        ({"lateness_seconds": 86_401}, "lateness_seconds is more than a day"),
        ({"phases": {"connect": 1e39}}, "connect is more than a day"),
        ({"duration_seconds": math.nan}, "duration_seconds is no number of seconds"),
        ({"phases": [1]}, "phases is no object"),
        ({"phases": {str(number): 1 for number in range(256)}}, "there are 256 phases, more than 255"),
        ({"labels": {"a": 1}}, "a is no text"),
        (
            {"labels": {str(number): "" for number in range(MOST_LABELS + 1)}},
            f"there are {MOST_LABELS + 1} labels, more than {MOST_LABELS}",
        ),
    ],
)
def test_what_is_wrong_with_an_outcome_is_said(change: dict[str, object], why: str) -> None:
    document = document_of(Observed(outcome=an_outcome()))
    document["outcome"] |= change
    with pytest.raises(ValueError, match="^" + why.replace("(", r"\(") + "$"):
        record_of(document)


@pytest.mark.parametrize("record", [None, {"gone": 7}, {"outcome": {"check": 7, "target": ""}}])
def test_a_record_without_a_name_has_none(record: object) -> None:
    assert batch_of({"agent": "n", "boot": "b", "first": 0, "records": [record]}).names == {0: {}}


def test_what_no_terminal_should_be_sent_is_an_escape_in_every_text_that_people_are_shown() -> None:
    raw, shown = "a\x1b[31mb\u202e", "a\\x1b[31mb\\u202e"

    def with_text(text: str) -> Observed:
        same: dict[str, Any] = {"check": text, "target": text, "module": text, "detail": text, "vantage_point": text}
        mappings: dict[str, Any] = {"labels": {text: text}, "phases": {text: 1.0}}
        return Observed(outcome=replace(an_outcome(), **same, **mappings))

    assert record_of(document_of(with_text(raw))) == with_text(shown)
    assert record_of(document_of(Gone(check=raw, target=raw, at=AT))) == Gone(check=shown, target=shown, at=AT)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "the document is no object"),
        ({"agent": "n", "boot": "b", "first": 0}, "records is no list"),
        ({"agent": "", "boot": "b", "first": 0, "records": []}, "agent is empty"),
        ({"agent": "n" * 254, "boot": "b", "first": 0, "records": []}, "agent is longer than 253 characters"),
        ({"agent": "n", "boot": None, "first": 0, "records": []}, "boot is no text"),
        ({"agent": "n", "boot": "b", "first": 0.5, "records": []}, "first is no number of a row"),
    ],
)
def test_what_is_no_batch_is_refused_whole(document: object, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        batch_of(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
keys = st.sampled_from([*document_of(Observed(outcome=an_outcome()))["outcome"], "phases", "labels", "extra", "detail"])


@given(
    change=st.dictionaries(keys, json_values | st.just(10**400) | st.text(), max_size=3),
    samples=json_values,
    beside=st.dictionaries(st.sampled_from(["agent", "boot", "first", "records", "more"]), json_values, max_size=2),
)
def test_whatever_comes_is_read_or_refused(change: dict[str, Any], samples: object, beside: dict[str, Any]) -> None:
    outcome = document_of(Observed(outcome=an_outcome()))["outcome"] | change
    record = {"outcome": outcome, "samples": samples}
    gone = {"gone": {"check": "a", "target": "b", "at": "2026-01-01T00:00:00Z"} | change}
    try:
        understood = batch_of({"agent": "n", "boot": "b", "first": 0, "records": [record, gone]} | beside)
    except ValueError:
        return
    for each in understood.batch.records:
        at = each.at if isinstance(each, Gone) else each.outcome.at
        assert at.utcoffset() == timedelta(0)
        json.dumps(document_of(each), allow_nan=False).encode()
