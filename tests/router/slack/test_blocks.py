"""What people read in Slack: goldens, Slack's limits, and text that is nothing but text."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.delivery import Action
from slo.core.eta import ETA, Confidence
from slo.core.policy import Severity
from slo.demo.vendors.slack.block_kit import blocks_too_long, faults_of_blocks
from slo.router.slack.blocks import Post, alone, beginning, escaped, following
from slo.router.summary import promised
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.slack_chat import told
from tests.router.making import EVIDENCE, LOST, STAGING, at, of_a_person

PROMISED = ETA(recover_at=at(1890), confidence=Confidence.HIGH, next_update_at=at(990))


@pytest.mark.parametrize(
    ("name", "post"),
    [
        (
            "slack-beginning.json",
            beginning(
                told(Action.TRIGGER, due=at(3660), services=("gate", "deck"), scope="eu", owner=""), interactive=True
            ),
        ),
        (
            "slack-beginning-bare.json",
            beginning(
                told(
                    Action.TRIGGER,
                    severity=Severity.TICKET,
                    labels={},
                    firing=frozenset({LOST}),
                    evidence=replace(EVIDENCE, sli=None, remaining=None, burn_rates={}, reason="", target=""),
                    external_url="",
                ),
                interactive=False,
            ),
        ),
        (
            "slack-beginning-answered.json",
            beginning(
                told(
                    Action.ETA,
                    status="acknowledged",
                    at=at(690),
                    by="anna",
                    responded_at=at(300),
                    owner="anna",
                    eta=PROMISED,
                    due=at(3660),
                ),
                interactive=True,
            ),
        ),
        (
            "slack-beginning-over.json",
            beginning(
                told(
                    Action.RESOLVE,
                    status="resolved",
                    at=at(3690),
                    by="anna",
                    why="rolled back",
                    summary="gate-availability is resolved by anna: rolled back",
                    responded_at=at(300),
                    eta=PROMISED,
                    owner="anna",
                ),
                interactive=True,
            ),
        ),
        ("slack-update.json", following(told(Action.UPDATE, by="anna", why="all of it is down"))),
        (
            "slack-update-said.json",
            following(told(Action.UPDATE, by="anna", why="they have to restart it", text="waits for the customer")),
        ),
        ("slack-acknowledge.json", following(told(Action.ACKNOWLEDGE, by="anna", status="acknowledged"))),
        ("slack-note.json", following(told(Action.NOTE, by="anna", text="Two lines,\nwith <!channel> & all.\n"))),
        (
            "slack-eta.json",
            following(
                told(Action.ETA, by="anna", eta=PROMISED, text=f"{promised(PROMISED)}: The disk is being replaced.")
            ),
        ),
        ("slack-eta-unknown.json", following(told(Action.ETA, by="anna", eta=ETA(next_update_at=at(990))))),
        ("slack-remind-response.json", following(told(Action.REMIND, due=at(990)))),
        ("slack-remind-late.json", following(told(Action.REMIND, at=at(4000), due=at(3660)))),
        (
            "slack-remind-update.json",
            following(told(Action.REMIND, at=at(1050), due=at(3660), responded_at=at(300), eta=PROMISED)),
        ),
        ("slack-resolve.json", following(told(Action.RESOLVE, why="clear for 5m"))),
        ("slack-of-a-person.json", beginning(of_a_person(due=at(3660)), interactive=True)),
        (
            "slack-of-a-person-alone.json",
            alone(of_a_person(action=Action.NOTE, by="kim", text="On it."), interactive=False),
        ),
        ("slack-alone.json", alone(told(Action.ACKNOWLEDGE, by="anna", status="acknowledged"), interactive=True)),
    ],
)
def test_what_is_said_is_what_slack_takes_and_a_person_reads(name: str, post: Post) -> None:
    hold_against(name, {"text": post.text, "blocks": list(post.blocks)})
    assert faults_of_blocks(json.loads(json.dumps(post.blocks))) == []


def test_a_staging_incident_has_its_place_and_priority() -> None:
    post = beginning(told(Action.TRIGGER, severity=Severity.TICKET, labels=STAGING), interactive=True)
    assert "acme, staging" in json.dumps(post.blocks)
    assert post.text.startswith("■ Triggered · P2: ")


HOSTILE = st.text(min_size=0, max_size=40).map(lambda text: text * 200) | st.sampled_from(
    ["<!channel> @everyone", "&" * 9000, "\ud800\x00\u202e" * 999, "<" * 9000, "🔥" * 9000, "\n" * 9000 + "x", ""]
)


@given(text=HOSTILE, action=st.sampled_from(Action), status=st.sampled_from(["triggered", "resolved", "odd"]))
def test_a_message_keeps_within_slacks_limits_and_calls_nobody_whatever_it_is_made_of(
    text: str, action: Action, status: str
) -> None:
    evidence = replace(
        EVIDENCE,
        target=text,
        detail=text,
        sli=float("nan"),
        remaining=float("-inf"),
        burn_rates={f"{n}{text}": float(n) for n in range(50)},
    )
    hostile = told(
        action,
        status=status,
        summary=text,
        by=text,
        why=text,
        text=text,
        owner=text,
        labels={"customer": text, "environment": text},
        services=(text,) * 20,
        evidence=evidence,
        external_url=f"https://watch.example/{text}",
    )
    for post in (beginning(hostile, interactive=True), following(hostile), alone(hostile, interactive=True)):
        blocks = json.loads(json.dumps(post.blocks, allow_nan=False))
        assert faults_of_blocks(blocks) == []
        assert not blocks_too_long(blocks)
        assert 0 < len(post.text) < 40_000
        assert post.text.encode()
        assert "<!channel" not in json.dumps(blocks) + post.text
    assert len(beginning(hostile, interactive=True).text) < 4000


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("a < b & c > d", 40, "a &lt; b &amp; c &gt; d"),
        ("&&&", 15, "&amp;&amp;&amp;"),
        ("&&&", 14, "&amp;&amp;…"),
        ("<<", 5, "&lt;…"),
        ("two\nlines", 40, "two lines"),
        ("", 5, ""),
    ],
)
def test_what_is_cut_is_not_cut_within_a_code(text: str, limit: int, shown: str) -> None:
    assert escaped(text, limit) == shown
