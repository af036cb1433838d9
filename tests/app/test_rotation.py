"""A file that changed on disk is read anew once it is whole, and only then."""

import asyncio
import os
from pathlib import Path

from slo.app.rotation import LOOK_EVERY_SECONDS, Rotation
from tests.exporters.clocks import SetClock


class Looks(SetClock):
    """Time that goes on by one look after the other, between which a test does something."""

    def __init__(self) -> None:
        super().__init__()
        self._due = asyncio.Event()
        self._asleep = asyncio.Event()

    async def sleep_until(self, monotonic: float) -> None:
        self.seconds = monotonic
        self._asleep.set()
        await self._due.wait()
        self._due.clear()

    async def look(self) -> None:
        await self._asleep.wait()
        self._asleep.clear()
        self._due.set()
        await self._asleep.wait()


class Followed:
    """Files that are followed, and how often they were read anew."""

    def __init__(self, *files: Path) -> None:
        self.files = list(files)
        self.clock = Looks()
        self.reloads = 0
        self._task = asyncio.create_task(Rotation(lambda: self.files, self._reload, clock=self.clock).run())

    async def _reload(self) -> None:
        self.reloads += 1

    async def looks(self, times: int) -> int:
        """How often they were read anew after so many looks."""
        before = self.reloads
        for _ in range(times):
            await self.clock.look()
        return self.reloads - before

    def close(self) -> None:
        self._task.cancel()


async def test_a_secret_that_is_replaced_is_read_anew_once(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old")
    followed = Followed(secret)
    assert await followed.looks(2) == 0
    secret.write_text("newer")
    assert await followed.looks(1) == 0  # it may still be written to
    assert await followed.looks(1) == 1
    assert await followed.looks(3) == 0
    followed.close()


async def test_a_volume_of_kubernetes_that_is_swapped_is_a_change(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text("same length")
        os.utime(tmp_path / version / "token", (1, 1))
    data, token = tmp_path / "..data", tmp_path / "token"
    data.symlink_to("one")
    token.symlink_to("..data/token")
    followed = Followed(token)
    await followed.looks(1)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(data)
    assert await followed.looks(3) == 1
    followed.close()


async def test_a_file_that_goes_on_changing_waits_until_it_rests(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0")
    followed = Followed(secret)
    for length in range(1, 5):
        secret.write_text("x" * length)
        assert await followed.looks(1) == 0
    assert await followed.looks(1) == 1
    followed.close()


async def test_a_file_that_is_gone_and_comes_back_is_read_anew(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("here")
    followed = Followed(secret)
    await followed.looks(1)
    secret.unlink()
    await followed.looks(2)
    secret.write_text("here again")
    assert await followed.looks(2) == 1
    followed.close()


async def test_a_file_that_is_new_to_the_configuration_is_no_change(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    followed = Followed(first)
    await followed.looks(1)
    followed.files.append(second)
    assert await followed.looks(3) == 0
    second.write_text("changed")
    assert await followed.looks(2) == 1
    assert followed.clock.seconds >= LOOK_EVERY_SECONDS
    followed.close()
