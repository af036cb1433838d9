"""Exclusions over HTTP: made, listed and taken back, with a token."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from slo.core.exclusion import Exclusion, Once
from slo.errors import StoreBusy, UsageError
from slo.web.exclusions import exclusion_document
from tests.core.test_exclusion_events import AT, ONCE, WEEKLY, exclusion
from tests.web.served import WITH_TOKEN, Answer, Served, served
from tests.web.watches import FakeWatch, a_busy_watch

KEYS = {
    "name": "patching",
    "reason": "Machines are patched.",
    "author": "kim",
    "slos": ["gate-availability"],
    "labels": {"customer": "acme"},
    "start": "2026-03-01T08:00+01:00",
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
    path: str = "/api/v1/exclusions",
    headers: Mapping[str, str] = WITH_TOKEN,
) -> Answer:
    return site.ask("POST", path, body=json.dumps(body).encode(), headers=headers)


def test_an_exclusion_is_made_with_the_keys_of_the_configuration(site: Served, watch: FakeWatch) -> None:
    answer = posted(site, KEYS)
    assert answer.status == 201
    made = exclusion(Once(start=ONCE.start, end=ONCE.end))
    assert [replace(each, created_at=AT) for each in watch.excluded] == [made]
    document = answer.document
    assert document.pop("warnings") == ["it is for none of the SLOs that there are: nothing is excluded"]
    assert site.get("/api/v1/exclusions").document == {"exclusions": [document]}
    assert answer.document["start"] == "2026-03-01T07:00:00Z"


def test_one_for_an_slo_that_is_there_is_made_without_a_warning() -> None:
    with served(a_busy_watch()) as site:
        assert posted(site, KEYS | {"slos": ["gate-availability"], "labels": {}}).document["warnings"] == []
        named = posted(site, KEYS | {"slos": [], "labels": {"service": "orca"}, "silence": True})
        assert (named.status, named.document["warnings"]) == (201, [])


def test_nothing_is_excluded_without_a_token(site: Served, watch: FakeWatch) -> None:
    assert posted(site, KEYS, headers={}).status == 401
    assert watch.excluded == []


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"start": "soon"}, {"path": "start"}),
        ({"duration": None}, {"path": ""}),
        ({"colour": "red"}, {"path": "colour"}),
        ({"silence": True, "slos": [], "labels": {}}, {"path": "silence"}),
        ({"name": "a/b"}, {"path": "name"}),
        ({"rule": "FREQ=SECONDLY", "start": "2026-03-01T08:00"}, {"path": ""}),
    ],
)
def test_a_body_with_faults_is_refused_with_them(site: Served, keys: dict[str, object], fault: dict[str, str]) -> None:
    answer = posted(site, KEYS | keys)
    assert answer.status == 400
    assert [each["path"] for each in answer.document["faults"]] == [fault["path"]]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("there is an exclusion patching already: give it another name"), 409),
        (StoreBusy("journal.db: held"), 503),
    ],
)
def test_what_the_watch_refuses_is_told(site: Served, watch: FakeWatch, error: Exception, status: int) -> None:
    watch.refuses = error
    for path, body in (
        ("/api/v1/exclusions", KEYS),
        ("/api/v1/exclusions/patching", {"action": "withdraw", "by": "kim"}),
    ):
        answer = posted(site, body, path=path)
        assert (answer.status, answer.document["error"]) == (status, str(error))


def test_an_exclusion_is_taken_back_by_a_person(site: Served, watch: FakeWatch) -> None:
    watch.excluded.append(exclusion())
    body = {"action": "withdraw", "by": "kim", "why": "it was tomorrow"}
    assert posted(site, body, path="/api/v1/exclusions/patching").status == 200
    assert (watch.excluded, watch.withdrawn) == ([], [("patching", "kim", "it was tomorrow")])


@pytest.mark.parametrize(
    ("when", "now", "active", "following"),
    [
        (ONCE, AT, False, None),
        (ONCE, AT - timedelta(hours=4), True, "2026-03-01T07:00:00Z"),
        (ONCE, AT - timedelta(hours=6), False, "2026-03-01T07:00:00Z"),
        (WEEKLY, AT, False, "2026-03-08T02:00:00Z"),
        (WEEKLY, datetime(2026, 3, 29, 2, tzinfo=UTC), True, "2026-03-29T01:00:00Z"),
    ],
    ids=["over", "now", "ahead", "next week", "in summer time"],
)
def test_the_state_of_an_exclusion_is_told(when: Once, now: datetime, following: str | None, *, active: bool) -> None:
    document = exclusion_document(exclusion(when), now)
    assert document["active"] is active
    assert (document["next"] or {"start": None})["start"] == following  # type: ignore[index]


def test_an_exclusion_of_the_configuration_has_no_time_of_making() -> None:
    configured: Exclusion = replace(exclusion(), created_at=None)
    assert exclusion_document(configured, AT)["created_at"] is None
