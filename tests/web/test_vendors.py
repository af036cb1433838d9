"""Vendors' webhooks through the real server and the real receivers: forged, replayed, truncated and oversized ones."""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from slo.app.inbound import InboundActs
from slo.core.acts import Act
from slo.core.events import Acknowledged, Noted
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.incident_key import incident_mark
from slo.demo.vendors.pagerduty.webhooks_v3 import signature as pagerduty_signature
from slo.demo.vendors.slack.interactions import signed as slack_signed
from slo.kinds import Kinds
from slo.net.context import Context
from slo.router.tickets.account import AccountConfig
from slo.router.tickets.inbox import SIGNATURE, TIMESTAMP, signature_of
from slo.runner.clock import SteadyClock
from slo.web.webhooks import BODY_BYTES
from tests.web.served import Answer, Served, served
from tests.web.watches import FakeWatch, opened

SECRET = "s3cret-of-the-vendor-that-is-long-enough"
INCIDENT = opened()
AGENT = {"id": "7", "is_staff": True}
ANNA = {"accountId": "7", "displayName": "Anna", "accountType": "atlassian"}

Signed = tuple[dict[str, str], bytes]
"""The headers and the body of a request."""


def pagerduty(secret: str, _now: float) -> Signed:
    event = {
        "id": "01DFEGHI",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2026-01-01T00:02:05Z",
        "agent": {"id": "PANNA", "type": "user_reference", "summary": "anna"},
        "client": None,
        "data": {"id": "Q1", "type": "incident", "incident_key": INCIDENT.key, "resolve_reason": None},
    }
    body = json.dumps({"event": event}).encode()
    return {"X-PagerDuty-Signature": pagerduty_signature(body, [secret])}, body


def slack(secret: str, now: float) -> Signed:
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANNA", "username": "anna", "name": "anna", "team_id": "T1"},
        "team": {"id": "T1", "domain": "acme"},
        "trigger_id": "1.2.3",
        "actions": [
            {
                "action_id": "acknowledge",
                "block_id": "b",
                "action_ts": "1.5",
                "type": "button",
                "value": incident_mark(INCIDENT.incident, INCIDENT.at),
            }
        ],
    }
    return slack_signed(payload, secret, now)


def ticket(secret: str, now: float) -> Signed:
    said = {
        "event": "commented",
        "id": "c1",
        "reference": "T-1",
        "by": {"name": "Anna", "role": "engineer"},
        "text": "looking",
    }
    body, stamp = json.dumps(said).encode(), f"{now:.0f}"
    return {TIMESTAMP: stamp, SIGNATURE: signature_of(secret, stamp, body)}, body


def jira(secret: str, _now: float) -> Signed:
    said = {
        "webhookEvent": "comment_created",
        "timestamp": 1_767_225_600_000,
        "issue": {"id": "1", "key": "OPS-1"},
        "comment": {"id": "10", "author": ANNA, "body": "looking"},
    }
    body = json.dumps(said).encode()
    return {"X-Hub-Signature": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}, body


def zendesk(secret: str, now: float) -> Signed:
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
    said = {
        "type": "zen:event-type:ticket.comment_added",
        "id": "e1",
        "time": stamp,
        "detail": {"id": "1", "actor_id": "7", "submitter_id": "20", "subject": "s", "created_at": stamp},
        "event": {
            "comment": {"id": "c", "body": "looking", "is_public": True, "author": {"id": "7", "is_staff": True}}
        },
    }
    body = json.dumps(said).encode()
    digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": b64encode(digest).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }, body


@dataclass(frozen=True)
class Vendor:
    """How a vendor sends, where to, and the destination that receives. `timed` is whether a time is signed."""

    path: str
    kind: str
    keys: Mapping[str, object]
    send: Callable[[str, float], Signed]
    timed: bool
    does: type


VENDORS = {
    "pagerduty": Vendor(
        "pagerduty", "pagerduty", {"routing_key": "0" * 32, "webhook_secret": SECRET}, pagerduty, False, Acknowledged
    ),
    "slack": Vendor(
        "slack",
        "slack",
        {"token": "xoxb-1", "channel": "C0INCIDENTS", "signing_secret": SECRET},
        slack,
        True,
        Acknowledged,
    ),
    "ticket": Vendor(
        "ticket",
        "ticket_webhook",
        {"url": "http://127.0.0.1:1/", "signing_secret": SECRET, "webhook_secret": SECRET},
        ticket,
        True,
        Noted,
    ),
    "jira": Vendor(
        "ticket",
        "jira",
        {
            "url": "https://acme.example",
            "user": "w@p.example",
            "api_token": "t",
            "project": "OPS",
            "engineers": ["7"],
            "webhook_secret": SECRET,
        },
        jira,
        False,
        Noted,
    ),
    "zendesk": Vendor(
        "ticket",
        "zendesk",
        {
            "url": "https://acme.example",
            "user": "w@p.example",
            "api_token": "t",
            "engineers": ["7"],
            "webhook_secret": SECRET,
        },
        zendesk,
        True,
        Noted,
    ),
}


@dataclass
class Receiving(FakeWatch):
    """A watch whose receiver is real; whatever it says is about the one incident that is open."""

    door: Any = None

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        received: Received | None = await self.door.receive(way, inbound)
        return received

    async def about(self, act: Act) -> Incident:
        return await self.act(replace(act, target=replace(act.target, incident=INCIDENT.incident)))


@pytest.fixture
def context() -> Context:
    return Context.default(SteadyClock())


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return VENDORS[request.param]


@pytest.fixture
def watch(vendor: Vendor, context: Context, monkeypatch: pytest.MonkeyPatch) -> Receiving:
    monkeypatch.setattr(AccountConfig, "own_id", lambda *_, **__: asyncio.sleep(0, "900"))
    watch = Receiving(events=[INCIDENT])
    module: Any = Kinds.installed().destinations.module(vendor.kind)
    door = InboundActs(watch.about, telemetry=watch.telemetry)
    door.receivers = {vendor.path: [module.receiver("there", module.Config.model_validate(vendor.keys), context)]}
    watch.door = door
    return watch


@pytest.fixture
def site(watch: Receiving) -> Iterator[Served]:
    with served(watch) as site:
        yield site


def posted(site: Served, vendor: Vendor, request: Signed) -> Answer:
    headers, body = request
    return site.ask(
        "POST", f"/webhooks/{vendor.path}", body=body, headers={"Content-Type": "application/json"} | headers
    )


def acts(watch: Receiving) -> list[type]:
    return [type(event) for event in watch.events[1:]]


def test_what_a_vendor_signs_is_done(site: Served, watch: Receiving, vendor: Vendor) -> None:
    assert posted(site, vendor, vendor.send(SECRET, time.time())).status in {200, 202}
    assert acts(watch) == [vendor.does]


def test_what_is_sent_again_is_taken_and_done_once(site: Served, watch: Receiving, vendor: Vendor) -> None:
    request = vendor.send(SECRET, time.time())
    assert {posted(site, vendor, request).status for _ in range(3)} <= {200, 202}
    assert acts(watch) == [vendor.does]


def test_what_is_forged_is_refused(site: Served, watch: Receiving, vendor: Vendor) -> None:
    assert posted(site, vendor, vendor.send("another secret", time.time())).status == 401
    _, body = vendor.send(SECRET, time.time())
    assert posted(site, vendor, ({}, body)).status == 401
    assert acts(watch) == []


def test_what_is_truncated_or_changed_is_refused(site: Served, watch: Receiving, vendor: Vendor) -> None:
    headers, body = vendor.send(SECRET, time.time())
    for changed in (body[:-1], body + b" ", body[:20] + b"~" + body[21:], b""):
        assert posted(site, vendor, (headers, changed)).status == 401
    assert acts(watch) == []


def test_what_is_too_large_is_refused_before_it_is_read(site: Served, watch: Receiving, vendor: Vendor) -> None:
    headers, body = vendor.send(SECRET, time.time())
    assert posted(site, vendor, (headers, body + b" " * BODY_BYTES)).status == 413
    assert acts(watch) == []


def test_what_was_signed_long_ago_is_refused_where_the_time_is_signed(
    site: Served, watch: Receiving, vendor: Vendor
) -> None:
    answer = posted(site, vendor, vendor.send(SECRET, time.time() - 3600))
    assert (answer.status == 401) is vendor.timed
    assert acts(watch) == ([] if vendor.timed else [vendor.does])


def test_a_fault_of_ours_is_a_5xx(site: Served, watch: Receiving, vendor: Vendor) -> None:
    watch.refuses = RuntimeError("a fault")
    assert posted(site, vendor, vendor.send(SECRET, time.time())).status == 500
    watch.refuses = None
    assert posted(site, vendor, vendor.send(SECRET, time.time())).status in {200, 202}
    assert acts(watch) == [vendor.does]
