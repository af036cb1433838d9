"""Whatever the API server does, the pods are seen as they are in the end, and it is not asked more than that takes."""

import asyncio
import json
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from daemonset import reflector
from daemonset.api_client import OBJECT_BYTES
from daemonset.reflector import Patience
from tests.certificates import server_context, written
from tests.daemonset import statuses
from tests.daemonset.api_server import APIServer, Trouble, answering, cutting, halving, hanging, saying
from tests.daemonset.cluster import line
from tests.daemonset.following import SHORT, following
from tests.daemonset.making import pod
from tests.daemonset.selectors import Document

NOT_FOUND = statuses.Refused(404, "NotFound", "the server could not find the requested resource")
UNAVAILABLE = statuses.Refused(503, "ServiceUnavailable", "the server is currently unable to handle the request")

TROUBLES: dict[str, tuple[Trouble, str]] = {
    "an error of etcd": (answering(statuses.internal_error()), "server_error"),
    "a server that starts": (answering(UNAVAILABLE), "server_error"),
    "too many requests": (answering(statuses.too_many_requests(1)), "rate_limited"),
    "too many requests, in plain words": (saying(b"Too many requests.\n", 429, Retry_After="1"), "rate_limited"),
    "a token that has expired": (answering(statuses.unauthorized()), "auth_refused"),
    "no such path": (answering(NOT_FOUND), "status"),
    "a redirect": (saying(b"", 302, Location="https://elsewhere.example/"), "status"),
    "a reset": (cutting, "reset"),
    "half an answer": (halving, "reset"),
    "no answer": (hanging, "timeout"),
    "no JSON": (saying(b"<html>\n"), "malformed"),
    "JSON of something else": (saying(b'{"kind":"NodeList"}\n'), "malformed"),
    "a flood of brackets": (saying(b"[" * 100_000 + b"\n"), "malformed"),
    "no text": (saying(b"\xff\xfe\x00\n"), "malformed"),
}


def listed(document: object) -> bytes:
    """A LIST of one object."""
    return json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [document]}).encode()


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES.values(), ids=TROUBLES.keys())
async def test_a_list_that_fails_is_asked_for_again(trouble: Trouble, reason: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        server.next("list", trouble)
        async with following(server, tmp_path, patience=SHORT) as followed:
            await followed.sees("web-1")
            assert followed.reasons == [reason]
        assert (server.lists, server.watches) == (2, 1)


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES.values(), ids=TROUBLES.keys())
async def test_a_watch_that_fails_is_begun_again(trouble: Trouble, reason: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        server.next("watch", trouble)
        async with following(server, tmp_path, patience=SHORT) as followed:
            await followed.until(lambda: followed.faults)
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            assert followed.reasons == [reason]
        unreadable = reason in ("malformed", "status")
        assert (server.lists, server.watches) == (2 if unreadable else 1, 2)


def unread(**metadata: object) -> Document:
    document = pod("odd")
    document["metadata"] |= {"uid": "u", "resourceVersion": "1003", **metadata}
    return document


def without(key: str) -> Document:
    document = unread()
    del document["metadata"][key]
    return document


UNREADABLE: dict[str, Document] = {
    "without a name": without("name"),
    "without a uid": without("uid"),
    "without a version": without("resourceVersion"),
    "without a namespace": without("namespace"),
    "with an empty name": unread(name=""),
    "with labels that are none": unread(labels=["app"]),
    "with a label that is no text": unread(labels={"app": 1}),
    "created at no time": unread(creationTimestamp="yesterday"),
    "without a spec": {key: value for key, value in unread().items() if key != "spec"},
    "without metadata": {"kind": "Pod"},
}


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_object_that_cannot_be_read_leads_to_another_list(document: Document, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.say(line({"type": "ADDED", "object": document}))
            await followed.until(lambda: followed.faults)
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            assert followed.reasons == ["malformed"]
            assert "example.org/note" not in followed.faults[0].detail, "what somebody wrote into a pod is not logged"
        assert (server.lists, server.watches) == (2, 2)


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_a_list_is_taken_whole_or_not_at_all(document: Document, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.cluster.compact()
            server.next("list", saying(listed(document)))
            server.end(statuses.expired(1, 2))
            await followed.until(lambda: followed.faults)
            assert followed.names == ["shop/web-1"]
            await followed.sees("web-1")
            assert followed.reasons == ["malformed"]


LINES: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"<html>\n", "malformed"),
    "an event of no known type": (b'{"type":"RENAMED","object":{}}\n', "malformed"),
    "an event without an object": (b'{"type":"ADDED"}\n', "malformed"),
    "a bookmark without a version": (b'{"type":"BOOKMARK","object":{"metadata":{}}}\n', "malformed"),
    "a line without an end": (b'"' + b"x" * (OBJECT_BYTES + 1), "too_large"),
    "a line that is too long": (b'"' + b"x" * OBJECT_BYTES + b'"\n', "too_large"),
    "an error": (line({"type": "ERROR", "object": statuses.internal_error().document}), "error_event"),
}


@pytest.mark.parametrize(("content", "reason"), LINES.values(), ids=LINES.keys())
async def test_a_line_that_cannot_be_understood_leads_to_another_list(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    async with APIServer() as server:
        async with following(server, tmp_path) as followed:
            await followed.sees()
            server.say(content)
            await followed.until(lambda: followed.faults)
            server.cluster.put(pod("web-1"))
            await followed.sees("web-1")
            assert followed.reasons == [reason]
        assert (server.lists, server.watches) == (2, 2)


@pytest.mark.parametrize("told_in", ["event", "status"])
async def test_a_version_that_is_forgotten_leads_to_another_list(told_in: str, tmp_path: Path) -> None:
    async with APIServer(gone_as_status=told_in == "status") as server:
        cluster = server.cluster
        cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            server.next("watch", cutting)  # long enough for everything to be forgotten
            server.cut()
            await followed.until(lambda: followed.faults)
            cluster.delete("shop", "web-1")
            cluster.put(pod("web-3"))
            cluster.compact()
            await followed.sees("web-2", "web-3")
            assert followed.restarts("expired") == 1
            assert "expired" not in followed.reasons, "it is no failure"
        assert server.lists == 2
        assert server.asked[-2].parameters == {
            "fieldSelector": "spec.nodeName=n1",
            "resourceVersion": "1002",
            "resourceVersionMatch": "NotOlderThan",
        }


async def test_an_error_event_of_410_leads_to_another_list_of_nothing_older(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            server.end(statuses.expired(1, 2))
            await followed.until(lambda: server.watches == 2)
            await followed.sees("web-1", "web-2")
            assert followed.faults == []
        assert server.lists == 2


async def test_a_list_older_than_what_can_be_watched_is_followed_by_the_newest(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        server.lag()
        server.cluster.put(pod("web-2"))
        server.cluster.compact()
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1", "web-2")
        assert server.lists == 2
        assert server.asked[-2].parameters == {"fieldSelector": "spec.nodeName=n1", "limit": "500"}


async def test_a_server_that_is_behind_what_was_seen_is_not_believed(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        server.lag()
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            shown = followed.pods.view.now
            server.say(b"oops\n")
            await followed.until(lambda: server.watches == 2)
            assert followed.pods.view.now is shown, "what it went back to would be another one"
            assert followed.reasons == ["malformed", "server_error"]
        assert server.lists == 3, "from the cache, not older than that, and the newest"


async def test_a_connection_that_breaks_in_a_line_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.cluster.put(pod("web-1", ready=False))
            await followed.until(lambda: not followed.pod("web-1").ready)
            server.cut()
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            assert followed.reasons == ["reset"]
        assert (server.lists, server.watches) == (1, 2)
        assert [each.parameters["resourceVersion"] for each in server.asked] == ["0", "1001", "1002"]


async def test_a_watch_that_the_server_ends_is_no_failure(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            server.end()
            await followed.until(lambda: server.watches == 2)
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            assert followed.faults == []
            assert followed.pods.facts.restarts == {"ended": 1}
        assert server.lists == 1


async def test_a_watch_is_taken_up_from_the_last_bookmark(tmp_path: Path) -> None:
    async with APIServer(bookmark_seconds=0.05) as server:
        async with following(server, tmp_path) as followed:
            await followed.sees()
            for _ in range(5):
                server.cluster.put(pod("other", "n2"))
            server.cluster.compact()
            heard = followed.pods.heard_at
            await followed.until(lambda: followed.pods.heard_at != heard)
            server.cut()
            server.cluster.put(pod("web-1"))
            await followed.sees("web-1")
        assert server.lists == 1


async def test_a_watch_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path, patience=SHORT) as followed:
            await followed.sees("web-1")
            server.freeze()
            server.cluster.put(pod("web-2"))
            await followed.sees("web-1", "web-2")
            assert followed.reasons[0] == "silent"
        assert server.lists == 1


async def test_a_watch_that_does_not_end_when_it_should_is_given_up(tmp_path: Path) -> None:
    async with APIServer(bookmark_seconds=0.1) as server:
        server.endless = True
        async with following(server, tmp_path, patience=Patience(watch_seconds=1.0, grace_seconds=0.1)) as followed:
            await followed.until(lambda: followed.faults)
            server.cluster.put(pod("web-1"))
            await followed.sees("web-1")
            assert followed.reasons == ["overdue"]
        assert (server.lists, server.watches) == (1, 2)


async def test_bytes_that_make_up_no_line_are_no_sign_of_life(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path, patience=SHORT) as followed:
        await followed.sees()
        while not followed.faults:
            server.say(b" ")
            await asyncio.sleep(0.01)
        assert followed.reasons[0] == "silent"


async def test_a_slow_server_is_understood(tmp_path: Path) -> None:
    async with APIServer(slow_seconds=0.02) as server:
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: server.open_watches)
            server.cluster.put(pod("web-1"))
            server.cluster.put(pod("web-2"))
            server.cluster.delete("shop", "web-1")
            await followed.sees("web-2")
            assert followed.faults == []
        assert (server.lists, server.watches) == (1, 1)


@pytest.mark.parametrize(("asked_seconds", "waited_seconds"), [(20, 20), (40, 30), (3600, 30)])
async def test_who_is_asked_to_come_later_comes_later_but_not_much(
    asked_seconds: int, waited_seconds: int, tmp_path: Path
) -> None:
    async with APIServer() as server:
        server.next("list", answering(statuses.too_many_requests(asked_seconds)))
        async with following(server, tmp_path) as followed:
            await followed.sees()
            assert waited_seconds - 0.1 < max(followed.clock.slept) < waited_seconds * 1.1 + 0.1


async def test_pauses_grow_while_the_server_is_away_and_are_never_long(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.next("list", *[cutting] * 12)
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: len(followed.faults) == 12)
            slept = followed.clock.slept
            for attempt, seconds in enumerate(slept[:12]):
                assert min(2**attempt, 30) / 2 - 0.1 <= seconds <= min(2**attempt, 30)


async def test_a_server_that_comes_back_is_asked_for_what_changed_meanwhile(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path) as followed:
            await followed.sees("web-1")
            await server.__aexit__(None, None, None)
            server.cluster.put(pod("web-2"))
            await followed.until(lambda: "connect_refused" in followed.reasons)
            assert followed.names == ["shop/web-1"], "what was known stays"
            await server.__aenter__()
            await followed.sees("web-1", "web-2")
        assert server.lists == 1


async def test_a_token_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        await followed.sees()
        server.accept("the next one")
        followed.token_file.write_text("the next one")
        server.reject("token-of-the-agent")
        server.cut()
        server.cluster.put(pod("web-1"))
        await followed.sees("web-1")
        assert followed.reasons == ["reset"], "nobody was asked with the old one"


async def test_a_token_that_has_expired_is_said_and_its_successor_found(tmp_path: Path) -> None:
    async with APIServer() as server:
        async with following(server, tmp_path) as followed:
            await followed.sees()
            server.reject("token-of-the-agent")
            server.cut()
            await followed.until(lambda: "auth_refused" in followed.reasons)
            assert all("token-of-the-agent" not in str(fault) for fault in followed.faults)
            server.accept("the next one")
            followed.token_file.write_text("the next one\n")
            server.cluster.put(pod("web-1"))
            await followed.sees("web-1")
        assert server.lists == 1


async def test_a_token_that_is_sent_back_is_not_shown(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.next(
            "list", saying(b'{"message":"who is token-of-the-agent?"}', 500), saying(b"token-of-the-agent", 500)
        )
        async with following(server, tmp_path) as followed:
            await followed.sees()
            said = [fault.detail for fault in followed.faults]
            assert said == ["HTTP 500: who is <secret>?", "HTTP 500: <secret>"]


async def test_a_token_that_is_replaced_while_it_is_on_its_way_is_no_failure(tmp_path: Path) -> None:
    async with APIServer() as server:

        async def rotating(_: web.Request) -> web.StreamResponse:
            server.accept("the next one")
            server.reject("token-of-the-agent")
            (tmp_path / "token").write_text("the next one")
            return statuses.unauthorized().response

        server.next("list", rotating)
        async with following(server, tmp_path) as followed:
            await followed.sees()
            assert followed.faults == []
            assert followed.clock.slept[0] <= 0, "it is asked again at once"
        assert server.lists == 2


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no such file"), (b"", "no token"), (b"\xff", "no text"), (b"a\nb", "no token")]
)
async def test_a_file_that_holds_no_token_is_named(content: bytes | None, said: str, tmp_path: Path) -> None:
    async with APIServer() as server, following(server, tmp_path) as followed:
        if content is None:
            followed.token_file.unlink()
        else:
            followed.token_file.write_bytes(content)
        await followed.until(lambda: followed.faults)
        assert followed.reasons[0] == "token"
        assert str(followed.token_file) in followed.faults[0].detail
        assert said in followed.faults[0].detail
        followed.token_file.write_text("token-of-the-agent")
        await followed.sees()


@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_a_missing_rule_of_rbac_is_said_in_words(verb: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.forbid(verb)
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: followed.faults)
            fault = followed.faults[0]
            assert fault.reason == "permission"
            assert f"it may not {verb} pods: " in fault.detail
            assert '{apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]}' in fault.detail
            assert "system:serviceaccount:watchkeep:agent" in fault.detail
            server.allow(verb)
            await followed.sees()


async def test_pages_are_put_together_before_anything_is_shown(tmp_path: Path) -> None:
    async with APIServer(pages_cache=True) as server:
        names = [f"web-{number:04}" for number in range(1100)]
        for name in names:
            server.cluster.put(pod(name))
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: followed.names)
            assert len(followed.names) == len(names)
            await followed.sees(*names)
        assert server.lists == 1
        assert sum("continue" in each.parameters for each in server.asked) == 2


async def test_pages_of_which_one_is_forgotten_are_asked_for_anew(tmp_path: Path) -> None:
    async with APIServer(pages_cache=True) as server:
        for number in range(600):
            server.cluster.put(pod(f"web-{number:04}"))

        async def forgetting(request: web.Request) -> web.StreamResponse:
            server.cluster.put(pod("web-9999"))
            server.cluster.compact()
            return await server.answer(request)

        server.next("list", server.answer, forgetting)
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: followed.pods.view.known)
            assert len(followed.names) == 601
            assert followed.restarts("expired") == 1
        assert server.lists == 2


async def test_a_list_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "LIST_BYTES", 10_000)
    async with APIServer() as server:
        for number in range(20):
            server.cluster.put(pod(f"web-{number:02}"))
        async with following(server, tmp_path) as followed:
            await followed.until(lambda: followed.faults)
            assert followed.reasons[0] == "too_large"
            assert not followed.pods.view.known
            for number in range(1, 20):
                server.cluster.delete("shop", f"web-{number:02}")
            await followed.sees("web-00")


async def test_over_tls_the_authority_of_the_cluster_alone_is_trusted(tmp_path: Path) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    (tmp_path / "theirs").mkdir()
    async with APIServer(tls=server_context(ours, "127.0.0.1")) as server:
        server.cluster.put(pod("web-1"))
        async with following(server, tmp_path, ca_file=Path(written(ours, tmp_path))) as followed:
            await followed.sees("web-1")
        async with following(server, tmp_path, ca_file=Path(written(theirs, tmp_path / "theirs"))) as followed:
            await followed.until(lambda: followed.faults)
            assert followed.reasons[0] == "tls_verify"
            assert followed.names == []


async def test_an_authority_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    ca_file = Path(written(theirs, tmp_path))
    async with (
        APIServer(tls=server_context(ours, "127.0.0.1")) as server,
        following(server, tmp_path, ca_file=ca_file) as followed,
    ):
        await followed.until(lambda: followed.faults)
        (tmp_path / "next").mkdir()
        Path(written(ours, tmp_path / "next")).replace(ca_file)
        await followed.sees()
        assert set(followed.reasons) == {"tls_verify"}
