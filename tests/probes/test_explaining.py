"""Every kind tells people what a round of it found, and nothing where the round itself failed."""

import asyncio
import inspect
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import pytest

from probes import dns, grpc, icmp, redis, smtp, sql, tcp, websocket
from slo.core.protocols import Explaining
from slo.errors import Fault
from slo.kinds import Kinds
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.course import Course
from slo.net.grpc_health import Answer
from slo.net.sql import Result
from slo.runner.clock import SteadyClock
from tests.hostile import serving
from tests.probes.looking import look
from tests.runner.worlds import START

PROBES = Kinds.installed().probes


@pytest.mark.parametrize("kind", sorted(PROBES.own))
def test_a_kind_explains_what_it_found(kind: str) -> None:
    made = inspect.signature(PROBES.module(kind).build, eval_str=True).return_annotation
    probe = made.__new__(made)  # what it is built with matters nothing here
    probe.target = "gate.example:443"
    assert isinstance(probe, Explaining)
    assert list(probe.explain(Fault("timeout"), START)) == []


HUNG = Reached(phases={"connect": 0.1, "exchange": 0.5}, fault=Fault("data_timeout", "exchange", "waited for it"))
REACHED = Reached(phases={})
QUESTION = {"name": "example.org", "type": "A"}
STEPS = [{"expect": "^hello", "send": "s3cret"}, {"send": "s3cret"}, {"expect": "never"}]
VALUE = {"dialect": "mysql", "username": "watch", "expect": {"rows": 2, "value": "s3cret"}}

FOUND: dict[str, tuple[Any, Mapping[str, object], Any, list[str]]] = {
    "no DNS response": (dns, {"question": QUESTION}, dns.Facts(reached=REACHED, looked=None), []),
    "a DNS response": (
        dns,
        {"question": QUESTION},
        dns.Facts(
            reached=REACHED,
            looked=dns.Looked(
                code="NXDOMAIN",
                truncated=True,
                answer=(),
                counts={"answer": 0, "authority": 1, "additional": 0},
                serial=None,
                mismatch=None,
            ),
        ),
        ["response: NXDOMAIN, records: 0 answer, 1 authority, 0 additional, truncated"],
    ),
    "a service that is not serving": (
        grpc,
        {},
        grpc.Facts(reached=REACHED, answer=Answer(code=0, serving="NOT_SERVING")),
        ["call: OK", "service: NOT_SERVING"],
    ),
    "a call that failed": (
        grpc,
        {},
        grpc.Facts(reached=REACHED, answer=Answer(code=14, message="no backends")),
        ["call: UNAVAILABLE: no backends"],
    ),
    "no server of gRPC": (
        grpc,
        {},
        grpc.Facts(reached=REACHED, answer=Answer(code=14, http_status=503)),
        ["response: status 503, by who does not speak gRPC"],
    ),
    "an upgrade that was refused": (
        websocket,
        {"url": "ws://gate.example/"},
        websocket.Facts(reached=REACHED, status=403),
        ["response: status 403, no upgrade"],
    ),
    "a conversation": (
        websocket,
        {"url": "ws://gate.example/", "query_response": STEPS},
        websocket.Facts(reached=HUNG, status=101, upgraded=True, course=Course(begun=(0.1, 0.125, 0.15), failed=3)),
        [
            "response: status 101, messages go both ways",
            "step 1: expect '^hello', send: 25.0 ms",
            "step 2: send: 25.0 ms",
            "step 3: expect 'never': failed after 450.0 ms",
        ],
    ),
    "a role and an answer": (
        redis,
        {"command": ["get", "canary"], "expect": {"role": "master", "value": "s3cret"}},
        redis.Facts(reached=REACHED, role="replica", reply=b"s3cret", answered=True),
        ["role: replica", "answer to GET: 6 characters, as expected"],
    ),
    "no answer yet": (redis, {"command": ["GET", "canary"]}, redis.Facts(reached=HUNG), []),
    "an answer that is none": (
        redis,
        {"command": ["GET", "canary"]},
        redis.Facts(reached=REACHED, answered=True),
        ["answer to GET: nothing, and nothing is expected of it"],
    ),
    "a result": (
        sql,
        VALUE,
        sql.Facts(reached=REACHED, result=Result(rows=(("x",),)), is_primary=False),
        ["role: replica", "rows: 1, 2 expected", "first value: 1 character, not as expected"],
    ),
    "no rows": (sql, VALUE, sql.Facts(reached=REACHED, result=Result()), ["rows: 0, 2 expected"]),
    "a refusal of mail": (smtp, {}, smtp.Facts(reached=REACHED, code=550), ["last reply: 550"]),
    "no reply": (smtp, {}, smtp.Facts(reached=HUNG, code=0), []),
    "an echo": (
        icmp,
        {"target": "gate.example"},
        icmp.Facts(reached=Reached(phases={}, address=ip_address("192.0.2.1")), hop_limit=57),
        ["address: 192.0.2.1 (IPv4)", "TTL of the reply: 57"],
    ),
    "an echo over IPv6": (
        icmp,
        {"target": "gate.example"},
        icmp.Facts(reached=Reached(phases={}, address=ip_address("2001:db8::1")), hop_limit=57),
        ["address: 2001:db8::1 (IPv6)", "hop limit of the reply: 57"],
    ),
}


@pytest.mark.parametrize(("kind", "keys", "facts", "found"), FOUND.values(), ids=FOUND.keys())
def test_people_are_told_what_was_found_and_nothing_that_was_said(
    kind: Any, keys: Mapping[str, object], facts: Any, found: list[str]
) -> None:
    target = {} if keys.keys() & {"url", "target"} else {"target": "gate.example:443"}
    probe = kind.build(kind.Config.model_validate({**target, **keys}), Context.default(SteadyClock()))
    told = [f"{finding.name}: {finding.text}" for finding in probe.explain(facts, START)]
    assert told == found
    assert "s3cret" not in "".join(told)


async def test_the_steps_of_a_dialogue_are_told_with_what_each_waited_for() -> None:
    async def talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\n250 not this\n")
        await writer.drain()

    async with serving(talking) as port:
        steps = [{"expect": "^220", "send": "s3cret"}, {"expect_bytes": "250 nöt"}, {"starttls": True}]
        seen = await look(tcp, {"target": f"127.0.0.1:{port}", "query_response": steps})
    assert (seen.reason, seen.judgement.detail) == ("data", "step 2: byte 6 of 8 is 0x6f, not 0xc3")
    assert seen.findings["step 1"].startswith("expect '^220', send: ")
    assert seen.findings["step 2"].startswith("expect 8 bytes: failed after ")
    assert "step 3" not in seen.findings
