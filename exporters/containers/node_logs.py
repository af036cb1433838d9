"""The logs of those containers on a node that are followed: what is new in them, and how far that is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exporters.containers.container import ContainerLog, Told
from exporters.containers.files import files_in, folder_at, folders_in
from exporters.containers.levels import level_of
from exporters.containers.lines import Line
from slo.config.containers import ContainersConfig
from slo.core.pod import Pod, label_name_of, workload_of
from slo.core.protocols import Clock
from slo.core.telemetry import Logged, Rank, id_of
from slo.core.telemetry_document import written
from slo.store.spooled import New

DATASET = "kubernetes.container_logs"

TURN_BYTES = 200_000
"""How much may be taken of one container before the others have a turn, as it lies in a spool."""

MARK = "container "
"""How the marks of files begin; their container and their identity follow."""

_POD = re.compile(r"([a-z0-9-]+)_([a-z0-9.-]+)_([A-Za-z0-9-]+)")
_OVER = frozenset({"Succeeded", "Failed"})


@dataclass(kw_only=True, slots=True)
class Taken:
    """What was read at once, with the marks that go with it. `size` is that of the records, in bytes.

    With `more` there is more that could be read. `unreadable` are the places that could not be, and why; `lost_bytes`
    were gone before they could.
    """

    records: list[New] = field(default_factory=list)
    marks: dict[str, str | None] = field(default_factory=dict)
    size: int = 0
    more: bool = False
    unreadable: dict[str, OSError] = field(default_factory=dict)
    lost_bytes: int = 0


class NodeLogs:
    """Reads the logs of the containers that `config` means. `labelled` says which labels a line of a container has.

    `marks` are what was told; see `ContainerLog` for `since`.
    """

    def __init__(
        self,
        config: ContainersConfig,
        *,
        marks: Mapping[str, str],
        since: float,
        labelled: Callable[[Mapping[str, str]], Mapping[str, str]],
        clock: Clock,
    ) -> None:
        self._config = config
        self._selected = config.selected()
        self._marks = {name: mark for name, mark in marks.items() if name.startswith(MARK)}
        self._since = since
        self._labelled = labelled
        self._clock = clock
        self._logs: dict[str, ContainerLog] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._turn = ""

    @property
    def containers(self) -> int:
        """How many are followed."""
        return len(self._logs)

    @property
    def unread_bytes(self) -> int:
        """How much was there and not read."""
        return sum(log.unread_bytes for log in self._logs.values())

    def read(self, pods: Mapping[str, Pod], most_bytes: int) -> Taken:
        """About so much of what is new. `pods` are those of the node, by their uids and by NAMESPACE/NAME."""
        taken = Taken()
        with self._noted(taken, self._config.folder):
            with folder_at(self._config.folder) as root:
                folders = sorted(folders_in(root))
            read, there = set[str](), set[str]()
            later = [name for name in folders if name > self._turn]
            for name in [*later, *folders[: len(folders) - len(later)]]:
                pod = _pod_of(name, pods)
                if self._wants(name, pod):
                    read.add(name)
                    there |= self._read_pod(name, pod, taken, most_bytes)
            for key in self._logs.keys() - there:
                folder = key.partition("/")[0]
                self._leave(key, taken, gone=folder in read or folder not in folders)
            self._mark(folders, taken)
        return taken

    def told(self, marks: Mapping[str, str | None]) -> None:
        """These marks are on their way to the disk, with what was read."""
        self._marks |= {name: mark for name, mark in marks.items() if mark is not None}
        for name in [name for name, mark in marks.items() if mark is None]:
            self._marks.pop(name, None)

    def begin_again(self) -> None:
        """Go on from what was told: what was read besides is read again."""
        self._logs, self._labels = {}, {}

    def _read_pod(self, name: str, pod: Pod | None, taken: Taken, most_bytes: int) -> set[str]:
        """Read the logs of one pod. Its containers, as they are called here."""
        keys = {key for key in self._logs if key.startswith(f"{name}/")}  # until it is known which have gone
        with self._noted(taken, name):
            with folder_at(self._config.folder, name) as folder:
                containers = folders_in(folder)
            keys = {f"{name}/{container}" for container in containers}
            for container in containers:
                if taken.size >= most_bytes:
                    taken.more = True
                    break
                self._turn = name
                with (
                    self._noted(taken, f"{name}/{container}"),
                    folder_at(self._config.folder, name, container) as folder,
                ):
                    self._read_container(folder, f"{name}/{container}", pod, taken, most_bytes)
        return keys

    def _read_container(self, folder: int, key: str, pod: Pod | None, taken: Taken, most_bytes: int) -> None:
        log = self._logs.get(key)
        if log is None:
            log = self._logs[key] = ContainerLog(self._told_of(key), since=self._since)
        if pod is not None or key not in self._labels:
            self._labels[key] = self._labelled(_labels_of(key, pod, self._config.labels))
        over, now = pod is None or pod.phase in _OVER, self._clock.now().timestamp()
        most = min(most_bytes, taken.size + TURN_BYTES)
        for line in log.read(folder, files_in(folder), now=now, over=over):
            self._take(key, line, taken)
            if taken.size >= most:
                taken.more = True
                break

    def _take(self, key: str, line: Line, taken: Taken) -> None:
        at = line.at or self._clock.now()
        message = line.text.decode(errors="replace")
        log = Logged(
            id=id_of("container", key, line.begin.file, line.begin.offset),
            at=at,
            dataset=DATASET,
            action="written",
            level=level_of(message),
            message=message,
            labels=self._labels[key],
            fields={"stream": line.stream, "file": line.begin.file, "offset": line.begin.offset, "cut": line.cut},
        )
        record = New(rank=Rank.LOG, at=at.timestamp(), body=written(log))
        taken.records.append(record)
        taken.size += len(record.body)

    def _leave(self, key: str, taken: Taken, *, gone: bool) -> None:
        """Forget a container. Of one that is gone the line is told that it did not end."""
        log = self._logs.pop(key)
        if gone:
            for line in log.read(-1, (), now=0.0, over=True):
                self._take(key, line, taken)
            taken.lost_bytes += log.lost_bytes
        del self._labels[key]

    def _mark(self, folders: Sequence[str], taken: Taken) -> None:
        """Note what is told of every file now, and forget those that are gone."""
        marks: dict[str, str] = {}
        for key, log in self._logs.items():
            marks |= {f"{MARK}{key} {identity}": str(told) for identity, told in log.told.items()}
            taken.lost_bytes += log.lost_bytes
            log.lost_bytes = 0
        there = set(folders)
        for name in self._marks.keys() - marks.keys():
            key = name.removeprefix(MARK).rpartition(" ")[0]
            if key in self._logs or key.partition("/")[0] not in there:
                taken.marks[name] = None
        taken.marks |= {name: mark for name, mark in marks.items() if self._marks.get(name) != mark}

    def _told_of(self, key: str) -> Mapping[str, Told]:
        prefix = f"{MARK}{key} "
        return {
            name.removeprefix(prefix): Told.of(mark) for name, mark in self._marks.items() if name.startswith(prefix)
        }

    def _wants(self, folder: str, pod: Pod | None) -> bool:
        """Whether a pod is followed. One that nobody knows any more is, to its end, if it was."""
        if pod is not None:
            return self._selected(pod)
        return any(mark.startswith(f"{MARK}{folder}/") for mark in self._marks)

    @contextmanager
    def _noted(self, taken: Taken, place: str) -> Iterator[None]:
        """What cannot be read stops nothing else. What has just got another name is found by it at the next look."""
        try:
            yield
        except OSError as error:
            if place == self._config.folder or not isinstance(error, FileNotFoundError):
                taken.unreadable[place] = error


def _pod_of(folder: str, pods: Mapping[str, Pod]) -> Pod | None:
    """The pod that a folder is of; a static one has another uid there than the API server says."""
    named = _POD.fullmatch(folder)
    if named is None:
        return None
    return pods.get(named[3]) or pods.get(f"{named[1]}/{named[2]}")


def _labels_of(key: str, pod: Pod | None, names: Sequence[str]) -> dict[str, str]:
    """The labels of a container, those of its pod with these names among them."""
    folder, _, container = key.partition("/")
    if pod is None:
        namespace, name, _ = folder.split("_")
        return {"namespace": namespace, "pod": name, "container": container}
    labels = {
        **{label_name_of(name): pod.labels.get(name, "") for name in names},
        "namespace": pod.namespace,
        "pod": pod.name,
        "container": container,
        "node": pod.node,
        "workload": workload_of(pod),
    }
    return {name: value for name, value in labels.items() if value}
