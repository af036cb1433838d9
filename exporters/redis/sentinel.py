"""What a Sentinel tells of the primaries that it watches: whether it could replace them, and who is well.

https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporters.redis.info import Watched, number
from slo.net.conversation import said
from slo.net.redis import Answer, Refusal, Reply

MOST_PRIMARIES = 100
"""Of how many primaries it is asked in detail; of the others INFO tells."""

ASKED_OF_EACH = 4

_DOWN = frozenset({"s_down", "o_down"})

SETTINGS = {
    "quorum": ("setting_ckquorum", 1.0),
    "failover-timeout": ("setting_failover_timeout", 1.0),
    "parallel-syncs": ("setting_parallel_syncs", 1.0),
    "down-after-milliseconds": ("setting_down_after_milliseconds", 1.0),
    "config-epoch": ("config_epoch", 1.0),
    "last-ok-ping-reply": ("last_ok_ping_reply_seconds", 1e3),
}
"""What SENTINEL MASTER tells: the end of its metric's name, and what its value is divided by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guarded:
    """One primary, as a Sentinel sees it. What it does not tell, or may not tell us, is None.

    `quorum` is whether enough Sentinels are there to replace the primary, `message` what it answers to that question.
    Of the Sentinels that are well the one that is asked is one. `settings` are those of `SETTINGS` that it told, by
    their keys.
    """

    watched: Watched
    quorum: bool | None = None
    message: str = ""
    well_replicas: int | None = None
    well_sentinels: int | None = None
    settings: tuple[tuple[str, float], ...] = ()


def questions(watched: Sequence[Watched]) -> list[tuple[str, ...]]:
    """What to ask of each primary."""
    return [
        ("SENTINEL", what, primary.name)
        for primary in watched[:MOST_PRIMARIES]
        for what in ("CKQUORUM", "SENTINELS", "SLAVES", "MASTER")
    ]


def guarded(watched: Sequence[Watched], replies: Sequence[Answer]) -> tuple[Guarded, ...]:
    """What the answers to these questions say."""
    told = [
        _guarded(primary, replies[place * ASKED_OF_EACH : (place + 1) * ASKED_OF_EACH])
        for place, primary in enumerate(watched[:MOST_PRIMARIES])
    ]
    return (*told, *(Guarded(watched=primary) for primary in watched[MOST_PRIMARIES:]))


def _guarded(primary: Watched, replies: Sequence[Answer]) -> Guarded:
    quorum, sentinels, replicas, details = replies
    well_sentinels = _well(sentinels)
    fields = _fields(details)
    told = {key: number(fields.get(key, "")) for key in SETTINGS}
    return Guarded(
        watched=primary,
        quorum=_quorum(quorum),
        message=said(quorum.text if isinstance(quorum, Refusal) else _text(quorum)),
        well_replicas=_well(replicas),
        well_sentinels=None if well_sentinels is None else well_sentinels + 1,
        settings=tuple((key, value / SETTINGS[key][1]) for key, value in told.items() if value is not None),
    )


def _quorum(reply: Answer) -> bool | None:
    if isinstance(reply, Refusal):
        return False if reply.code == "NOQUORUM" else None
    return True if isinstance(reply, bytes) and reply.startswith(b"OK") else None


def _well(reply: Answer) -> int | None:
    """How many of those that a Sentinel lists are not down."""
    if not isinstance(reply, list):
        return None
    return sum(not _DOWN.intersection(_fields(each).get("flags", "").split(",")) for each in reply)


def _fields(reply: Answer) -> Mapping[str, str]:
    """A list of names and values as what it means."""
    if not isinstance(reply, list):
        return {}
    words = [_text(element) for element in reply]
    return dict(zip(words[::2], words[1::2], strict=False))


def _text(reply: Reply) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else ""
