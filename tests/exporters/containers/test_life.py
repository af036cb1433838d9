"""Whatever the cut points and the names of files, and whenever who follows them is killed: each line is told once."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.containers.node_logs import Taken
from tests.exporters.clocks import SetClock
from tests.exporters.containers.node import Container, Follower, pod

STREAMS = ("stdout", "stderr")


class Life:
    """A container that writes, what happens to its files, and who follows them."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder = folder
        self.room = room
        self.clock = SetClock()
        self.root = folder / "pods"
        self.root.mkdir()
        self.follower = Follower(folder, self.root, self.clock, pod(), most_bytes=room)
        self.written: dict[str, list[str]] = {stream: [] for stream in STREAMS}
        self.begun: dict[str, str] = dict.fromkeys(STREAMS, "")
        self.told: list[tuple[str, str]] = []
        self._pieces = 0

    async def begin(self) -> None:
        await self.follower.looks()
        self.clock.seconds += 60
        self.container = Container(self.root, self.clock)

    async def piece(self, stream: str, size: int) -> None:
        """A piece of a line that another one follows."""
        text = self._text(size)
        self.container.writes(text, stream=stream, tag="P")
        self.begun[stream] += text

    async def end(self, stream: str, size: int) -> None:
        """The last piece of a line."""
        text = self._text(size)
        self.container.writes(text, stream=stream)
        self._ends(stream, text)

    async def torn(self, stream: str, at: int) -> None:
        """The same, of which half is seen."""
        text = self._text(40)
        line = self.container.line(text, stream)
        self.container.writes_bytes(line[:at])
        await self.look()
        self.container.writes_bytes(line[at:])
        self._ends(stream, text)

    async def rotate(self) -> None:
        if self.container.path.exists():
            self.container.rotates()

    async def restart(self) -> None:
        """The container ends in the middle of its lines, and is begun anew."""
        for stream in STREAMS:
            if self.begun[stream]:
                self._ends(stream, "")
        self.clock.seconds += 10
        self.container.restarts()

    async def compress(self) -> None:
        """Old files are compressed: late enough for all of them to be read."""
        if not any(self.begun.values()):
            await self.everything()
            for path in self.container.rotated():
                self.container.compresses(path)

    async def look(self) -> None:
        await self.follower.looks()

    async def settle(self) -> None:
        await self.follower.looks_long()

    async def send(self) -> None:
        """What waits is sent."""
        self.told += [(str(log.fields["stream"]), log.message) for log in self.follower.logs()]
        while head := self.follower.file.head(most=1000, most_bytes=10**7):
            self.follower.file.settle(head.records)

    async def kill(self) -> None:
        self.follower.file.close()
        self.follower = Follower(self.folder, self.root, self.clock, pod(), most_bytes=self.room)

    async def kill_while_it_reads(self) -> None:
        self._reads()
        await self.kill()

    async def kill_before_it_writes(self) -> None:
        taken = self._reads()
        self.follower.spool.add(taken.records, taken.marks)
        await self.kill()

    async def everything(self) -> None:
        """Read and send until nothing is left."""
        left = True
        while left:
            await self.settle()
            left = bool(self.follower.file.depths())
            await self.send()

    def _reads(self) -> Taken:
        return self.follower.following._logs.read(self.follower.following._known, 500)

    def _text(self, size: int) -> str:
        self._pieces += 1
        return f"{self._pieces}:{'x' * size}|"

    def _ends(self, stream: str, text: str) -> None:
        self.written[stream].append(self.begun[stream] + text)
        self.begun[stream] = ""


PLAIN = (
    *(Life.rotate, Life.restart, Life.compress, Life.look, Life.settle, Life.send),
    *(Life.kill, Life.kill_while_it_reads, Life.kill_before_it_writes),
)
WRITING = st.tuples(st.sampled_from([Life.piece, Life.end]), st.sampled_from(STREAMS), st.integers(0, 30))
TORN = st.tuples(st.just(Life.torn), st.sampled_from(STREAMS), st.integers(1, 80))
STEPS = st.one_of(WRITING, TORN, st.tuples(st.sampled_from(PLAIN)))


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, min_size=5, max_size=40), room=st.sampled_from([10**8, 3000]))
async def test_every_line_is_told_once_and_in_the_order_of_its_stream(steps: list[Any], room: int) -> None:
    with TemporaryDirectory() as name:
        life = Life(Path(name), room)
        await life.begin()
        for step, *arguments in steps:
            life.clock.seconds += 1
            await step(life, *arguments)
        await life.everything()
        for stream in STREAMS:
            assert [text for each, text in life.told if each == stream] == life.written[stream]
        assert max(Counter(life.told).values(), default=1) == 1
        assert not life.follower.metric("watchkeep_forwarder_log_lost_bytes_total")
        life.follower.file.close()
