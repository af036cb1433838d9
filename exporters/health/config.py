"""What the configurations of collectors of servers that hold data have in common."""

from datetime import timedelta
from typing import ClassVar

from pydantic import model_validator

from exporters.health.replication import Expect
from slo.config.types import Duration, PositiveDuration, wrong
from slo.net.target import TargetConfig


class ServerConfig(TargetConfig):
    """The configuration of a collector of one server. A kind says which `roles` and `modes` its servers can have, and
    whether they tell how large their cluster is.
    """

    roles: ClassVar[tuple[str, ...]] = ("primary", "replica")
    modes: ClassVar[tuple[str, ...]]
    tells_cluster_size: ClassVar[bool] = True

    expect: Expect = Expect()
    """What the server must be, and how replication must stand."""

    login_interval: Duration = timedelta(seconds=60)
    """How often somebody logs in anew, beside the connection that is kept; 0s is never."""

    slow_interval: PositiveDuration = timedelta(seconds=60)
    """How often what costs the server more is asked for, as tables and latencies; in between its last values stand."""

    @model_validator(mode="after")
    def _expects_what_can_be(self) -> "ServerConfig":
        expect = self.expect
        if expect.role is not None and expect.role not in self.roles:
            raise wrong(f"expects a {expect.role}, which it can never be", f"write {' or '.join(self.roles)}")
        if expect.replication is not None and not set(expect.replication) & set(self.modes):
            never = " or ".join(expect.replication) or "nothing"
            raise wrong(f"expects replication to be {never}, which it can never be", f"write {' or '.join(self.modes)}")
        if expect.cluster_size is not None and not self.tells_cluster_size:
            raise wrong("expects members of a cluster, which it has none of", "leave `cluster_size` out")
        return self
