"""Whatever the API server does, a cluster is never good because nothing is known of it, and what is known is judged."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from tests.daemonset.api_server import APIServer, Trouble, answering, cutting, halving, hanging, saying
from tests.daemonset.cluster_objects import daemon_set, node
from tests.daemonset.statuses import internal_error, too_many_requests
from tests.daemonset.viewing import GOOD, viewing

BAD_NODES = ("bad", "nodes_unavailable")
UNTOLD = ("unknown", "cluster_untold")
PERMISSION = ("unknown", "permission")


@pytest.mark.parametrize(
    ("resource", "rule"),
    {
        "daemonsets": '{apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["list", "watch"]}',
        "pods": '{apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]}',
        "horizontalpodautoscalers": (
            '{apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: ["list", "watch"]}'
        ),
        "spinnakerservices": (
            '{apiGroups: ["spinnaker.io"], resources: ["spinnakerservices"], verbs: ["list", "watch"]}'
        ),
    }.items(),
)
async def test_a_part_that_may_not_be_looked_at_is_unknown_and_the_others_are_judged(
    resource: str, rule: str, tmp_path: Path
) -> None:
    async with APIServer() as server:
        server.forbid("list", resource)
        async with viewing(server, tmp_path) as viewed:
            facts = await viewed.look()
            (judgement,) = viewed.collector.judge(facts)
            assert (judgement.state, judgement.reason) == PERMISSION
            assert rule in judgement.detail
            known = {
                labels["part"]: value for labels, value in viewed.samples(facts, "watchkeep_kubernetes_part_known")
            }
            assert sorted(known.values()) == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
            server.nodes.put(node(ready="False"))
            last = resource == "spinnakerservices"
            await viewed.sees(*((BAD_NODES, PERMISSION) if last else (PERMISSION, BAD_NODES)))
            server.nodes.put(node())
            server.allow("list", resource)
            await viewed.sees(GOOD)


TROUBLES: Mapping[str, Trouble] = {
    "too many requests": answering(too_many_requests(1)),
    "an error": answering(internal_error()),
    "a connection that is reset": cutting,
    "half of a list": halving,
    "no document": saying(b"<html>a proxy</html>"),
    "another document": saying(b'{"kind": "Status"}'),
    "objects that are none": saying(b'{"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {}}]}'),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
async def test_a_part_that_is_not_told_is_unknown_until_it_is(trouble: Trouble, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.next("list daemonsets", trouble)
        async with viewing(server, tmp_path) as viewed:
            assert await viewed.judged() == [UNTOLD]
            await viewed.sees(GOOD)


async def test_a_list_that_hangs_holds_up_no_round(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.next("list daemonsets", hanging)
        async with viewing(server, tmp_path) as viewed:
            facts = await viewed.look(seconds=0.5)
            (judgement,) = viewed.collector.judge(facts)
            assert judgement.detail == "daemonsets: the API server has told nothing of them yet"
            assert viewed.samples(facts, "watchkeep_kubernetes_api_ready") == [({}, 1.0)]


async def test_a_version_that_was_forgotten_costs_one_more_list(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path, parts=["nodes"]) as viewed:
        assert await viewed.judged() == [GOOD]
        await viewed.watches()
        server.nodes.pass_by()
        server.nodes.compact()
        server.end()
        await viewed.until(lambda: server.lists == 2 and server.open_watches == 1)
        server.nodes.put(node(ready="False"))
        await viewed.sees(BAD_NODES)


async def test_a_watch_that_falls_silent_is_believed_for_a_while_only(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path) as viewed:
        assert await viewed.judged() == [GOOD]
        await viewed.watches()
        server.freeze()
        viewed.leap(minutes=2)
        assert await viewed.judged() == [GOOD]
        viewed.leap(minutes=2)
        facts = await viewed.look()
        judgements = viewed.collector.judge(facts)
        assert [(each.state, each.reason) for each in judgements] == [UNTOLD] * 5
        assert judgements[0].detail.startswith("daemonsets: the API server has told nothing of them for 4m")
        assert viewed.samples(facts, "kube_node_spec_unschedulable") == []


async def test_rubbish_is_no_news(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path, parts=["nodes"]) as viewed:
        assert await viewed.judged() == [GOOD]
        await viewed.watches()
        server.next("list", *[saying(b"{}")] * 1000)
        server.nodes.pass_by()
        server.nodes.compact()
        server.end()
        await viewed.until(lambda: server.lists >= 3)
        assert await viewed.judged() == [GOOD]
        viewed.leap(minutes=4)
        await viewed.until(lambda: server.lists >= 5)
        (judgement,) = viewed.collector.judge(await viewed.look())
        assert (judgement.state, judgement.reason) == UNTOLD
        assert "malformed" in judgement.detail
        server.clear()
        await viewed.sees(GOOD)


async def test_a_right_that_is_taken_away_is_named_once_the_view_is_too_old(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path, parts=["nodes"]) as viewed:
        assert await viewed.judged() == [GOOD]
        await viewed.watches()
        for verb in ("list", "watch"):
            server.forbid(verb, "nodes")
        server.end()
        await viewed.until(lambda: server.watches >= 3)
        assert await viewed.judged() == [GOOD]
        viewed.leap(minutes=4)
        await viewed.sees(PERMISSION)
        for verb in ("list", "watch"):
            server.allow(verb, "nodes")
        await viewed.sees(GOOD)


async def test_a_trouble_that_is_over_explains_no_later_silence(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.forbid("list", "nodes")
        async with viewing(server, tmp_path, parts=["nodes"]) as viewed:
            assert await viewed.judged() == [PERMISSION]
            server.allow("list", "nodes")
            await viewed.sees(GOOD)
            await viewed.watches()
            server.freeze()
            viewed.leap(minutes=4)
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert judgement.detail.startswith("nodes: the API server has told nothing of them for 4m")
            assert "permission" not in judgement.detail


async def test_an_api_server_that_restarts_is_bad_and_then_looked_at_again(tmp_path: Path) -> None:
    server = APIServer()
    async with server, viewing(server, tmp_path) as viewed:
        assert await viewed.judged() == [GOOD]
        await viewed.watches()
        await server.__aexit__(None, None, None)
        assert await viewed.judged() == [("bad", "connect_refused")]
        server.nodes.put(node(ready="False"))
        await server.__aenter__()
        await viewed.sees(BAD_NODES)
        server.nodes.put(node())
        await viewed.sees(GOOD)


async def test_a_token_that_has_expired_is_refused_until_there_is_another_in_its_file(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path) as viewed:
        assert await viewed.judged() == [GOOD]
        server.reject(viewed.token_file.read_text().strip())
        await viewed.sees(("bad", "auth_refused"))
        server.accept("another")
        viewed.token_file.write_text("another")
        await viewed.sees(GOOD)
        viewed.token_file.write_text("")
        await viewed.sees(UNTOLD)


READYZ: Mapping[str, tuple[Trouble, tuple[str, str], str]] = {
    "not ready": (
        saying(b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]log failed: disk full\nreadyz check failed\n", 500),
        ("bad", "not_ready"),
        "/readyz says 500: etcd failed: reason withheld; log failed: disk full",
    ),
    "a proxy before it": (saying(b"no healthy upstream", 503), ("bad", "not_ready"), "/readyz says 503"),
    "too much to do": (answering(too_many_requests(1)), UNTOLD, "too much to do"),
    "elsewhere": (saying(b"", 302, Location="https://login.example/"), ("bad", "status"), "/readyz says 302, not 200"),
    "nothing there": (saying(b"", 404), ("bad", "status"), "/readyz says 404, not 200"),
    "a flood": (saying(b"x" * 100_000), ("bad", "body_too_large"), "65536"),
    "a reset": (cutting, ("bad", "response_closed"), ""),
    "a hang": (hanging, ("bad", "response_timeout"), "waited for 127.0.0.1"),
}


@pytest.mark.parametrize(("trouble", "expected", "detail"), READYZ.values(), ids=READYZ.keys())
async def test_what_readyz_says(trouble: Trouble, expected: tuple[str, str], detail: str, tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path) as viewed:
        assert await viewed.judged() == [GOOD]
        server.next("get readyz", trouble)
        facts = await viewed.look(seconds=1.0)
        (judgement,) = viewed.collector.judge(facts)
        assert (judgement.state, judgement.reason) == expected
        assert detail in judgement.detail
        ready = viewed.samples(facts, "watchkeep_kubernetes_api_ready")
        assert ready == ([] if expected[0] == "unknown" else [({}, 0.0)])
        assert "connect" in judgement.phases
        assert await viewed.judged() == [GOOD]


async def test_who_may_not_ask_readyz_is_told_the_rule(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.forbid("get", "readyz")
        async with viewing(server, tmp_path) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert judgement.reason == "permission"
            assert '{nonResourceURLs: ["/readyz"], verbs: ["get"]}' in judgement.detail


async def test_a_mistake_of_a_part_is_raised_once_and_the_part_begun_anew(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.daemon_sets.put(daemon_set())
        async with viewing(server, tmp_path) as viewed:
            assert await viewed.judged() == [GOOD]

            async def mistaken() -> None:
                raise ZeroDivisionError

            viewed.collector._tasks["nodes"].cancel()
            viewed.collector._tasks["nodes"] = asyncio.create_task(mistaken())
            await asyncio.sleep(0)
            with pytest.raises(ZeroDivisionError):
                await viewed.look()
            assert await viewed.judged() == [GOOD]


async def test_it_lets_go_of_the_api_server_at_once(tmp_path: Path) -> None:
    async with APIServer() as server, viewing(server, tmp_path) as viewed:
        await viewed.look()
        await viewed.until(lambda: server.open_watches == 5)
        await viewed.collector.aclose()
        await viewed.until(lambda: server.open_watches == 0)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("cluster view")]


async def test_a_redirect_takes_the_token_nowhere(tmp_path: Path) -> None:
    taken: list[str] = []

    async def note(request: web.Request) -> web.Response:
        taken.append(request.headers.get("Authorization", ""))
        return web.Response(status=200, text="ok")

    application = web.Application()
    application.add_routes([web.route("*", "/{path:.*}", note)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    elsewhere = f"http://127.0.0.1:{runner.addresses[0][1]}/readyz"
    try:
        async with APIServer() as server:
            server.next("get readyz", saying(b"", 307, Location=elsewhere))
            server.next("list nodes", saying(b"", 307, Location=elsewhere))
            async with viewing(server, tmp_path) as viewed:
                assert await viewed.judged() != [GOOD]
                await viewed.sees(GOOD)
    finally:
        await runner.cleanup()
    assert taken == []
