"""How a server stands to the others, by what it says, and that a lag of 0 is not believed where others know better."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.health.replication import Mode, Role
from exporters.redis.commands import Latencies
from exporters.redis.info import Watched, read_info
from exporters.redis.offsets import MOST_MOMENTS, Offsets
from exporters.redis.replication import refuses_writes, replication_of
from exporters.redis.sentinel import Guarded, guarded, questions
from exporters.redis.slow import Histogram, SlowLog, Spike, read_slow
from exporters.redis.slow import questions as slow_questions
from exporters.redis.source import Progress
from exporters.redis.writing import judged
from slo.net.redis import Answer, Refusal, Reply
from tests.exporters.redis.saying import PRIMARY, REPLICA, info, sentinel, server

NOPERM = Refusal("NOPERM this user has no permissions to run the 'config|get' command")
MAIN = Watched("main", "ok", "192.0.2.7:6379", 1.0, 3.0)
WELL = Guarded(watched=MAIN, quorum=True, said="OK 3 usable Sentinels", well_replicas=1, well_sentinels=3)


def test_a_primary_that_is_followed() -> None:
    state = replication_of(read_info(info(server(PRIMARY))), Offsets(), 0.0)
    assert (state.role, state.mode, state.replicas) == (Role.PRIMARY, Mode.ASYNC, 1)
    assert (state.lag_seconds, state.lag_bytes) == (1.0, 0)
    assert state.read_only is False


def test_a_primary_on_its_own() -> None:
    alone = {key: value for key, value in PRIMARY.items() if key != "slave0"} | {"connected_slaves": "0"}
    state = replication_of(read_info(info(server(alone))), Offsets(), 0.0)
    assert (state.mode, state.replicas, state.lag_seconds) == (Mode.NONE, 0, None)


def test_a_replica_that_takes_a_copy_does_not_count_as_one_that_follows() -> None:
    taking = server(PRIMARY, slave0="ip=192.0.2.8,port=6379,state=send_bulk,offset=0,lag=0")
    state = replication_of(read_info(info(taking)), Offsets(), 0.0)
    assert (state.mode, state.replicas, state.lag_seconds) == (Mode.ASYNC, 0, None)


def test_a_replica_whose_acknowledgements_stand_still_is_behind_though_it_answers() -> None:
    offsets, follower = Offsets(), "ip=a,port=1,state=online,offset=1000,lag=0"
    lags = []
    for second, written in enumerate((1000, 2000, 3000)):
        said = server(PRIMARY, master_repl_offset=str(written), slave0=follower)
        state = replication_of(read_info(info(said)), offsets, 10.0 * second)
        lags.append((state.lag_seconds, state.lag_bytes))
    assert lags == [(0.0, 0), (0.0, 1000), (10.0, 2000)]


def test_a_replica_that_follows() -> None:
    state = replication_of(read_info(info(server(REPLICA))), Offsets(), 0.0)
    assert (state.role, state.mode, state.broken) == (Role.REPLICA, Mode.ASYNC, "")
    assert (state.lag_seconds, state.lag_bytes, state.read_only) == (2.0, 0, True)


def test_a_replica_whose_primary_is_frozen_is_as_far_behind_as_it_has_heard_nothing() -> None:
    state = replication_of(read_info(info(server(REPLICA, master_last_io_seconds_ago="31"))), Offsets(), 0.0)
    assert (state.lag_seconds, state.broken) == (31.0, "")


def test_a_replica_that_has_not_applied_what_it_received_is_behind() -> None:
    offsets = Offsets()
    read = read_info(info(server(REPLICA, slave_read_repl_offset="1500", master_last_io_seconds_ago="0")))
    replication_of(read, offsets, 0.0)
    state = replication_of(read, offsets, 30.0)
    assert (state.lag_seconds, state.lag_bytes) == (30.0, 500)


def test_a_replica_is_as_far_behind_as_its_primary_has_come_further() -> None:
    offsets, read = Offsets(), read_info(info(server(REPLICA, master_last_io_seconds_ago="0")))
    lags = []
    for now, written in ((0.0, 1000.0), (10.0, 5000.0), (40.0, 9000.0)):
        state = replication_of(read, offsets, now, source=Progress(stream="deadbeef", written=written))
        lags.append((state.lag_seconds, state.lag_bytes))
    assert lags == [(0.0, 0), (0.0, 4000), (30.0, 8000)]


@pytest.mark.parametrize("source", [Progress(), Progress(stream="cafe", written=1000.0)])
def test_a_replica_of_another_primary_than_the_one_that_is_asked_has_no_lag_that_is_known(source: Progress) -> None:
    state = replication_of(read_info(info(server(REPLICA))), Offsets(), 0.0, source=source)
    assert (state.lag_seconds, state.lag_bytes) == (None, None)
    broken = replication_of(read_info(info(server(REPLICA, master_link_status="down"))), Offsets(), 0.0, source=source)
    assert broken.broken


BROKEN: dict[str, tuple[Mapping[str, str], str, float | None]] = {
    "its link is down": (
        {"master_link_status": "down", "master_last_io_seconds_ago": "-1", "master_link_down_since_seconds": "12"},
        "its link to 192.0.2.7:6379 has been down for 12 s",
        12.0,
    ),
    "it never was connected": (
        {"master_link_status": "down", "master_last_io_seconds_ago": "-1", "master_link_down_since_seconds": "-1"},
        "its link to 192.0.2.7:6379 has been down",
        None,
    ),
    "it takes a copy": (
        {"master_link_status": "down", "master_sync_in_progress": "1", "master_link_down_since_seconds": "3"},
        "it is taking a full copy from 192.0.2.7:6379",
        3.0,
    ),
    "it does not say when it heard last": ({"master_last_io_seconds_ago": "?"}, "", None),
    "it says that it never did": ({"master_last_io_seconds_ago": "-1"}, "", None),
}


@pytest.mark.parametrize(("fields", "broken", "lag"), BROKEN.values(), ids=BROKEN.keys())
def test_a_replica_that_does_not_follow(fields: Mapping[str, str], broken: str, lag: float | None) -> None:
    state = replication_of(read_info(info(server(REPLICA, **fields))), Offsets(), 0.0)
    assert (state.broken, state.lag_seconds) == (broken, lag)


@pytest.mark.parametrize("said", ["", "primary", "sentinel"])
def test_a_role_that_is_not_known_is_unknown(said: str) -> None:
    state = replication_of(read_info(info(server(PRIMARY, role=said))), Offsets(), 0.0)
    assert (state.role, state.mode) == (Role.UNKNOWN, Mode.UNKNOWN)


@pytest.mark.parametrize(
    ("cluster", "quorum", "size"),
    [
        ({"cluster_state": 1.0, "cluster_size": 3.0}, True, 3),
        ({"cluster_state": 0.0, "cluster_size": 3.0}, False, 3),
        ({}, False, None),
        (None, None, None),
    ],
)
def test_a_node_of_a_cluster_is_async_and_knows_whether_the_cluster_decides(
    cluster: Mapping[str, float] | None, quorum: object, size: int | None
) -> None:
    state = replication_of(read_info(info(server(PRIMARY))), Offsets(), 0.0, cluster=cluster)
    assert (state.mode, state.quorum, state.cluster_size) == (Mode.ASYNC, quorum, size)


REFUSALS: dict[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "it is well": ({}, {}, ""),
    "its memory is full": ({"maxmemory": "999999"}, {}, "nothing may be evicted"),
    "its memory is full, and keys may go": ({"maxmemory": "999999", "maxmemory_policy": "allkeys-lru"}, {}, ""),
    "buffers do not count": ({"maxmemory": "999999", "mem_not_counted_for_evict": "5000"}, {}, ""),
    "its snapshot failed": ({"rdb_last_bgsave_status": "err"}, {}, "its last snapshot failed"),
    "its snapshot failed, as it may": (
        {"rdb_last_bgsave_status": "err"},
        {"stop-writes-on-bgsave-error": "no", "save": "60 1"},
        "",
    ),
    "none is made by itself": (
        {"rdb_last_bgsave_status": "err"},
        {"stop-writes-on-bgsave-error": "yes", "save": ""},
        "",
    ),
    "its log cannot be written": ({"aof_enabled": "1", "aof_last_write_status": "err"}, {}, "append-only file failed"),
    "too few replicas": ({"min_slaves_good_slaves": "1"}, {"min-replicas-to-write": "2"}, "fewer than min-replicas"),
    "enough replicas": ({"min_slaves_good_slaves": "1"}, {"min-replicas-to-write": "1"}, ""),
    "no replica at all": ({"min_slaves_good_slaves": "0"}, {}, "fewer than min-replicas"),
    "it hands over": ({"master_failover_state": "waiting-for-sync"}, {}, "it is handing over"),
}


@pytest.mark.parametrize(("fields", "settings", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_why_a_primary_takes_no_writes(fields: Mapping[str, str], settings: Mapping[str, str], said: str) -> None:
    why = refuses_writes(read_info(info(server(PRIMARY, **fields))), settings)
    assert said in why
    assert bool(said) is bool(why)


# Sentinel


def flat(**fields: str) -> list[Reply]:
    return [word.encode() for pair in fields.items() for word in pair]


def test_what_a_sentinel_tells_of_a_primary() -> None:
    replies: list[Answer] = [
        b"OK 3 usable Sentinels. Quorum and failover authorization can be reached",
        [flat(flags="sentinel"), flat(flags="s_down,sentinel,disconnected")],
        [flat(flags="slave"), flat(flags="slave,o_down")],
        flat(quorum="2", **{"last-ok-ping-reply": "250"}),
    ]
    assert len(questions([MAIN])) == len(replies)
    (told,) = guarded([MAIN], replies)
    assert (told.quorum, told.well_sentinels, told.well_replicas) == (True, 2, 1)
    assert dict(told.settings) == {"quorum": 2.0, "last-ok-ping-reply": 0.25}


@pytest.mark.parametrize(
    ("reply", "quorum"),
    [
        (Refusal("NOQUORUM 1 usable Sentinels. Not enough available Sentinels"), False),
        (NOPERM, None),
        (b"maybe", None),
        (None, None),
    ],
)
def test_a_quorum_that_is_not_told_is_not_known(reply: Answer, quorum: object) -> None:
    (told,) = guarded([MAIN], [reply, NOPERM, NOPERM, NOPERM])
    assert (told.quorum, told.well_sentinels, told.well_replicas, told.settings) == (quorum, None, None, ())


def test_a_sentinel_of_more_primaries_than_are_asked_about() -> None:
    many = [MAIN] * 150
    asked = questions(many)
    told = guarded(many, [NOPERM] * len(asked))
    assert (len(asked), len(told)) == (400, 150)


SENTINELS: dict[str, tuple[list[Guarded], Mapping[str, str], tuple[bool | None, str, int | None, int | None]]] = {
    "well": ([WELL], {}, (True, "", 1, 3)),
    "one primary is down": (
        [WELL, Guarded(watched=MAIN._replace(name="other", status="odown"), quorum=True)],
        {},
        (True, "other at 192.0.2.7:6379 is odown", None, None),
    ),
    "one has no quorum": ([WELL, Guarded(watched=MAIN, quorum=False)], {}, (False, "", None, None)),
    "one is not known": ([WELL, Guarded(watched=MAIN)], {}, (None, "", None, None)),
    "it does nothing": ([WELL], {"sentinel_tilt": "1"}, (False, "", 1, 3)),
    "it watches nobody": ([], {}, (None, "", None, None)),
}


@pytest.mark.parametrize(("told", "fields", "expected"), SENTINELS.values(), ids=SENTINELS.keys())
def test_a_sentinel_stands_for_the_worst_of_its_primaries(
    told: list[Guarded], fields: Mapping[str, str], expected: tuple[object, ...]
) -> None:
    state = replication_of(read_info(info(sentinel(**fields))), Offsets(), 0.0, sentinel=told)
    assert (state.quorum, state.broken, state.replicas, state.cluster_size) == expected
    assert state.role is Role.SENTINEL


# What is asked seldom


def told_slowly(**others: Answer) -> list[Answer]:
    settings: list[Answer] = [
        [words[2].encode(), b"1"] for words in slow_questions(histograms=False) if words[0] == "CONFIG"
    ]
    usual: dict[str, Answer] = {"percentiles": b"# Latencystats\r\n", "latest": [], "length": 0, "last": []}
    return [*settings, *(usual | others).values()]


def test_settings_latencies_and_the_slow_log() -> None:
    read = read_slow(
        told_slowly(
            percentiles=b"# Latencystats\r\nlatency_percentiles_usec_get:p50=8.031\r\n",
            latest=[[b"command", 1795708846, 9, 12]],
            length=3,
            last=[[7, 1795708846, 9576, [b"eval"], b"127.0.0.1:1", b""]],
            histogram=[b"set", [b"calls", 2, b"histogram_usec", [8, 1, 16, 2]]],
        )
    )
    assert read.setting("maxclients") == 1.0
    assert read.latencies == Latencies(names=("get",), percentiles={"50": [8.031]})
    assert read.spikes == (Spike("command", 1795708846.0, 0.009),)
    assert read.slow_log == SlowLog(3.0, 7.0, 0.009576)
    assert read.histograms == (Histogram("set", 2.0, (("8", 1.0), ("16", 2.0))),)
    assert read.untold == 0


def test_an_empty_slow_log() -> None:
    assert read_slow(told_slowly()).slow_log == SlowLog(0.0, 0.0, 0.0)


def test_what_may_not_be_asked_is_left_out_and_counted() -> None:
    count = len(slow_questions(histograms=True))
    read = read_slow([NOPERM] * count)
    assert (read.settings, read.spikes, read.slow_log, read.histograms) == ({}, (), None, ())
    assert read.untold == count - 1  # the two questions about the slow log are one thing


# Writing


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([b"OK", b"now"], "ok"),
        ([b"OK", b"then"], "write"),
        ([b"OK", None], "write"),
        ([Refusal("READONLY You can't write against a read only replica."), None], "read_only"),
        ([Refusal("OOM command not allowed when used memory > 'maxmemory'."), b"then"], "read_only"),
        ([Refusal("MISCONF Redis is configured to save RDB snapshots"), b"then"], "read_only"),
        ([Refusal("NOREPLICAS Not enough good replicas to write."), b"then"], "read_only"),
        ([NOPERM, NOPERM], "permission"),
        ([b"OK", NOPERM], "permission"),
        ([Refusal("CLUSTERDOWN The cluster is down"), Refusal("CLUSTERDOWN")], "not_ready"),
        ([Refusal("MOVED 5798 192.0.2.9:6379"), Refusal("MOVED 5798 192.0.2.9:6379")], "query_refused"),
    ],
)
def test_what_comes_of_a_write(replies: list[Answer], reason: str) -> None:
    assert judged("now", replies).reason == reason


# Time, from bytes


def test_who_has_read_everything_is_not_behind_and_who_stands_still_is_ever_further() -> None:
    offsets = Offsets()
    assert offsets.behind("a", written=100, read=100, now=0.0) == 0.0
    assert offsets.behind("a", written=200, read=100, now=10.0) == 0.0  # it may have been written just now
    assert offsets.behind("a", written=200, read=100, now=20.0) == 10.0
    assert offsets.behind("a", written=300, read=250, now=30.0) == 0.0
    assert offsets.behind("a", written=300, read=300, now=40.0) == 0.0


def test_another_stream_begins_anew() -> None:
    offsets = Offsets()
    offsets.behind("a", written=200, read=100, now=0.0)
    assert offsets.behind("b", written=200, read=100, now=50.0) == 0.0
    assert offsets.behind("b", written=50, read=10, now=60.0) == 0.0  # it went back: a server that was emptied


STEPS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=50)


@given(STEPS)
def test_the_time_behind_never_is_more_than_it_was_and_is_0_with_nothing_to_read(
    steps: list[tuple[int, int]],
) -> None:
    offsets = Offsets()
    written = read = 0
    moments: list[tuple[int, int]] = []
    for now, (more, taken) in enumerate(steps):
        written += more
        read = min(read + taken, written)
        moments.append((now, written))
        behind = offsets.behind("a", written=written, read=read, now=float(now))
        # Found by looking at everything that was ever seen: since when there is more than what was read.
        assert behind == (now - next(at for at, offset in moments if offset > read) if written > read else 0.0)


def test_what_is_remembered_is_bounded() -> None:
    offsets = Offsets()
    lags = [offsets.behind("a", written=now + 1, read=0, now=float(now)) for now in range(2 * MOST_MOMENTS)]
    assert lags[-1] == max(lags) == MOST_MOMENTS - 1
