"""The silence of a primary, as its replica hears it.

A primary that stands still leaves its replica with running threads and 0 seconds behind until the network gives up,
a minute by default. It only sends nothing: no events, and none of the heartbeats that it would send in their place.
So who sees that neither the position in its log nor the count of heartbeats moves, for longer than a heartbeat takes
to come, knows that it is silent, and since when at the latest.
"""

from collections.abc import Iterable

from exporters.mysql.replica import RUNS, Channel

SLACK_SECONDS = 1.0
SLACK_SHARE = 0.1
"""How much later than it is due a heartbeat may come."""


class Silence:
    """Remembers for each channel when a sign of life was seen last."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[str | None, ...], float]] = {}

    def listen(self, channels: Iterable[Channel], now: float) -> dict[str, float]:
        """For how many seconds at least each primary is silent that should have said something by `now`, by channel.

        `now` is monotonic seconds. What nobody can know is left out: channels that do not run, or have no heartbeats.
        """
        last, silent = {}, {}
        for channel in channels:
            known, since = self._last.get(channel.name, ((), now))
            if known != channel.signs or channel.columns.get("slave_io_running") != RUNS:
                since = now
            last[channel.name] = channel.signs, since
            period = channel.heartbeat_period
            if period is not None and now - since > period + max(SLACK_SECONDS, period * SLACK_SHARE):
                silent[channel.name] = now - since
        self._last = last
        return silent
