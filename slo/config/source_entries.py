"""From what was read of a server, a forwarder or a Spinnaker to its entry in the settings."""

from datetime import timedelta

from slo.config.check_entries import DEFAULT_TIMEOUT
from slo.config.entries import Entry
from slo.config.schema import ForwarderKeys, ServerKeys
from slo.config.settings import ForwarderEntry, ServerEntry, SpinnakerEntry
from slo.config.spinnaker_keys import SpinnakerKeys

DEFAULT_OFFSET = timedelta(seconds=30)
"""What VictoriaMetrics calls its latency offset: it does not show newer samples as they are."""


def server_of(entry: Entry[ServerKeys]) -> ServerEntry:
    """The entry of a server without faults."""
    keys = entry.keys.values
    return ServerEntry(
        name=keys.name,
        url=keys.url.rstrip("/"),
        interval=keys.interval,
        timeout=keys.timeout or min(DEFAULT_TIMEOUT, keys.interval),
        offset=max(DEFAULT_OFFSET, keys.interval) if keys.offset is None else keys.offset,
        headers=keys.headers,
        basic_auth=keys.basic_auth,
        bearer_token=keys.bearer_token,
        tls=keys.tls,
    )


def forwarder_of(entry: Entry[ForwarderKeys]) -> ForwarderEntry:
    """The entry of a forwarder without faults."""
    keys = entry.keys.values
    return ForwarderEntry(name=keys.name, type=keys.type, config=entry.whole(), spool_bytes=keys.spool.max_size)


def spinnaker_of(entry: Entry[SpinnakerKeys]) -> SpinnakerEntry:
    """The entry of a Spinnaker without faults."""
    keys = entry.keys.values
    return SpinnakerEntry(name=keys.name, token=keys.token, events=keys.events, labels=keys.labels)
