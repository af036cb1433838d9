"""A dialogue in lines, by a script: what is expected and said, step by step, as the blackbox exporter holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from slo.config.identity import LABEL_PATTERN, label_name
from slo.config.tls import TLSSettings
from slo.config.types import Pattern, Secret, Section, wrong
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.connection import Connection
from slo.net.course import Course, Stepping
from slo.net.expansion import expanded
from slo.net.lines import Lines

LISTEN_BYTES = 1_000_000
"""How much is read in search of one expected line."""

Mismatch: TypeAlias = Literal["", "regex", "bytes"]
"""What the other side did not say: a line that matches, or the bytes; empty where it failed otherwise, or not."""


def _info_label(value: object) -> object:
    label_name(value)
    if value in {"probe", "target"}:
        raise wrong(f"the label {value} says which probe it is", "give yours another name")
    return value


InfoLabel = Annotated[str, BeforeValidator(_info_label), WithJsonSchema({"type": "string", "pattern": LABEL_PATTERN})]
"""A label that a metric of a probe may have besides those that say which probe it is."""


class Step(Section):
    """One step of a dialogue: what is expected comes first, then what is said."""

    expect: Pattern | None = None
    """Read lines until one matches this expression somewhere."""

    expect_bytes: str = Field(default="", max_length=65_536)
    """Read as many bytes as this has in UTF-8. They must be these."""

    labels: dict[InfoLabel, str] = Field(default={})
    """Labels of the metric probe_expect_info. In their values $1 and ${name} are groups of what was expected."""

    send: Secret | None = None
    """Send this and a line feed. With `expect`, $1 and ${name} in it are groups of it. It is kept secret."""

    starttls: bool = False
    """Then go on over TLS."""

    @property
    def shown(self) -> str:
        """What it does, without what it says."""
        parts = {
            f"expect {self.expect.text!r}" if self.expect else "": self.expect,
            f"expect {len(self.expect_bytes.encode())} bytes": self.expect_bytes,
            "send": self.send,
            "start TLS": self.starttls,
        }
        return ", ".join(part for part, there in parts.items() if there)

    @model_validator(mode="after")
    def _does_something(self) -> "Step":
        if self.expect is None and not self.expect_bytes and self.send is None and not self.starttls:
            raise wrong("does nothing", "give it expect, expect_bytes, send or starttls")
        if self.labels and self.expect is None:
            raise wrong("has labels and no expect", "give it the expression that their values come from")
        return self


def endpoint_tls(steps: Sequence[Step], tls: TLSSettings | None) -> tuple[TLSSettings | None, TLSSettings | None]:
    """How TLS is spoken from the start, and from a step with `starttls` on. Raises ValueError where it starts twice."""
    upgrades = sum(step.starttls for step in steps)
    if upgrades > 1:
        raise wrong("starts TLS twice", "keep one starttls")
    return (None, tls or TLSSettings()) if upgrades else (tls, None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What came of a dialogue. `infos` are the labels that steps made of what they heard."""

    course: Course = field(default_factory=Course)
    mismatch: Mismatch = ""
    infos: tuple[Mapping[str, str], ...] = ()


class Dialogue:
    """One dialogue, on an attempt that is under way. `receiver` is who the connection has to call."""

    def __init__(self, attempt: Attempt, steps: Sequence[Step]) -> None:
        self.receiver = Lines()
        self._attempt = attempt
        self._steps = steps
        self._stepping = Stepping(attempt)
        self._mismatch: Mismatch = ""
        self._infos: list[Mapping[str, str]] = []

    @property
    def said(self) -> Said:
        """What came of it so far."""
        return Said(course=self._stepping.course, mismatch=self._mismatch, infos=tuple(self._infos))

    async def hold(self, connection: Connection, upgraded: Endpoint) -> None:
        """Take every step, and hang up. `upgraded` is where we are once TLS is spoken. Raises Fault."""
        try:
            for step in self._steps:
                self._stepping.begin()
                await self._take(step, connection, upgraded)
        except BaseException:
            connection.abort()
            raise
        self._stepping.finish()
        connection.close()

    async def _take(self, step: Step, connection: Connection, upgraded: Endpoint) -> None:
        said = step.send.reveal() if step.send else ""
        if step.expect is not None:
            match = await self._listen(step.expect)
            said = expanded(said, match)
            if step.labels:
                self._infos.append({name: expanded(value, match) for name, value in step.labels.items()})
        if step.expect_bytes:
            await self._compare(step.expect_bytes.encode())
        if said:
            connection.write(said.encode() + b"\n")
        if step.starttls:
            self.receiver.settled()
            await self._attempt.start_tls(connection, upgraded)

    async def _listen(self, expected: Pattern) -> object:
        """The match of the first line that is as expected. Raises Fault."""
        heard = 0
        while heard <= LISTEN_BYTES:
            line = await self.receiver.read()
            if line is None:
                self._mismatch = "regex"
                what = "no line matches" if heard else "closed before a line that matches"
                raise Fault("data" if heard else "data_closed", detail=f"{what} {expected.text!r}")
            # Text, since the expressions of Go take a byte that is none for a character, too.
            if match := expected.search(line.decode(errors="replace")):
                return match
            heard += len(line) + 1
        raise Fault("data", detail=f"no line in {LISTEN_BYTES} bytes matches {expected.text!r}")

    async def _compare(self, expected: bytes) -> None:
        """Return when just these bytes have arrived. Raises Fault."""
        heard = await self.receiver.read_exactly(len(expected))
        if heard is None:
            raise Fault("data_closed", detail=f"closed before {len(expected)} bytes had arrived")
        if heard != expected:
            self._mismatch = "bytes"
            at = next(at for at, (one, other) in enumerate(zip(heard, expected, strict=True)) if one != other)
            raise Fault("data", detail=f"byte {at + 1} of {len(expected)} is {heard[at]:#04x}, not {expected[at]:#04x}")


def dialogue_samples(said: Said) -> list[Sample]:
    """What the blackbox exporter says of a dialogue. Labels that two steps agree on are said once."""
    infos = {tuple(sorted(labels.items())): labels for labels in said.infos}
    return [
        Sample("probe_failed_due_to_regex", float(said.mismatch == "regex")),
        Sample("probe_failed_due_to_bytes", float(said.mismatch == "bytes")),
        *(Sample("probe_expect_info", 1, labels) for labels in infos.values()),
    ]
