"""What is said of the SLIs of a server."""

from itertools import permutations

from slo.core.sli import PrometheusSLI
from slo.exposition.catalogue import Telemetry
from slo.sources.prometheus.followed import Followed, Wanted
from slo.sources.prometheus.remarks import Remarks
from slo.sources.prometheus.tally import Piece

NOW = 1_767_225_600


def group(cluster: str, *, read_seconds: int) -> Followed:
    """A group of the SLO `api` with a window of an hour, of which so much was read."""
    sli = PrometheusSLI(server="prod", total=f'a{{cluster="{cluster}"}}', part="b", part_is="bad")
    followed = Followed(Wanted(sli=sli, slos=("api",), keep_seconds=3600), NOW, slot_seconds=10, least_seconds=30)
    followed.unread.take(Piece(since=NOW - read_seconds, until=NOW))
    return followed


def test_the_history_of_an_slo_is_read_as_far_as_that_of_its_group_that_is_behind() -> None:
    groups = [group("eu", read_seconds=3600), group("us", read_seconds=900), group("ap", read_seconds=1800)]
    for order in permutations(groups):
        telemetry = Telemetry()
        Remarks("prod", telemetry).round(order)
        labels = {"server": "prod", "slo": "api"}
        assert telemetry.registry.get_sample_value("watchkeep_server_history_ratio", labels) == 0.25
