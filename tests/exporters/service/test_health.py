"""Health documents of every version of Spring Boot, and whatever else is sent in their place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.service.health import MOST_COMPONENTS, UP, HealthKeys, read_health

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["UP", "DOWN"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "components", "details", "code", "db", "underlyingState"]), inner)
    ),
    max_leaves=20,
)


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
        pytest.param({"status": "UP", "components": {"db": {"status": 1}, "x": []}}, "UP", {}, id="no statuses"),
    ],
)
def test_documents_of_every_version(document: object, status: str, components: dict[str, str]) -> None:
    health = read_health(json.dumps(document).encode(), HealthKeys())
    assert (health.status, health.components) == (status, components)


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
        (
            json.dumps(
                {"status": "UP", "components": {str(n): {"status": "UP"} for n in range(MOST_COMPONENTS + 1)}}
            ).encode(),
            "it has more than 500 components",
        ),
    ],
)
def test_what_is_no_such_document_is_told(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_health(body, HealthKeys())


@given(document=VALUES)
def test_whatever_comes_is_read_or_refused_fuzz(document: object) -> None:
    try:
        health = read_health(json.dumps(document).encode(), HealthKeys())
    except ValueError:
        return
    assert (health.verdict()[0] == "ok") == (health.status == UP and bool(health.components) and not health.ailing)
    assert all(status and len(name) <= 128 for name, status in health.components.items())
