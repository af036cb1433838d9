"""Modules of the prober `websocket`, which Debian's exporter does not have yet."""

from typing import Any

import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection

from probes import websocket
from slo.interop.blackbox.websocket import Options, target_of
from tests.probes.looking import look
from tests.probes.test_websocket import websockets_server

OPTIONS = {
    "preferred_ip_protocol": "ip4",
    "ip_protocol_fallback": False,
    "http_config": {
        "tls_config": {"insecure_skip_verify": True},
        "basic_auth": {"username": "watch", "password": "s3cret"},
        "follow_redirects": True,
        "enable_http2": True,
    },
    "headers": {
        "X-Should-Be-Sent": {"values": ["true"], "secrets": ["also"]},
        "Sec-WebSocket-Protocol": {"values": ["graphql-ws, chat"]},
    },
    "query_response": [{"expect": "^incoming_(.*)$", "send": "outgoing_${1}"}, {"expect": "^passed"}],
}


def config(options: dict[str, Any], target: str) -> websocket.Config:
    """Ours, as a module with these options has it for a target."""
    return websocket.Config.model_validate({"url": target_of(target), **Options.model_validate(options).keys})


async def test_a_module_is_done_by_our_kind() -> None:
    seen: dict[str, list[str]] = {}

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        seen.update({name: headers.get_all(name) for name in ("X-Should-Be-Sent", "Authorization")})
        await connection.send("incoming_test")
        if await connection.recv() == "outgoing_test":
            await connection.send("passed")
        await connection.wait_closed()

    async with websockets_server(handler, subprotocols=["chat"]) as port:
        asked = config(OPTIONS, f"ws://127.0.0.1:{port}/")
        found = await look(websocket, {name: getattr(asked, name) for name in asked.model_fields_set})
    assert found.reason == "ok", found.judgement.detail
    assert seen == {"X-Should-Be-Sent": ["true", "also"], "Authorization": ["Basic d2F0Y2g6czNjcmV0"]}


def test_what_a_module_says_is_kept() -> None:
    ours = config(OPTIONS, "wss://live.example/feed")
    assert (ours.ip_protocol, ours.ip_protocol_fallback) == ("ip4", False)
    assert ours.subprotocols == ("graphql-ws", "chat")
    assert ours.tls.insecure_skip_verify
    assert "s3cret" not in repr(ours)


@pytest.mark.parametrize(
    ("client", "header"),
    [
        ({"bearer_token": "abc"}, "Bearer abc"),
        ({"authorization": {"credentials": "abc"}}, "Bearer abc"),
        ({"authorization": {"type": "Token", "credentials": "abc"}}, "Token abc"),
        ({}, None),
    ],
)
def test_credentials_are_sent_as_there(client: dict[str, Any], header: str | None) -> None:
    sent = dict(config({"http_config": client}, "ws://localhost/").sent_headers)
    assert sent.get("Authorization") == header


@pytest.mark.parametrize("options", [{"headers": {"X": "plain"}}, {"http_config": {"oauth": {}}}, {"tls_config": {}}])
def test_a_key_that_the_exporter_does_not_have_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


async def test_the_smallest_module_asks_for_no_more_than_the_upgrade() -> None:
    async with websockets_server(lambda connection: connection.wait_closed()) as port:
        asked = config({}, f"ws://127.0.0.1:{port}/")
        found = await look(websocket, {name: getattr(asked, name) for name in asked.model_fields_set})
    assert found.reason == "ok", found.judgement.detail
