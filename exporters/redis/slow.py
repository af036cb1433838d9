"""What a Redis is asked more seldom than each round: its settings, its slow log, and what it knows of latencies.

Each question is one of its own, since a user may be allowed one and not another, and a provider may have renamed or
removed the command. What is not told is left out and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporters.redis.commands import Latencies, read_latencies
from exporters.redis.info import number, sections
from slo.net.redis import Answer

SETTINGS = (
    "databases",
    "maxmemory",
    "maxclients",
    "io-threads",
    "client-output-buffer-limit",
    "stop-writes-on-bgsave-error",
    "save",
    "min-replicas-to-write",
)

_OTHERS = (("INFO", "LATENCYSTATS"), ("LATENCY", "LATEST"), ("SLOWLOG", "LEN"), ("SLOWLOG", "GET", "1"))
_HISTOGRAM = ("LATENCY", "HISTOGRAM")


class Spike(NamedTuple):
    """The last time that something took longer than `latency-monitor-threshold`: when (Unix), and how long."""

    event: str
    at: float
    seconds: float


class Histogram(NamedTuple):
    """How many calls of a command took at most so many microseconds: (microseconds, calls), which add up."""

    command: str
    calls: float
    buckets: tuple[tuple[str, float], ...]


class SlowLog(NamedTuple):
    """The log of slow commands: of its last entry the id, and how many seconds the command took."""

    length: float
    last_id: float
    last_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """The answers. `untold` is how many questions had none, and how many lines could not be read."""

    settings: Mapping[str, str] = field(default_factory=dict)
    latencies: Latencies = field(default_factory=Latencies)
    spikes: tuple[Spike, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    slow_log: SlowLog | None = None
    untold: int = 0

    def setting(self, name: str) -> float | None:
        """A setting that is a number; None where it is not known."""
        return number(self.settings.get(name, ""))


def questions(*, histograms: bool) -> list[tuple[str, ...]]:
    """What to ask. Before version 7 a server takes one setting at a time."""
    settings = [("CONFIG", "GET", name) for name in SETTINGS]
    return [*settings, *_OTHERS, *([_HISTOGRAM] if histograms else [])]


def read_slow(replies: Sequence[Answer]) -> Slow:
    """What the answers to these questions say."""
    configured = {
        name: value
        for name, reply in zip(SETTINGS, replies, strict=False)
        if (value := _setting(name, reply)) is not None
    }
    percentiles, latest, length, last, *histogram = replies[len(SETTINGS) :]
    latencies = _latencies(percentiles)
    spikes = _spikes(latest)
    slow_log = _slow_log(length, last)
    histograms = _histograms(histogram[0]) if histogram else ()
    untold = [latencies, spikes, slow_log, histograms].count(None) + len(SETTINGS) - len(configured)
    return Slow(
        settings=configured,
        latencies=latencies or Latencies(),
        spikes=spikes or (),
        histograms=histograms or (),
        slow_log=slow_log,
        untold=untold + (latencies.unread if latencies else 0),
    )


def _setting(name: str, reply: Answer) -> str | None:
    match reply:
        case [bytes() as key, bytes() as value] if key.decode(errors="replace") == name:
            return value.decode(errors="replace")
    return None


def _latencies(reply: Answer) -> Latencies | None:
    return read_latencies(sections(reply).get("Latencystats", "")) if isinstance(reply, bytes) else None


def _spikes(reply: Answer) -> tuple[Spike, ...] | None:
    if not isinstance(reply, list):
        return None
    found = []
    for spike in reply:
        match spike:
            case [bytes() as event, int() as at, int() as milliseconds, *_]:
                found.append(Spike(event.decode(errors="replace"), float(at), milliseconds / 1e3))
    return tuple(found)


def _slow_log(length: Answer, last: Answer) -> SlowLog | None:
    match length, last:
        case int(), []:
            return SlowLog(float(length), 0.0, 0.0)
        case int(), [[int() as last_id, int(), int() as microseconds, *_], *_]:
            return SlowLog(float(length), float(last_id), microseconds / 1e6)
    return None


def _histograms(reply: Answer) -> tuple[Histogram, ...] | None:
    if not isinstance(reply, list):
        return None
    found = []
    for pair in zip(reply[::2], reply[1::2], strict=False):
        match pair:
            case [bytes() as command, [_, int() as calls, _, list() as buckets]]:
                counts = [count for count in buckets if isinstance(count, int)]
                steps = zip(counts[::2], counts[1::2], strict=False)
                read = tuple((str(microseconds), float(count)) for microseconds, count in steps)
                found.append(Histogram(command.decode(errors="replace"), float(calls), read))
    return tuple(found)
