"""Every line that a container wrote is told once, whatever happens to its files and to who follows them."""

import errno
import os
from pathlib import Path

import pytest

from exporters.containers.lines import LONGEST_LINE
from exporters.containers.node_logs import DATASET
from slo.errors import StoreFull
from slo.store.spool import SpoolFile
from tests.exporters.clocks import SetClock
from tests.exporters.containers.node import UID, Container, Follower, pod


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "pods"
    root.mkdir()
    return root


async def begun(tmp_path: Path, root: Path, clock: SetClock, **keys: object) -> Follower:
    """A follower that has looked once before anything was there."""
    follower = Follower(tmp_path, root, clock, pod(app="web"), **keys)  # type: ignore[arg-type]
    await follower.looks()
    clock.seconds += 60
    return follower


async def test_a_line_says_whose_it_is_and_when_it_was_written(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("first")
    container.writes("level=error msg=second", stream="stderr")
    await follower.looks()
    first, second = follower.logs()
    assert (first.dataset, first.message, first.level) == (DATASET, "first", "info")
    assert first.at.isoformat() == "2026-01-01T00:01:00.000001+00:00"
    own = {"namespace": "shop", "pod": "web-0", "container": "web", "node": "n1", "workload": "web"}
    assert first.labels == {"site": "x", "app": "web", **own}
    assert first.fields["stream"] == "stdout"
    assert (second.level, second.fields["stream"]) == ("error", "stderr")
    assert first.id != second.id


async def test_pieces_become_one_line_though_the_other_stream_writes_between_them(
    tmp_path: Path, root: Path, clock: SetClock
) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("one ", tag="P")
    container.writes("other", stream="stderr")
    await follower.looks()
    assert follower.messages() == ["other"]
    container.writes("two ", tag="P")
    container.writes("three", tag="F")
    again = Follower(tmp_path, root, clock, pod())
    await again.looks()
    assert again.messages() == ["other", "one two three"]


async def test_a_line_that_is_not_whole_yet_is_waited_for(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    line = container.line("whole")
    for at in range(0, len(line), 7):
        assert follower.messages() == []
        container.writes_bytes(line[at : at + 7])
        await follower.looks()
    assert follower.messages() == ["whole"]


async def test_what_was_there_before_is_not_told_but_what_is_written_from_then_on(
    tmp_path: Path, root: Path, clock: SetClock
) -> None:
    container = Container(root, clock)
    container.writes("before", "before")
    clock.seconds += 60
    follower = Follower(tmp_path, root, clock, pod())
    await follower.looks()
    container.writes("after")
    later = Container(root, clock, name="later")
    later.writes("all of it")
    await follower.looks()
    assert sorted(follower.messages()) == ["after", "all of it"]


async def test_another_selection_begins_from_then_on(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock, selector="app=other")
    container = Container(root, clock)
    container.writes("not asked for")
    await follower.looks()
    clock.seconds += 60
    again = Follower(tmp_path, root, clock, pod(app="web"), selector="app=web")
    await again.looks()
    container.writes("asked for")
    await again.looks()
    assert again.messages() == ["asked for"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"namespaces": ("shop",)}, True),
        ({"namespaces": ("*",)}, True),
        ({"namespaces": ("bank",)}, False),
        ({"selector": "app in (web,api)"}, True),
        ({"selector": "!app"}, False),
    ],
)
async def test_only_pods_that_are_selected_are_followed(
    keys: dict[str, object],
    told: bool,  # noqa: FBT001
    tmp_path: Path,
    root: Path,
    clock: SetClock,
) -> None:
    follower = await begun(tmp_path, root, clock, **keys)
    Container(root, clock).writes("a")
    Container(root, clock, pod="shop_stranger_0").writes("of a pod that nobody knows")
    Container(root, clock, pod="unpodlike").writes("of no pod")
    await follower.looks()
    assert follower.messages() == (["a"] if told else [])


async def test_a_static_pod_is_known_by_its_name(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    Container(root, clock, pod="shop_web-0_0123456789abcdef0123456789abcdef").writes("a")
    await follower.looks()
    assert follower.messages() == ["a"]


async def test_a_new_name_loses_and_doubles_nothing(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a")
    await follower.looks()
    container.writes("b")
    container.rotates()
    container.writes("d")
    await follower.looks()
    assert follower.messages() == ["a", "b"], "the file before may still be written to"
    with container.rotated()[0].open("ab") as file:
        file.write(container.line("c"))
    container.touch(container.rotated()[0])
    await follower.looks_long()
    assert follower.messages() == ["a", "b", "c", "d"]
    container.compresses(container.rotated()[0])
    container.writes("e")
    await follower.looks_long()
    assert follower.messages() == ["a", "b", "c", "d", "e"]
    assert follower.metric("watchkeep_forwarder_log_lost_bytes_total") == 0
    assert len([mark for mark in follower.file.marks() if mark.startswith("container ")]) == 1


@pytest.mark.parametrize("shorter", [True, False])
async def test_a_file_that_is_begun_anew_is_read_anew(
    shorter: bool,  # noqa: FBT001
    tmp_path: Path,
    root: Path,
    clock: SetClock,
) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a", "b", "c")
    await follower.looks()
    container.path.write_bytes(b"")
    container.writes(*(["d"] if shorter else ["d", "e", "f", "g", "h"]))
    await follower.looks()
    assert follower.messages() == ["a", "b", "c", *(["d"] if shorter else ["d", "e", "f", "g", "h"])]


async def test_a_file_whose_end_was_cut_off_goes_on_where_it_ends(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a", "b")
    await follower.looks()
    os.truncate(container.path, container.path.stat().st_size // 2)
    await follower.looks()
    container.writes("c")
    await follower.looks()
    assert follower.messages() == ["a", "b", "c"]


async def test_the_begin_of_a_line_is_told_where_its_end_will_not_come(
    tmp_path: Path, root: Path, clock: SetClock
) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("panic: ", tag="P")
    await follower.looks_long()
    assert follower.messages() == []
    container.restarts()
    await follower.looks_long()
    assert follower.messages() == ["panic: "]
    container.writes("of the second start", tag="P")
    await follower.looks_long()
    follower.knows(pod(phase="Failed"))
    await follower.looks_long()
    assert follower.messages() == ["panic: ", "of the second start"]


async def test_a_pod_that_is_gone_is_read_to_its_end_and_forgotten(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a")
    await follower.looks()
    container.writes("b")
    container.writes("c", tag="P")
    again = Follower(tmp_path, root, clock)  # the API server knows it no more
    await again.looks()
    assert again.messages() == ["a", "b"]
    container.path.unlink()
    container.folder.rmdir()
    container.folder.parent.rmdir()
    await again.looks()
    assert again.messages() == ["a", "b", "c"]
    assert [mark for mark in again.file.marks() if mark.startswith("container ")] == []


async def test_a_file_that_went_while_nobody_looked_is_forgotten(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a")
    await follower.looks()
    container.path.unlink()
    container.restarts()
    container.writes("b")
    again = Follower(tmp_path, root, clock, pod())
    await again.looks_long()
    assert again.messages() == ["a", "b"]
    assert len([mark for mark in again.file.marks() if mark.startswith("container ")]) == 1


async def test_what_is_gone_before_it_was_read_is_counted(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock, most_bytes=2000)
    container = Container(root, clock)
    lines = [container.line("x" * 100) for _ in range(50)]
    container.writes_bytes(b"".join(lines))
    await follower.looks()
    unread = follower.metric("watchkeep_forwarder_log_unread_bytes")
    assert unread == sum(map(len, lines[len(follower.messages()) :])) > 0
    container.path.unlink()
    head = follower.file.head(most=100, most_bytes=10**6)
    assert head
    follower.file.settle(head.records)
    await follower.looks()
    assert follower.metric("watchkeep_forwarder_log_lost_bytes_total") == unread


async def test_where_the_spool_has_no_room_lines_wait_in_their_files(
    tmp_path: Path, root: Path, clock: SetClock
) -> None:
    follower = await begun(tmp_path, root, clock, most_bytes=20_000)
    container = Container(root, clock)
    texts = [f"{number} {'x' * 50}" for number in range(200)]
    container.writes(*texts)
    told: list[str] = []
    while True:
        await follower.looks()
        assert follower.file.held_bytes < 10_000 + 1000
        head = follower.file.head(most=1000, most_bytes=10**6)
        if head is None:
            break
        told += follower.messages()
        follower.file.settle(head.records)
    assert told == texts
    dropped = "watchkeep_forwarder_records_dropped_total"
    assert [s for m in follower.registry.collect() for s in m.samples if s.name == dropped and s.value] == []


async def test_a_disk_that_takes_nothing_loses_nothing(
    tmp_path: Path, root: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("no space is left")

    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("a")
    with monkeypatch.context() as patched:
        patched.setattr(SpoolFile, "append", full)
        await follower.looks()
        container.writes("b")
        await follower.looks()
    await follower.looks()
    await follower.looks()
    assert follower.messages() == ["a", "b"]


async def test_nothing_is_reached_over_a_link(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    outside = Container(tmp_path / "outside", clock)
    outside.writes("a secret of the node")
    container = Container(root, clock)
    (container.folder / "0.log").symlink_to(outside.path)
    (container.folder.parent / "linked").symlink_to(outside.folder)
    (root / f"shop_linked_{UID}").symlink_to(outside.folder.parent)
    os.mkfifo(container.folder / "1.log")
    await follower.looks()
    assert follower.messages() == []


async def test_what_cannot_be_read_is_told_and_stops_no_other(
    tmp_path: Path, root: Path, clock: SetClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = await begun(tmp_path, root, clock)
    Container(root, clock, name="closed").writes("a")
    Container(root, clock, name="open").writes("b")
    really = os.open

    def refusing(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "closed":
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refusing)
        await follower.looks()
    assert follower.messages() == ["b"]
    assert follower.metric("watchkeep_forwarder_log_unreadable") == 1
    assert "logs of containers cannot be read" in caplog.text
    await follower.looks()
    assert follower.messages() == ["b", "a"]
    assert follower.metric("watchkeep_forwarder_log_unreadable") == 0


async def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    follower = Follower(tmp_path, tmp_path / "nowhere", clock, pod())
    await follower.looks()
    assert "logs of containers cannot be read" in caplog.text
    assert follower.metric("watchkeep_forwarder_log_unreadable") == 1


async def test_what_is_no_text_or_too_long_is_bounded_and_told(tmp_path: Path, root: Path, clock: SetClock) -> None:
    follower = await begun(tmp_path, root, clock)
    container = Container(root, clock)
    container.writes("y" * 3 * LONGEST_LINE)
    container.writes(*["z" * 16_384] * 5, tag="P")
    container.writes("the end", tag="F")
    container.writes_bytes(b"\xff\x00 no line of a runtime\n" + b"\n" + b"w" * 1_000_000 + b"\n")
    container.writes_bytes(container.line("BIN").replace(b"BIN", b"\xf0\x28\x8c\x00"))
    container.writes("after")
    await follower.looks()
    logs = follower.logs()
    assert [(len(log.message), log.fields["cut"]) for log in logs] == [
        (LONGEST_LINE, True),
        (LONGEST_LINE, True),
        (23, False),
        (0, False),
        (LONGEST_LINE, True),
        (4, False),
        (5, False),
    ]
    assert logs[2].message == "\ufffd\x00 no line of a runtime"
    assert logs[5].message == "\ufffd(\ufffd\x00"


async def test_one_container_that_writes_much_keeps_no_other_waiting(
    tmp_path: Path, root: Path, clock: SetClock
) -> None:
    follower = await begun(tmp_path, root, clock)
    loud = Container(root, clock, name="a-loud-one")
    loud.writes_bytes(b"".join(loud.line("x" * 1000) for _ in range(3000)))
    Container(root, clock, name="quiet").writes("heard")
    await follower.following.once()
    assert "heard" in follower.messages()
