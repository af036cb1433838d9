"""A node as the kubelet and the runtime leave it on disk, and a follower of its logs that can be killed."""

import gzip
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.containers.following import Following
from exporters.forwarding.spool import Spool
from slo.config.containers import ContainersConfig
from slo.core.pod import Owner, Pod
from slo.core.protocols import Clock
from slo.core.telemetry import Logged
from slo.core.telemetry_document import read
from slo.exposition.forwarding import Forwarding
from slo.store.spool import SpoolFile
from tests.exporters.clocks import SetClock

UID = "8f1c1f5e-0b7a-4c55-9d1f-6f0d3c9f7a11"


class Container:
    """The log of one container. What is written gets times that grow; files get those of the clock."""

    def __init__(self, folder: Path, clock: Clock, *, pod: str = f"shop_web-0_{UID}", name: str = "web") -> None:
        self.folder = folder / pod / name
        self.folder.mkdir(parents=True)
        self.start = 0
        self.clock = clock
        self._lines = 0

    @property
    def path(self) -> Path:
        return self.folder / f"{self.start}.log"

    def line(self, text: str, stream: str = "stdout", tag: str = "F") -> bytes:
        """What the runtime writes for a piece of a line."""
        self._lines += 1
        at = self.clock.now() + timedelta(microseconds=self._lines)
        return f"{at.isoformat().replace('+00:00', 'Z')} {stream} {tag} {text}\n".encode()

    def writes(self, *texts: str, stream: str = "stdout", tag: str = "F") -> None:
        for text in texts:
            self.writes_bytes(self.line(text, stream, tag))

    def writes_bytes(self, what: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(what)
        self.touch(self.path)

    def touch(self, path: Path) -> None:
        at = self.clock.now().timestamp()
        os.utime(path, (at, at))

    def rotated(self) -> list[Path]:
        return sorted(self.folder.glob("*.log.????????-??????"))

    def rotates(self) -> None:
        """The file gets another name, and a new one is begun, as the kubelet has it done."""
        self.path.rename(f"{self.path}.{self.clock.now():%Y%m%d-%H%M%S}")
        self.path.touch()
        self.touch(self.path)

    def compresses(self, path: Path) -> None:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    def restarts(self) -> None:
        self.start += 1
        self.path.touch()
        self.touch(self.path)


class Pods:
    """Pods that change when a test says so."""

    def __init__(self, *pods: Pod) -> None:
        self.now: Mapping[str, Pod] = {f"{pod.namespace}/{pod.name}": pod for pod in pods}

    async def changes(self):  # type: ignore[no-untyped-def]
        yield self.now


def pod(name: str = "web-0", namespace: str = "shop", *, uid: str = UID, phase: str = "Running", **labels: str) -> Pod:
    return Pod(
        namespace=namespace,
        name=name,
        uid=uid,
        node="n1",
        ip="10.0.0.7",
        ips=("10.0.0.7",),
        phase=phase,
        ready=True,
        leaving=False,
        labels=labels,
        annotations={},
        containers=(),
        owner=Owner(kind="StatefulSet", name="web"),
        created=SetClock().now(),
    )


class Follower:
    """An agent that follows the logs below `root`. Begun again it goes on from its spool, as after a kill."""

    def __init__(
        self, folder: Path, root: Path, clock: SetClock, *pods: Pod, most_bytes: int = 10**8, **keys: object
    ) -> None:
        self.registry = CollectorRegistry()
        self.clock = clock
        self.root = root
        self.config = ContainersConfig.model_validate({"namespaces": ("shop",), "folder": str(root), **keys})
        telemetry = Forwarding(self.registry)
        self.file = SpoolFile(folder / "spool")
        self.spool = Spool(self.file, "far", most_bytes=most_bytes, clock=clock, telemetry=telemetry)
        self.following = Following(
            self.config,
            self.spool,
            Pods(*pods),
            marks=self.file.marks(),
            labelled=lambda labels: {"site": "x", **labels},
            clock=clock,
            telemetry=telemetry,
        )
        self.knows(*pods)

    def knows(self, *pods: Pod) -> None:
        self.following.know({f"{pod.namespace}/{pod.name}": pod for pod in pods})

    async def looks(self) -> None:
        """Look until nothing is left, for now."""
        while await self.following.once():
            pass
        await self.spool.flush()

    async def looks_long(self) -> None:
        """Look so often that files have settled."""
        for _ in range(8):
            self.clock.seconds += 3
            await self.looks()

    def logs(self) -> list[Logged]:
        """All lines in the spool, in their order."""
        with self.file._file.reading() as db:
            rows = db.execute("SELECT body FROM records ORDER BY number").fetchall()
        found = [read(body) for (body,) in rows]
        assert all(isinstance(each, Logged) for each in found)
        return [replace(each) for each in found if isinstance(each, Logged)]

    def messages(self) -> list[str]:
        return [log.message for log in self.logs()]

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name, {"forwarder": "far"})
