"""Reads what an SLO is judged by, and what that means for its windows: how often it is fed, and by what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from slo.config.names import Names
from slo.config.reading import Reader
from slo.config.report import Location, Report
from slo.config.slo_keys import CountersKeys, PrometheusKeys, SLIKeys
from slo.config.wrong import shown
from slo.core.expression import WINDOW_VARIABLE, has_window, mixes_units, summed_counters
from slo.core.outcome import CheckSort
from slo.core.selector import Selector
from slo.core.sli import SLI, AllOf, CheckSLI, CountersSLI, Part, PrometheusSLI, Weighted

KINDS = ("probe", "collector", "counters", "prometheus", "all_of", "weighted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Feeds:
    """What SLIs can be fed by; None where it could not be read.

    `probes`, `collectors`, `scrapes` and `servers` map a name to its interval, and `several` are the probes and
    collectors that may have several targets. With `whole` False there may be others, whose names are not known.
    """

    probes: Mapping[str, timedelta | None]
    collectors: Mapping[str, timedelta | None]
    scrapes: Mapping[str, timedelta | None]
    servers: Mapping[str, timedelta | None]
    whole: bool
    several: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """An SLI as far as it could be read. `sli` is None where it could not.

    `interval` is how often it is fed (None: not known), `rounds` what people call that, and `more_often` how they
    would say to do it more often. `members` are the SLOs that it is made of. `has_labels` says that what feeds it has
    labels, by which it can be grouped.
    """

    sli: SLI | None = None
    interval: timedelta | None = None
    rounds: str = ""
    more_often: str = ""
    members: Mapping[str, Location] = field(default_factory=dict)
    has_labels: bool = False

    @property
    def of_rounds(self) -> bool:
        """Whether its events are single observations, so that one of them may be a mere accident."""
        return isinstance(self.sli, (CheckSLI, AllOf))


class Indicators:
    """Reads the key `sli` of SLOs."""

    def __init__(self, feeds: Feeds, *, reader: Reader, report: Report) -> None:
        self._feeds = feeds
        self._servers = Names(feeds.servers)
        self._reader = reader
        self._report = report

    def read(self, data: object, at: Location) -> Indicator:
        """The SLI at a location; what is wrong with it is told."""
        reading = self._reader.read(SLIKeys, data, at)
        keys = reading.values
        written = [kind for kind in KINDS if isinstance(data, Mapping) and kind in data]
        if isinstance(data, Mapping) and len(written) != 1 and data.keys() <= SLIKeys.model_fields.keys():
            problem = f"names {' and '.join(written)}" if written else "says nothing that could be counted"
            self._report.tell(at, problem, f"write one of {', '.join(KINDS)}")
            return Indicator()
        if keys.latency and written != ["probe"]:
            self._report.tell((*at, "latency"), "belongs to a probe", "leave it out, or use a histogram under counters")
        if not reading.has(*written, "latency"):
            return Indicator()
        match written:
            case ["probe"]:
                return self._of_check("probe", keys.probe or "", keys.latency, at)
            case ["collector"]:
                return self._of_check("collector", keys.collector or "", None, at)
            case ["counters"]:
                return self._of_counters(keys.counters, (*at, "counters"))
            case ["prometheus"]:
                return self._of_server(keys.prometheus, (*at, "prometheus"))
            case ["all_of"]:
                return self._all_of(keys.all_of or (), (*at, "all_of"))
            case ["weighted"]:
                weights = tuple((keys.weighted or {}).items())
                members = {name: (*at, "weighted", name) for name, _ in weights}
                return Indicator(sli=Weighted(weights=weights), members=members)
        return Indicator()

    def _of_check(self, what: CheckSort, name: str, latency: timedelta | None, at: Location) -> Indicator:
        known, others, other = self._feeds.probes, self._feeds.collectors, "collector"
        if what == "collector":
            known, others, other = others, known, "probe"
        if self._feeds.whole and name not in known:
            nearest = Names(known).nearest(name)
            mend = f"did you mean {nearest}?" if nearest else f"add it to {what}s, or name one that is there"
            if name in others:
                mend = f"it is a {other}: write `sli: {{{other}: {name}}}`"
            self._report.tell((*at, what), f"there is no {what} {shown(name)}", mend)
        return Indicator(
            sli=CheckSLI(check=name, sort=what, latency=latency),
            interval=known.get(name),
            rounds=f"rounds of the {what} {name}",
            more_often=f"{'probe' if what == 'probe' else 'look into'} {name}",
            has_labels=name in self._feeds.several or not self._feeds.whole,
        )

    def _of_counters(self, data: object, at: Location) -> Indicator:
        reading = self._reader.read(CountersKeys, data, at)
        keys = reading.values
        written = {name for name in CountersKeys.model_fields if isinstance(data, Mapping) and name in data}
        if not isinstance(data, Mapping) or not reading.has(*written):
            return Indicator()
        sli = self._histogram(keys, written, at) if "histogram" in written else self._counters(keys, written, at)
        return Indicator(
            sli=sli,
            interval=_slowest(self._feeds.scrapes.values()),
            rounds="scrapes",
            more_often="scrape",
            has_labels=True,
        )

    def _counters(self, keys: CountersKeys, written: set[str], at: Location) -> CountersSLI | None:
        if "below" in written:
            self._report.tell(
                (*at, "below"), "belongs to a histogram", "write histogram instead of total, bad and good"
            )
        elif not keys.total:
            self._report.tell(at, "has no total", "add `total`, the series that count all events")
        elif keys.bad and not keys.good:
            return CountersSLI(total=keys.total, part=keys.bad, part_is="bad")
        elif keys.good and not keys.bad:
            return CountersSLI(total=keys.total, part=keys.good, part_is="good")
        else:
            self._refuse_parts(both=bool(keys.bad), at=at)
        return None

    def _refuse_parts(self, *, both: bool, at: Location) -> None:
        problem = "has bad and good" if both else "has neither bad nor good"
        self._report.tell(at, problem, "write one of them: the other is what remains of total")

    def _histogram(self, keys: CountersKeys, written: set[str], at: Location) -> CountersSLI | None:
        more = sorted(written & {"total", "bad", "good"})
        if more:
            self._report.tell((*at, more[0]), "stands beside a histogram", "leave one of the two out")
        elif not keys.below:
            self._report.tell(
                at, "has a histogram without below", "add `below`, the duration up to which events are good"
            )
        elif keys.histogram:
            name, matchers = keys.histogram.metric, keys.histogram.matchers
            seconds = f"{keys.below.total_seconds():.6f}".rstrip("0").rstrip(".")
            bucket = Selector(metric=f"{name}_bucket", matchers=matchers)
            return CountersSLI(
                total=Selector(metric=f"{name}_count", matchers=matchers),
                part=bucket.with_label("le", seconds),
                part_is="good",
            )
        return None

    def _of_server(self, data: object, at: Location) -> Indicator:
        reading = self._reader.read(PrometheusKeys, data, at)
        keys = reading.values
        if not isinstance(data, Mapping) or not reading.has(*PrometheusKeys.model_fields):
            return Indicator()
        if bool(keys.bad) == bool(keys.good):
            self._refuse_parts(both=bool(keys.bad), at=at)
            return Indicator()
        part: tuple[str, Part] = (keys.bad, "bad") if keys.bad else (keys.good or "", "good")
        self._look_at_expressions({"total": keys.total, part[1]: part[0]}, at)
        if self._feeds.whole and keys.server not in self._feeds.servers:
            nearest = self._servers.nearest(keys.server)
            mend = f"did you mean {nearest}?" if nearest else "add it to servers, or name one that is there"
            self._report.tell((*at, "server"), f"there is no server {shown(keys.server)}", mend)
        return Indicator(
            sli=PrometheusSLI(server=keys.server, total=keys.total, part=part[0], part_is=part[1]),
            interval=self._feeds.servers.get(keys.server),
            rounds=f"queries of the server {keys.server}",
            more_often=f"query {keys.server}",
            has_labels=True,
        )

    def _look_at_expressions(self, expressions: Mapping[str, str], at: Location) -> None:
        """Refuse what has no meaning as a count, and warn of sums that can only be taken as they are."""
        if len({has_window(text) for text in expressions.values()}) > 1:
            self._report.tell(
                at,
                f"has {WINDOW_VARIABLE} in one of its expressions only",
                "write both as increases, or both as counters",
            )
        if all(summed_counters(text) for text in expressions.values()):
            return
        for key, text in expressions.items():
            if not has_window(text):
                if not summed_counters(text):
                    self._report.warn(
                        (*at, key),
                        "is counted by what its value grows by, in which a series that comes or goes looks like events",
                        f"write it with increase(...{WINDOW_VARIABLE}), or as the sum of one selector",
                    )
            elif mixes_units(text):
                self._report.tell((*at, key), "mixes rates and increases", "write all of it with increase(...)")

    def _all_of(self, names: Sequence[str], at: Location) -> Indicator:
        members: dict[str, Location] = {}
        for index, name in enumerate(names):
            if name in members:
                self._report.tell((*at, index), f"{name} is named twice", "leave one of them out")
            members.setdefault(name, (*at, index))
        return Indicator(sli=AllOf(slos=tuple(members)), members=members)


def _slowest(intervals: Iterable[timedelta | None]) -> timedelta | None:
    return max((interval for interval in intervals if interval), default=None)
