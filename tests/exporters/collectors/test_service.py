"""The kind `service`, at a server that answers as services do, and as they should not."""

import json
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from exporters.collectors import service
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.hostile import Behaviour, answering, flooding, serving, silent
from tests.probes.looking import Seen, look

FLOOD = flooding(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b" " * 65536)
UP = {"status": "UP", "components": {"db": {"status": "UP"}, "redis": {"status": "UP"}}}
STUCK = {"status": "UP", "components": {"db": {"status": "UP", "details": {"underlyingState": "DOWN"}}}}
DOWN = {"status": "DOWN", "components": {"db": {"status": "DOWN"}, "redis": {"status": "UP"}}}
METRICS = b"queue_depth 3\n"


def saying(document: object, status: bytes = b"200 OK") -> Behaviour:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    head = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n" % (status, len(body))
    return answering(head + body)


async def seen(behaviour: Behaviour, config: Mapping[str, object] | None = None, *, seconds: float = 5.0) -> Seen:
    async with serving(behaviour) as port:
        return await look(service, {"url": f"http://127.0.0.1:{port}/", **(config or {})}, timeout_seconds=seconds)


@pytest.mark.parametrize(
    ("behaviour", "config", "reason", "detail"),
    [
        pytest.param(saying(UP), {}, "ok", "", id="up"),
        pytest.param(saying({"status": "UP"}), {}, "health_untold", "tells of no components", id="bare"),
        pytest.param(saying({"status": "UP"}), {"health": {"bare": True}}, "ok", "", id="bare and known to be"),
        pytest.param(saying(STUCK), {}, "component_down", "db is DOWN", id="up for ever"),
        pytest.param(saying(DOWN, b"503 No"), {}, "component_down", "db is DOWN", id="down"),
        pytest.param(saying(DOWN, b"503 No"), {"health": {"ignored": ["db"]}}, "ok", "", id="down as it may be"),
        pytest.param(
            saying(UP),
            {"health": {"components": ["sql"]}},
            "health_untold",
            "does not tell of sql",
            id="a part missing",
        ),
        pytest.param(saying(UP | {"status": "UNKNOWN"}), {}, "health_down", "the status is UNKNOWN", id="unknown"),
        pytest.param(saying(b"<html>login</html>"), {}, "health_unreadable", "no JSON", id="a login page"),
        pytest.param(saying(UP, b"404 Not Found"), {}, "status", "404, not 200 or 503", id="404"),
        pytest.param(saying(UP, b"503 No"), {}, "status", "503, though the document says UP", id="503 and up"),
        pytest.param(saying({"state": "on"}), {"document": {"expect": {"$.state": "on"}}}, "ok", "", id="JSON"),
        pytest.param(
            saying({"state": "off"}),
            {"document": {"expect": {"$.state": "on"}}},
            "json",
            '"off"',
            id="other JSON",
        ),
        pytest.param(saying(METRICS), {"metrics": {}}, "ok", "", id="metrics"),
        pytest.param(saying(b""), {"metrics": {}}, "health_untold", "no metrics", id="empty metrics"),
        pytest.param(
            saying(METRICS + b"queue_depth 4\n"), {"metrics": {}}, "health_unreadable", "two values", id="two"
        ),
        pytest.param(
            saying(METRICS),
            {"metrics": {"expect": [{"series": "queue_depth", "at_most": 2}]}},
            "value",
            "queue_depth is 3, not at most 2",
            id="metrics out of bounds",
        ),
        pytest.param(saying(b"<html>"), {"metrics": {}}, "health_unreadable", "no metrics", id="no metrics"),
        pytest.param(
            flooding(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b" " * 65536),
            {},
            "body_too_large",
            "",
            id="flood",
        ),
    ],
)
async def test_what_a_service_says_is_judged(
    behaviour: Behaviour, config: Mapping[str, object], reason: str, detail: str
) -> None:
    found = await seen(behaviour, config)
    assert found.reason == reason
    assert detail in found.judgement.detail
    assert found.value("watchkeep_service_up") == float(reason == "ok")


async def test_a_service_that_hangs_is_down_by_its_deadline() -> None:
    found = await seen(silent, seconds=0.2)
    assert found.reason == "response_timeout"
    assert found.value("watchkeep_service_up") == 0


async def test_components_are_served_and_shown() -> None:
    found = await seen(saying(DOWN, b"503 No"))
    assert found.value("watchkeep_service_component_up", component="db") == 0
    assert found.value("watchkeep_service_component_up", component="redis") == 1
    assert found.findings["health"] == "DOWN"
    assert found.findings["redis"] == "UP"


async def test_metrics_are_served_on_as_they_came() -> None:
    assert (await seen(saying(METRICS), {"metrics": {}})).value("queue_depth") == 3


async def test_a_round_that_did_not_come_about_says_that_it_is_down() -> None:
    context = Context.default(SteadyClock())
    try:
        check = service.build(service.Config.of("http://service.example/"), context)
        assert [(sample.name, sample.value) for sample in check.samples(Fault("timeout"))] == [
            ("watchkeep_service_up", 0)
        ]
        await check.aclose()
    finally:
        await context.close()


def test_one_answer_has_one_form() -> None:
    with pytest.raises(ValidationError, match="has health and metrics"):
        service.Config.model_validate({"url": "http://service.example/", "health": {}, "metrics": {}})


def test_metrics_of_the_service_s_own_have_no_type_here() -> None:
    said = {name: family.type for name in ("watchkeep_service_up", "queue_depth") if (family := service.family(name))}
    assert said == {"watchkeep_service_up": "gauge", "queue_depth": "untyped"}
