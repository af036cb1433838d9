"""Which servers a watch follows, and for what: at its start, after a reload, and after a restart."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from slo.app.books import Books
from slo.app.groups import WatchedGroups
from slo.app.servers import Servers
from slo.config.load import load
from slo.config.settings import Settings
from slo.core.counts import Counts
from slo.errors import ConfigError, ServerFault
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.sources.prometheus.unread import SOURCE, Unread
from tests.app.making import START, Time

DAY = 86_400


def sli(server: str = "one", total: str = "a") -> dict[str, Any]:
    return {"prometheus": {"server": server, "total": total, "bad": "b"}}


class Following:
    """The servers of a configuration that the test writes, over books that are open."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "watchkeep.yaml"
        self._time = Time()
        clock = self._time.clock()
        self.books = Books(
            folder / "ledger.db",
            slot_seconds=10,
            retention=timedelta(days=90),
            max_bytes=10**9,
            clock=clock,
            telemetry=Telemetry(),
        )
        self.books.open([])
        context = Context.default(clock)
        self.groups = WatchedGroups(self.books, clock, Telemetry())
        self.servers = Servers(self.books, self.groups, path=self._file, context=context, telemetry=Telemetry())

    def configure(
        self, servers: list[dict[str, Any]], *slis: dict[str, Any], window: str = "30d", **keys: object
    ) -> Settings:
        """Load a configuration whose SLOs have these `keys`, and follow what it says."""
        common = {"objective": "99%", "window": window, **keys}
        slos = [{"name": f"slo-{n}", **common, "sli": each} for n, each in enumerate(slis)]
        self._file.write_text(json.dumps({"servers": servers, "slos": slos}), encoding="utf-8")
        settings = load(self._file, Kinds.installed(), {})
        self.groups.configure(settings, ())
        self.servers.replace(settings, self.servers.clients(settings))
        return settings

    @property
    def followed(self) -> dict[str, set[str]]:
        """The totals that are asked for, by server."""
        return {
            name: {followed.wanted.sli.total for followed in source._followed.values()}
            for name, source in self.servers._sources.items()
        }

    def unread(self, server: str = "one") -> list[Unread]:
        return [followed.unread for followed in self.servers._sources[server]._followed.values()]


@pytest.fixture
async def following(tmp_path: Path) -> AsyncIterator[Following]:
    with followed_in(tmp_path) as following:
        yield following


@contextmanager
def followed_in(folder: Path) -> Iterator[Following]:
    following = Following(folder)
    yield following
    following.servers.close()
    following.books._backlog.store.close()


ONE, TWO = ({"name": name, "url": f"http://{name}.example:9090"} for name in ("one", "two"))


async def test_a_server_is_followed_for_the_slis_that_name_it_and_one_that_none_names_is_not(
    following: Following,
) -> None:
    following.configure([ONE, TWO], sli(), sli(total="c"), sli(total="a"))
    assert following.followed == {"one": {"a", "c"}}
    following.configure([ONE, TWO], sli(), sli("two"))
    assert following.followed == {"one": {"a"}, "two": {"a"}}
    following.configure([TWO], sli("two"))
    assert following.followed == {"two": {"a"}}


async def test_a_new_sli_is_read_as_far_back_as_its_longest_window_looks(following: Following) -> None:
    following.configure([ONE], sli(), window="7d")
    (unread,) = following.unread()
    assert unread.gaps == [(unread.first, unread.until)]
    assert unread.until - unread.first == 7 * DAY + 7 * DAY // 360
    following.configure([ONE], sli(), window="30d")
    (longer,) = following.unread()
    assert longer.until - longer.first == 30 * DAY + 30 * DAY // 360
    assert longer.until == unread.until == START - 30


async def test_what_was_read_is_known_after_a_reload_a_change_of_the_server_and_a_restart(tmp_path: Path) -> None:
    with followed_in(tmp_path) as following:
        following.configure([ONE], sli(), window="7d")
        (unread,) = following.unread()
        piece = unread.newest(3600)
        assert piece is not None
        unread.take(piece)
        gaps = unread.gaps
        following.servers._sources["one"]._changed |= {"prometheus:one:total=a;bad=b"}
        following.configure([ONE, TWO], sli(), sli("two"), window="7d")
        assert following.unread()[0] is unread
        following.configure([ONE | {"interval": "15s"}, TWO], sli(), sli("two"), window="7d")
        assert following.unread()[0] is not unread
        assert following.unread()[0].gaps == gaps
        following.configure([TWO], sli("two"), window="7d")
        following.configure([ONE, TWO], sli(), sli("two"), window="7d")
        assert following.unread()[0].gaps == gaps
        await following.books.finish()
    with followed_in(tmp_path) as following:
        following.configure([ONE], sli(), window="7d")
        assert following.unread()[0].gaps == gaps


async def test_groups_that_a_server_has_are_followed_each_over_its_own_series(following: Following) -> None:
    rates = {"total": "sum(rate(a[{{.window}}]))", "bad": 'sum(rate(a{code="500"}[{{.window}}]))'}
    grouped = {"prometheus": {"server": "one", **rates}}
    settings = following.configure([ONE], sli(total="c"), grouped, group_by=["cluster"])
    assert following.followed == {"one": set()}
    following.groups.heard(settings.slos[1], [("us",), ("eu",), ("",)])
    following.servers.follow()
    assert following.followed == {"one": {'a{cluster=""}', 'a{cluster="eu"}', 'a{cluster="us"}'}}
    following.configure([ONE], sli(total="c"))
    assert following.followed == {"one": {"c"}}


async def test_what_was_read_of_slis_that_left_is_forgotten_when_the_ledger_has(following: Following) -> None:
    old, recent = Unread(START - 200 * DAY, START - 100 * DAY), Unread(START - 200 * DAY, START - DAY)
    following.books.mark({(SOURCE, "old"): old.watermark(), (SOURCE, "recent"): recent.watermark()})
    following.configure([ONE], sli())
    assert set(following.books.watermarks(SOURCE)) == {"recent"}


async def test_a_watermark_that_is_damaged_keeps_its_past_from_being_counted_twice(following: Following) -> None:
    following.books.mark({(SOURCE, "prometheus:one:total=a;bad=b"): b"\x00"})
    following.configure([ONE], sli())
    (unread,) = following.unread()
    assert (unread.gaps, unread.until) == ([], START - 30)


async def test_counts_whose_watermark_was_lost_with_a_damaged_ledger_are_not_counted_again(
    following: Following,
) -> None:
    settings = following.configure([ONE], sli())
    key = settings.slos[0].sli
    following.books._backlog.store.append([], {key: Counts(good=7)}, {"now": str(START)})
    following.books.open(settings.slos)
    following.configure([])
    following.configure([ONE], sli())
    assert following.unread()[0].gaps == []


async def test_why_nothing_can_be_counted_is_said_with_the_server(following: Following) -> None:
    settings = following.configure([ONE], sli())
    key = settings.slos[0].sli
    assert following.servers.failing(key) is None
    following.servers._sources["one"]._followed[key].failed(ServerFault("partial", "a store is gone"))
    failing = following.servers.failing(key)
    assert failing is not None
    assert (failing.target, failing.reason, failing.detail) == ("one", "partial", "a store is gone")
    assert following.servers.failing("probe:gate") is None


async def test_a_server_whose_authority_is_gone_is_refused_and_nothing_changes(
    following: Following, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    secure = {"name": "one", "url": "https://one.example", "tls": {"ca_file": str(authority)}}
    settings = following.configure([secure], sli())
    authority.unlink()
    other = Servers(
        following.books,
        following.groups,
        path=tmp_path / "watchkeep.yaml",
        context=Context.default(Time().clock()),
        telemetry=Telemetry(),
    )
    with pytest.raises(ConfigError, match=r"servers\[one\]: cannot be used"):
        other.clients(settings)
    assert following.followed == {"one": {"a"}}
