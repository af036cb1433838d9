"""How that is said which is asked more seldom: its samples are made once, and stand until the next time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress, repeat

from exporters.redis.commands import Commands, Latencies
from exporters.redis.labels import at_quantile, labelled, of_command
from exporters.redis.slow import Slow
from slo.core.sample import Sample, column

_CONFIGURED = {
    "maxclients": "redis_config_maxclients",
    "maxmemory": "redis_config_maxmemory",
    "io-threads": "redis_config_io_threads",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Seldom:
    """What was answered, and the samples of it."""

    slow: Slow
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, slow: Slow, commands: Commands) -> "Seldom":
        """Answers, and what was known of commands when they were given."""
        return cls(slow=slow, samples=tuple(_samples(slow, commands)))


def _samples(slow: Slow, commands: Commands) -> Iterator[Sample]:
    yield from _latency_samples(slow.latencies, commands)
    for name, metric in _CONFIGURED.items():
        value = slow.setting(name)
        if value is not None:
            yield Sample(metric, value)
    yield from _buffer_samples(slow.settings.get("client-output-buffer-limit", ""))
    for event, at, seconds in slow.spikes:
        labels = labelled(("event_name", event))
        yield Sample("redis_latency_spike_last", at, labels)
        yield Sample("redis_latency_spike_duration_seconds", seconds, labels)
    if slow.slow_log is not None:
        yield Sample("redis_slowlog_length", slow.slow_log.length)
        yield Sample("redis_slowlog_last_id", slow.slow_log.last_id)
        yield Sample("redis_last_slow_execution_duration_seconds", slow.slow_log.last_seconds)
    totals = dict(zip(commands.names, commands.microseconds, strict=True))
    for command, calls, buckets in slow.histograms:
        for microseconds, count in buckets:
            bucket = labelled(("cmd", command), ("le", microseconds))
            yield Sample("redis_commands_latencies_usec_bucket", count, bucket)
        yield Sample("redis_commands_latencies_usec_bucket", calls, labelled(("cmd", command), ("le", "+Inf")))
        yield Sample("redis_commands_latencies_usec_sum", totals.get(command, 0.0), of_command(command))
        yield Sample("redis_commands_latencies_usec_count", calls, of_command(command))


def _latency_samples(latencies: Latencies, commands: Commands) -> Iterator[Sample]:
    """Percentiles, and of the commands that have some what all calls took, as a summary has it."""
    for percentile, values in latencies.percentiles.items():
        quantiles = map(at_quantile, latencies.names, repeat(percentile))
        yield from column("redis_latency_percentiles_usec", values, quantiles)
    timed = frozenset(latencies.names)
    known = [name in timed for name in commands.names]
    labels = list(map(of_command, compress(commands.names, known)))
    sums, counts = compress(commands.microseconds, known), compress(commands.calls, known)
    yield from column("redis_latency_percentiles_usec_sum", sums, labels)
    yield from column("redis_latency_percentiles_usec_count", counts, labels)


def _buffer_samples(setting: str) -> Iterator[Sample]:
    """`normal 0 0 0 slave 268435456 67108864 60`: a hard and a soft limit of each class, and how long for the soft."""
    words = setting.split()
    for place in range(0, len(words) - 3, 4):
        name, *limits = words[place : place + 4]
        if all(limit.isascii() and limit.isdigit() and len(limit) < 20 for limit in limits):
            hard, soft, seconds = map(float, limits)
            classed = ("class", name)
            metric = "redis_config_client_output_buffer_limit"
            yield Sample(f"{metric}_bytes", hard, labelled(classed, ("limit", "hard")))
            yield Sample(f"{metric}_bytes", soft, labelled(classed, ("limit", "soft")))
            yield Sample(f"{metric}_overcome_seconds", seconds, labelled(classed, ("limit", "soft")))
