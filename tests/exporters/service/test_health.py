"""Health documents of every version of Spring Boot, and whatever else is sent in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.service.health import DEEPEST, MOST_COMPONENTS, UP, Health, HealthKeys, HealthReading
from tests.exporters.service.answers import answer

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["UP", "DOWN"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "components", "details", "code", "db", "underlyingState"]), inner)
    ),
    max_leaves=20,
)


def read(said: object, *, status: int = 200, **keys: object) -> Health:
    return HealthReading(HealthKeys.model_validate(keys)).read(answer(said, status=status))


def whole(**components: object) -> dict[str, object]:
    return {"status": "UP", "components": components}


@pytest.mark.parametrize(
    ("document", "status", "components"),
    [
        pytest.param({"status": "UP"}, "UP", {}, id="bare"),
        pytest.param(
            {"status": "UP", "components": {"db": {"status": "UP", "details": {"database": "MySQL"}}}},
            "UP",
            {"db": "UP"},
            id="2.2",
        ),
        pytest.param(
            {"status": "DOWN", "details": {"redis": {"status": "DOWN", "details": {"error": "refused"}}}},
            "DOWN",
            {"redis": "DOWN"},
            id="2.0",
        ),
        pytest.param(
            {"status": "UP", "diskSpace": {"status": "UP", "free": 1}, "db": {"status": "OUT_OF_SERVICE"}},
            "UP",
            {"diskSpace": "UP", "db": "OUT_OF_SERVICE"},
            id="1",
        ),
        pytest.param(
            {"status": "UP", "components": {"db": {"status": "UP", "components": {"reader": {"status": "DOWN"}}}}},
            "UP",
            {"db": "UP", "db/reader": "DOWN"},
            id="components of a component",
        ),
        pytest.param(
            {"status": "UP", "components": {"sql": {"status": "UP", "details": {"underlyingState": "DOWN"}}}},
            "UP",
            {"sql": "DOWN"},
            id="up for ever, and down beneath",
        ),
        pytest.param({"status": {"code": "DOWN", "description": "why"}}, "DOWN", {}, id="a status with a description"),
        pytest.param(
            {"status": "UP", "name": "x", "db": {"status": "UP", "free": 1, "reader": {"status": "UP"}}},
            "UP",
            {"db": "UP", "db/reader": "UP"},
            id="1 with plain values, and components of a component",
        ),
    ],
)
def test_documents_of_every_version(document: object, status: str, components: dict[str, str]) -> None:
    health = read(document)
    assert (health.status, health.components) == (status, components)


GOOD = {"status": "UP"}
MAIN = {"main": {"underlyingState": "DOWN"}}


@pytest.mark.parametrize(
    ("document", "unread"),
    [
        pytest.param(whole(db="DOWN", redis=GOOD), "db", id="a text"),
        pytest.param(whole(db={"status": None}, redis=GOOD), "db", id="a null"),
        pytest.param(whole(db={"status": False}, redis=GOOD), "db", id="a truth"),
        pytest.param(whole(db={"status": 1}, x=[], redis=GOOD), "db, x", id="a number and a list"),
        pytest.param(whole(db={"details": {"database": "x"}}, redis=GOOD), "db", id="none"),
        pytest.param(whole(db=GOOD | {"components": {"reader": "DOWN"}}), "db/reader", id="in a component"),
        pytest.param(whole(db=GOOD | {"components": "DOWN"}), "db/components", id="components that are a text"),
        pytest.param({"status": "UP", "details": {"db": "DOWN", "redis": GOOD}}, "db", id="2.0: a text"),
        pytest.param({"status": "UP", "details": {"db": {"status": None}}}, "db", id="2.0: a null"),
        pytest.param({"status": "UP", "db": {"status": None}, "redis": GOOD}, "db", id="1: a null"),
        pytest.param(whole(db=GOOD | {"details": {"underlyingState": False}}), "db", id="false beneath"),
        pytest.param(whole(db=GOOD | {"details": {"underlyingState": None}}), "db", id="null beneath"),
        pytest.param(whole(db=GOOD) | {"underlyingState": 0}, "underlyingState", id="a number beneath the whole"),
    ],
)
def test_a_component_whose_status_cannot_be_read_is_not_healthy(document: object, unread: str) -> None:
    assert read(document).verdict() == ("health_untold", f"there is no status to be read of {unread}")
    assert unread not in read(document, ignored=unread.split(", ")).verdict()[1]


@pytest.mark.parametrize(
    ("document", "ailing"),
    [
        pytest.param(whole(sql=GOOD | {"details": MAIN}), {"sql": "DOWN"}, id="one level down"),
        pytest.param(whole(sql=GOOD | {"details": {"all": [{"a": MAIN}]}}), {"sql": "DOWN"}, id="in a list"),
        pytest.param({"status": "UP", "sql": GOOD | MAIN}, {"sql": "DOWN"}, id="1"),
        pytest.param(
            whole(sql=GOOD | {"details": {"a": {"underlyingState": 1}, "b": MAIN}}),
            {"sql": "DOWN"},
            id="beside one that is no text",
        ),
        pytest.param(
            whole(sql=GOOD | {"components": {"reader": GOOD | {"details": MAIN}}}),
            {"sql/reader": "DOWN"},
            id="of a component of it",
        ),
    ],
)
def test_what_is_beneath_counts_wherever_it_is_said(document: object, ailing: dict[str, str]) -> None:
    assert read(document).ailing == ailing


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(whole(db=GOOD | {"details": {"database": "x", "pool": {"size": 3}}}), id="no statuses"),
        pytest.param(whole(api=GOOD | {"details": {"last": {"status": 200}}}), id="the status of an answer"),
        pytest.param(whole(search=GOOD | {"details": {"status": "green", "nodes": 3}}), id="a status that is a detail"),
        pytest.param({"status": "UP", "name": "x", "tags": ["a"], "db": GOOD}, id="1"),
    ],
)
def test_details_are_no_components(document: object) -> None:
    assert read(document).verdict() == ("ok", "")
    assert len(read(document).components) == 1


@pytest.mark.parametrize(
    ("document", "keys", "reason"),
    [
        (whole(db=GOOD), {}, "status"),
        (GOOD, {}, "status"),
        (GOOD, {"bare": True}, "status"),
        (whole(db="DOWN"), {}, "status"),
        (whole(db={"status": "DOWN"}), {}, "component_down"),
        ({"status": "DOWN", "components": {"db": {"status": "DOWN"}}}, {"ignored": ["db"]}, "ok"),
    ],
)
def test_a_503_is_bad_whatever_the_document_says(document: object, keys: dict[str, object], reason: str) -> None:
    found, detail = read(document, status=503, **keys).verdict()
    assert found == reason
    assert reason != "status" or detail == "503, though the document says UP"


def test_of_too_many_components_some_are_read_and_nothing_is_known_of_the_others() -> None:
    many = {str(number): GOOD for number in range(MOST_COMPONENTS)}
    assert read(whole(**many)).verdict() == ("ok", "")
    told = read(whole(**many, last=GOOD))
    assert len(list(told.samples())) == MOST_COMPONENTS
    assert told.verdict() == ("health_untold", "it has more than 500 components: the others are not read")
    assert read(whole(**many | {"7": {"status": "DOWN"}}, last=GOOD)).verdict() == ("component_down", "7 is DOWN")


def test_components_that_lie_too_deep_are_not_taken_for_healthy() -> None:
    document: dict[str, object] = {"status": "DOWN"}
    for _ in range(DEEPEST + 1):
        document = whole(db=document)
    assert read(document).verdict()[0] == "health_untold"


def test_of_names_that_are_the_same_once_they_are_cut_the_worse_counts() -> None:
    name = "n" * 128
    assert read(whole(**{f"{name}1": {"status": "DOWN"}, f"{name}2": GOOD})).verdict()[0] == "component_down"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is no JSON"),
        (b"<html>", "the body is no JSON"),
        (b"\xff", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b'"UP"', "the body is a JSON document without a status"),
        (b'{"status": ""}', "the body is a JSON document without a status"),
        (b'{"state": "UP"}', "the body is a JSON document without a status"),
    ],
)
def test_what_is_no_such_document_is_told(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read(body)


@given(document=VALUES)
def test_whatever_comes_is_read_or_refused_fuzz(document: object) -> None:
    try:
        health = read(document)
    except ValueError:
        return
    healthy = health.status == UP and bool(health.components) and not health.ailing and not health.unread
    assert (health.verdict()[0] == "ok") == healthy
    assert all(status and len(name) <= 128 for name, status in health.components.items())
