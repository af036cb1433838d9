"""Events of Spinnaker become logs of chosen facts, whatever is in them, and however echo wraps them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.telemetry import Logged
from slo.core.telemetry_document import read, written
from slo.errors import Malformed
from slo.interop.spinnaker import MOST_BRACKETS, MOST_CHARACTERS, event_in, logged, type_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CREATED = NOW - timedelta(seconds=2)
SECRET = "hunter2-of-a-pipeline"


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def an_execution(**keys: object) -> dict[str, Any]:
    return {
        "type": "PIPELINE",
        "id": "01HQWXYZ0000000000000000AA",
        "application": "gate",
        "name": "Deploy to production",
        "pipelineConfigId": "7e0f2b1c-0001-4000-8000-000000000001",
        "status": "SUCCEEDED",
        "canceled": False,
        "startTime": milliseconds(NOW - timedelta(minutes=5)),
        "endTime": milliseconds(NOW - timedelta(seconds=3)),
        "authentication": {"user": "deployer@acme.example", "allowedAccounts": ["prod"]},
        "trigger": {
            "type": "manual",
            "user": "deployer@acme.example",
            "parameters": {"password": SECRET},
            "artifacts": [],
        },
        "stages": [{"type": "deployManifest", "context": {"manifests": [{"stringData": {"key": SECRET}}]}}],
        **keys,
    }


def an_event(kind: str = "orca:pipeline:complete", **content: object) -> dict[str, Any]:
    return {
        "details": {
            "source": "orca",
            "type": kind,
            "created": str(milliseconds(CREATED)),
            "application": "gate",
            "requestHeaders": {"authorization": [SECRET]},
        },
        "content": {"execution": an_execution(), "executionId": "01HQWXYZ0000000000000000AA", **content},
        "rawContent": None,
        "eventId": "5c0f6a0e-0000-4000-8000-000000000001",
    }


STAGE = an_event(
    "orca:stage:failed",
    name="Approve",
    startTime=milliseconds(NOW - timedelta(minutes=1)),
    endTime=milliseconds(NOW - timedelta(seconds=5)),
    context={
        "stageDetails": {"name": "Approve release", "type": "manualJudgment"},
        "judgmentStatus": "stop",
        "lastModifiedBy": "lead@acme.example",
        "exception": {"details": {"errors": [SECRET]}},
    },
)


def the_log(event: object, **labels: str) -> Logged:
    return logged(event_in(json.dumps(event).encode()), installation="acme-production", labels=labels, now=NOW)


def test_a_pipeline_that_has_ended_is_told_with_who_did_what_and_when() -> None:
    log = the_log(an_event(), customer="acme", environment="production")
    assert (log.at, log.dataset, log.action) == (CREATED, "spinnaker.event", "orca:pipeline:complete")
    assert (log.outcome, log.level) == ("success", "info")
    assert log.message == (
        "orca:pipeline:complete: pipeline Deploy to production of gate by deployer@acme.example (SUCCEEDED)"
    )
    assert log.labels == {
        "spinnaker": "acme-production",
        "application": "gate",
        "customer": "acme",
        "environment": "production",
    }
    assert log.fields == {
        "execution_id": "01HQWXYZ0000000000000000AA",
        "execution_type": "PIPELINE",
        "status": "SUCCEEDED",
        "pipeline": "Deploy to production",
        "pipeline_config_id": "7e0f2b1c-0001-4000-8000-000000000001",
        "user": "deployer@acme.example",
        "trigger_type": "manual",
        "canceled": "false",
        "source": "orca",
        "started_at": "2026-03-01T11:55:00+00:00",
        "ended_at": "2026-03-01T11:59:57+00:00",
    }


def test_a_stage_that_failed_is_told_with_who_judged_it() -> None:
    log = the_log(STAGE)
    assert (log.outcome, log.level) == ("failure", "warning")
    facts = {name: log.fields[name] for name in ("stage", "stage_type", "judgment", "judged_by", "started_at")}
    assert facts == {
        "stage": "Approve release",
        "stage_type": "manualJudgment",
        "judgment": "stop",
        "judged_by": "lead@acme.example",
        "started_at": "2026-03-01T11:59:00+00:00",
    }
    assert log.message.startswith("orca:stage:failed: pipeline Deploy to production stage Approve release of gate by ")


def test_an_event_that_has_only_begun_has_no_outcome() -> None:
    log = the_log(an_event("orca:pipeline:starting"))
    assert (log.outcome, log.level) == ("", "info")


@pytest.mark.parametrize("event", [an_event(), STAGE])
def test_nothing_but_the_chosen_facts_gets_out(event: dict[str, Any]) -> None:
    assert SECRET in json.dumps(event)
    assert SECRET.encode() not in written(the_log(event))


def flat(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "details": json.dumps(event["details"]), "content": json.dumps(event["content"])}


@pytest.mark.parametrize(
    "posted",
    [
        flat(an_event()),
        {"eventName": "spinnaker_events", "payload": an_event()},
        {"eventName": "acme", "body": flat(an_event())},
        {"source": "spinnaker", "event": json.dumps(an_event())},
    ],
    ids=["flat", "wrapped", "flat and wrapped", "a template with a text"],
)
def test_an_event_is_the_same_however_echo_writes_it(posted: dict[str, Any]) -> None:
    assert the_log(posted) == the_log(an_event())


def test_an_event_has_one_id_and_others_have_others() -> None:
    def without_id(**content: Any) -> dict[str, Any]:
        event = an_event(**content)
        del event["eventId"]
        return event

    assert the_log(an_event()).id == the_log(an_event()).id
    assert the_log(without_id()).id == the_log(without_id()).id
    events = [an_event(), STAGE, without_id(), without_id(name="other"), {**an_event(), "eventId": "another"}]
    assert len({the_log(event).id for event in events}) == len(events)


@pytest.mark.parametrize("created", [None, "", "soon", -1, True, 10**30, "9" * 400, milliseconds(NOW) * 1000, "1"])
def test_a_time_that_cannot_be_is_now(created: object) -> None:
    event = an_event()
    event["details"]["created"] = created
    assert the_log(event).at == NOW


def test_labels_of_the_installation_are_no_matter_of_its_events() -> None:
    event = an_event()
    event["details"]["application"] = "evil"
    assert the_log(event, application="ours", spinnaker="mine").labels == {"application": "ours", "spinnaker": "mine"}


def test_facts_are_short_and_on_one_line() -> None:
    event = an_event(execution=an_execution(name="a\n\x1b[31mb " * 1000, status=["no", "text"]))
    log = the_log(event)
    assert str(log.fields["pipeline"]).startswith("a [31mb a [31mb")
    assert len(str(log.fields["pipeline"])) <= MOST_CHARACTERS
    assert "status" not in log.fields
    assert log.message.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"details": {}}',
        b'{"details": {"type": {}}}',
        b'{"payload": {"content": {}}}',
        b'{"details": "{not json"}',
        b"[" * 100_000,
        b"[" + b"{}," * MOST_BRACKETS + b"{}]",
        b'{"details": {"type": "a"}, "n": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        event_in(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, _JSON, st.text(min_size=1))
def test_any_content_is_a_log_that_can_be_kept(details: object, content: object, kind: str) -> None:
    event: dict[str, Any] = {"details": {"created": details, "application": details, "type": "x" + kind}}
    execution = {"name": content, "trigger": content, "authentication": {"user": content}, "startTime": content}
    log = the_log({**event, "content": {"execution": execution, "context": content, "startTime": details}})
    assert read(written(log)) == log
    assert log.action == type_of(event_in(json.dumps(event).encode()))
