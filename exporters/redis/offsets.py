"""How far behind in time somebody is who has read so many bytes of a stream: since when there was more to read.

Redis has no heartbeat in its data, and the seconds that it calls lag are those since a replica last said anything. The
stream of replication is counted in bytes, so what was written when is remembered here.
"""

from collections import deque

MOST_MOMENTS = 1024


class Offsets:
    """When a stream had come how far, as far as that is still of use. `stream` names it: another one begins anew."""

    def __init__(self) -> None:
        self._stream = ""
        self._moments: deque[tuple[float, float]] = deque(maxlen=MOST_MOMENTS)

    def behind(self, stream: str, *, written: float, read: float, now: float) -> float:
        """For how many seconds at least there has been more than what was read; 0.0 where there is no more.

        `written` and `read` are bytes since the stream began, `now` is monotonic seconds.
        """
        moments = self._moments
        if stream != self._stream or (moments and written < moments[-1][1]):
            self._stream = stream
            moments.clear()
        if not moments or written > moments[-1][1]:
            moments.append((now, written))
        while len(moments) > 1 and moments[0][1] <= read:
            moments.popleft()
        at, offset = moments[0]
        return now - at if offset > read else 0.0
