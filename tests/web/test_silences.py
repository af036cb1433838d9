"""Silences over HTTP: made, listed and ended, with a token."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from slo.core.exclusion import Exclusion
from slo.core.silence import silence_of
from slo.errors import StoreBusy, UsageError
from slo.web.silences import silence_document
from tests.core.test_silence import AT, ONCE, SUNDAYS, silence
from tests.web.served import WITH_TOKEN, Answer, Served, served
from tests.web.watches import AT as MADE
from tests.web.watches import FakeWatch, a_busy_watch, opened

KEYS = {
    "name": "move",
    "match": ["service=gate", 'severity!="page"'],
    "reason": "The gate moves.",
    "owner": "kim",
    "start": "2026-03-01T12:00+01:00",
    "duration": "2h",
}


@pytest.fixture
def watch() -> FakeWatch:
    return FakeWatch()


@pytest.fixture
def site(watch: FakeWatch) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def posted(
    site: Served,
    body: Mapping[str, object],
    *,
    path: str = "/api/v1/silences",
    headers: Mapping[str, str] = WITH_TOKEN,
) -> Answer:
    return site.ask("POST", path, body=json.dumps(body).encode(), headers=headers)


def test_a_silence_is_made_with_the_keys_of_the_configuration(site: Served, watch: FakeWatch) -> None:
    answer = posted(site, KEYS)
    assert answer.status == 201
    (made,) = watch.silences.made
    assert (made.matchers, made.owner, made.when) == (silence().matchers, "kim", ONCE)
    document = answer.document
    del document["warnings"]
    assert site.get("/api/v1/silences").document == {"silences": [document]}
    assert document == {
        "name": "move",
        "match": ['service="gate"', 'severity!="page"'],
        "reason": "The gate moves.",
        "owner": "kim",
        "created_at": "2026-01-01T00:01:30Z",
        "exclusion": None,
        "start": "2026-03-01T11:00:00Z",
        "end": "2026-03-01T13:00:00Z",
        "active": False,
        "next": None,
    }


def test_nothing_is_silenced_without_a_token(site: Served, watch: FakeWatch) -> None:
    assert posted(site, KEYS, headers={}).status == 401
    assert watch.silences.made == []


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"owner": ""}, "owner"),
        ({"match": []}, "match"),
        ({"match": ["service"]}, "match.0"),
        ({"match": ['service=~".*"']}, ""),
        ({"duration": None}, ""),
        ({"rule": "FREQ=DAILY", "start": "2026-03-01T08:00"}, ""),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_body_with_faults_is_refused_with_them(site: Served, keys: dict[str, object], path: str) -> None:
    answer = posted(site, KEYS | keys)
    assert answer.status == 400
    assert answer.document["faults"][0]["path"] == path


@pytest.mark.parametrize(
    ("matchers", "warnings"),
    [
        (["service=gate"], []),
        (["service=gate", "severity=ticket"], []),
        (["team=~.+"], []),
        (["service=gat"], ['no SLO has an alert with service="gat": did you mean gate?']),
        (
            ["service=gate", "slo=orca-latency"],
            ["no SLO has an alert that fulfils all of these matchers together, and no open incident does"],
        ),
        (["slo=of-somebody-else"], []),
    ],
)
def test_one_that_hides_nothing_that_is_known_is_made_with_a_warning(matchers: list[str], warnings: list[str]) -> None:
    watch = a_busy_watch()
    watch.events.append(opened("7", slo="of-somebody-else"))
    with served(watch) as site:
        assert posted(site, KEYS | {"match": matchers}).document["warnings"] == warnings


def test_one_is_ended_early_by_a_person(site: Served, watch: FakeWatch) -> None:
    posted(site, KEYS)
    path = "/api/v1/silences/move"
    assert posted(site, {"action": "expire", "by": ""}, path=path).status == 400
    assert posted(site, {"action": "expire", "by": "kim", "why": "it is done"}, path=path).document["name"] == "move"
    assert watch.silences.ended == [("move", "kim", "it is done")]
    assert site.get("/api/v1/silences").document == {"silences": []}


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError("there is a silence move already"), 409), (StoreBusy("the disk is full"), 503)]
)
def test_what_the_watch_refuses_is_said(site: Served, watch: FakeWatch, error: Exception, status: int) -> None:
    watch.silences.refuses = error
    for body, path in ((KEYS, "/api/v1/silences"), ({"action": "expire", "by": "kim"}, "/api/v1/silences/move")):
        answer = posted(site, body, path=path)
        assert (answer.status, answer.document["error"]) == (status, str(error))


def test_one_that_recurs_says_when_next_and_one_of_an_exclusion_says_so() -> None:
    document = silence_document(silence(when=SUNDAYS), AT)
    assert (document["active"], document["next"]) == (
        False,
        {"start": "2026-03-08T02:00:00Z", "end": "2026-03-08T04:00:00Z"},
    )
    patching = Exclusion(
        name="patching", reason="Patches.", author="kim", created_at=MADE, when=ONCE, slos=("gate",), silence=True
    )
    document = silence_document(silence_of(patching), AT + timedelta(minutes=1))
    assert (document["exclusion"], document["match"], document["active"]) == ("patching", ['slo="gate"'], True)
