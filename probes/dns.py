"""The kind `dns`: one question to one name server, and what its response must be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from slo.config.dns_names import RecordClass, RecordType, ResponseCode
from slo.config.hosts import Address, HostMaybePort
from slo.config.tls import TLSSettings
from slo.config.types import Pattern, Section, wrong
from slo.config.wrong import shown
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.dns_exchange import Exchange
from slo.net.dns_message import Query, Response
from slo.net.findings import shortened
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig

if TYPE_CHECKING:
    from slo.net.dns_records import Record

PORT = 53
TLS_PORT = 853

RECORDS_SHOWN = 5
"""How many records of an answer are told to people."""

SECTIONS = ("answer", "authority", "additional")


class Question(Section):
    """A name, and which of its records are asked for."""

    name: str = Field(min_length=1)
    """The name that is asked for, as www.example.org, with or without its last dot."""

    type: RecordType = "A"
    """The type of records: A, AAAA, CNAME, MX, NS, SOA, SRV, TXT, CAA, PTR, ANY and all others that have a name."""

    class_: RecordClass = Field(default="IN", alias="class")
    """The class of records: IN for the Internet, CH for what servers say of themselves."""

    @model_validator(mode="after")
    def _can_be_asked(self) -> "Question":
        try:
            self.query(recursion_desired=True)
        except ValueError as error:
            raise wrong(str(error), "write a name as www.example.org") from None
        return self

    def query(self, *, recursion_desired: bool) -> Query:
        """The question as it is sent."""
        return Query(self.name, self.type, self.class_, recursion_desired=recursion_desired)


class Records(Section):
    """Which records a section must have: each is looked at as a line of NAME TTL CLASS TYPE DATA with tabs between."""

    all: tuple[Pattern, ...] = ()
    """Expressions that every record must match somewhere, each of them. There must be a record."""

    all_if_any: tuple[Pattern, ...] = ()
    """The same, but there may be no record at all."""

    any: tuple[Pattern, ...] = ()
    """Expressions one of which some record must match somewhere."""

    none: tuple[Pattern, ...] = ()
    """Expressions that no record may match anywhere."""

    def unmet(self, section: "Sequence[Record]") -> Iterator[str]:
        """What the records of a section are not as expected in."""
        if not (self.all or self.all_if_any or self.any or self.none):
            return
        records = [record.text for record in section]
        if not records and (self.all or self.any):
            yield "there is no record"
        for pattern in self.all + self.all_if_any:
            if odd := [record for record in records if not pattern.search(record)]:
                yield f"{shown(odd[0], 100)} does not match {pattern.text!r}"
        for pattern in self.none:
            if odd := [record for record in records if pattern.search(record)]:
                yield f"{shown(odd[0], 100)} matches {pattern.text!r}"
        if self.any and not any(pattern.search(record) for record in records for pattern in self.any):
            found = f"; the first is {shown(records[0], 100)}" if records else ""
            yield f"no record matches {' or '.join(repr(pattern.text) for pattern in self.any)}{found}"


class Expect(Section):
    """What a response must be to be good."""

    rcodes: tuple[ResponseCode, ...] = Field(default=("NOERROR",), min_length=1)
    """The response codes that are good."""

    answer: Records = Records()
    """What the records of the answer must be."""

    authority: Records = Records()
    """What the records about the authority must be."""

    additional: Records = Records()
    """What the additional records must be."""

    def unmet(self, response: Response) -> Iterator[tuple[str, str]]:
        """What a response is not as expected in: reason and detail, the most telling first."""
        if response.code not in self.rcodes:
            yield "dns_rcode", f"{response.code}, not {' or '.join(self.rcodes)}"
        for section in SECTIONS:
            for problem in getattr(self, section).unmet(getattr(response, section)):
                cut = "; the response was truncated" if response.truncated else ""
                yield "dns_records", f"{section}: {problem}{cut}"


class Config(TargetConfig):
    """One question to one name server."""

    target: HostMaybePort
    """The server, as 192.0.2.53 or ns.example:5353. Without a port it is 53, over TLS 853."""

    question: Question
    """What is asked."""

    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How the server is asked. A response that was truncated, over UDP, is looked at as it is; TCP is not tried."""

    recursion_desired: bool = True
    """Ask the server to find out what it does not know by itself."""

    source_address: Address | None = None
    """The address of this machine to ask from."""

    tls: TLSSettings = TLSSettings()
    """How a server over TLS is verified."""

    expect: Expect = Expect()
    """What the response must be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What was made of a response, which may be large: how many records each section has, and its serial (of SOA).

    `answer` are its first records. `mismatch` is the first expectation that it does not meet: reason and detail.
    """

    code: str
    truncated: bool
    answer: "tuple[Record, ...]"
    counts: Mapping[str, int]
    serial: int | None
    mismatch: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and what was seen of a response; None where there was none."""

    reached: Reached
    looked: Looked | None


class DNSProbe(ReachingProbe[Facts]):
    """Asks a name server, and holds the response against what is expected of it."""

    def __init__(self, config: Config, context: Context) -> None:
        import slo.net.dns_records  # noqa: F401 - loading it takes longer than a round may

        self.target = str(config.target)
        self._context = context
        self._expect = config.expect
        self._asks_for_serial = config.question.type == "SOA"
        self._query = config.question.query(recursion_desired=config.recursion_desired)
        self._udp = config.transport == "udp"
        self._endpoint = config.endpoint(
            config.target.host,
            config.target.port or (TLS_PORT if config.transport == "tls" else PORT),
            scheme="dns",
            tls=config.tls if config.transport == "tls" else None,
            source=config.source_address,
        )
        if self._endpoint.tls:
            context.tls.get(self._endpoint.tls)

    async def observe(self, deadline: float) -> Facts:
        """What was seen of the response, or whatever came instead of it."""
        exchange = Exchange(self._query, self._endpoint, udp=self._udp, look=self._look)
        reached = await exchange.run(Attempt(self._context), deadline)
        return Facts(reached=reached, looked=exchange.looked)

    def _look(self, response: Response) -> Looked:
        return Looked(
            code=response.code,
            truncated=response.truncated,
            answer=response.answer[:RECORDS_SHOWN],
            counts={section: len(getattr(response, section)) for section in SECTIONS},
            serial=response.serial,
            mismatch=next(self._expect.unmet(response), None),
        )

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """The first expectation that was not met."""
        return (facts.looked.mismatch if facts.looked else None) or ("ok", "")

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """The response code, and the first records of the answer."""
        looked = facts.looked
        if looked is None:
            return
        counts = ", ".join(f"{looked.counts[section]} {section}" for section in SECTIONS)
        cut = ", truncated" if looked.truncated else ""
        yield Finding(name="response", text=f"{looked.code}, records: {counts}{cut}")
        for record in looked.answer:
            yield Finding(name="answer", text=shortened(record.text.replace("\t", " ")))
        if more := looked.counts["answer"] - len(looked.answer):
            yield Finding(name="answer", text=f"and {more} more")

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `dns`. Without a response there are no records: 0, as there."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        for phase, seconds in _phases(facts.reached).items():
            yield Sample("probe_dns_duration_seconds", seconds, {"phase": phase})
        for section in SECTIONS:
            yield Sample(f"probe_dns_{section}_rrs", facts.looked.counts[section] if facts.looked else 0)
        yield Sample("probe_dns_query_succeeded", float(facts.looked is not None))
        if facts.looked and self._asks_for_serial:
            yield Sample("probe_dns_serial", facts.looked.serial or 0)


def _phases(reached: Reached) -> dict[str, float]:
    """The phases under the exporter's names, which has the handshake in `connect`."""
    phases = dict(reached.phases)
    if "tls" in phases:
        phases["connect"] += phases.pop("tls")
    return phases


def build(config: Config, context: Context) -> DNSProbe:
    """The probe of a configuration."""
    return DNSProbe(config, context)
