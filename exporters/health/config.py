"""What the configurations of collectors of servers that hold data have in common."""

from datetime import timedelta

from exporters.health.replication import Expect
from slo.config.types import Duration, PositiveDuration
from slo.net.target import TargetConfig


class ServerConfig(TargetConfig):
    """The configuration of a collector of one server."""

    expect: Expect = Expect()
    """What the server must be, and how replication must stand."""

    login_interval: Duration = timedelta(seconds=60)
    """How often somebody logs in anew, beside the connection that is kept; 0s is never."""

    slow_interval: PositiveDuration = timedelta(seconds=60)
    """How often what costs the server more is asked for, as tables and latencies; in between its last values stand."""
