"""What people do to incidents, as the API and the command line take it."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from slo.config.types import PositiveDuration
from slo.config.wrong import shown, wrong
from slo.core import acts
from slo.core.eta import ETA, Confidence
from slo.core.priority import Impact, Priority

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that a terminal or a page would obey instead of showing."""


def _visible(text: str) -> str:
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise PydanticCustomError("visible", "write one line without control characters")
    return text


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if any(unicodedata.category(character) in _INVISIBLE for line in text.split("\n") for character in line):
        raise PydanticCustomError("visible", "write text without control characters")
    return text


def _time(value: object, read: ValidatorFunctionWrapHandler) -> datetime:
    try:
        moment: datetime = read(value)
    except ValidationError:
        raise wrong(f"{shown(value)} is no time with an offset", "write it as 2026-03-01T02:00:00Z") from None
    return moment.astimezone(UTC)


Time = Annotated[AwareDatetime, WrapValidator(_time)]
"""A point in time, in UTC."""

Visible = AfterValidator(_visible)

Line = Annotated[str, Field(max_length=1000), Visible]
"""One line, or nothing."""

Name = Annotated[str, Field(min_length=1, max_length=200), Visible]
"""What somebody or something is called."""

Words = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_lines)]
"""What somebody says, in as many lines as it takes."""

OptionalWords = Annotated[str, Field(max_length=10_000), AfterValidator(_lines)]


CLOCKS_APART = timedelta(minutes=1)
"""So far another clock may be ahead of ours: what was reported just now is taken for now."""


class _Body(BaseModel):
    """What every act has: by whom, and the way it came."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    by: Name
    via: Annotated[str, Field(min_length=1, max_length=50), Visible] = "api"


class Acknowledge(_Body):
    """Take the incident on."""

    action: Literal["acknowledge"]

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.Acknowledge(target=target, by=self.by, via=self.via)


class Note(_Body):
    """Say something for the ticket."""

    action: Literal["note"]
    text: Words

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.Say(target=target, by=self.by, via=self.via, text=self.text)


class Promise(_Body):
    """Say when it will have recovered: at a time, in so long, or that nobody knows yet."""

    action: Literal["eta"]
    recover_at: Time | None = None
    recover_in: PositiveDuration | None = None
    confidence: Confidence = Confidence.MEDIUM
    next_update_at: Time | None = None
    next_update_in: PositiveDuration | None = None
    text: OptionalWords = ""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for name in ("recover", "next_update"):
            if getattr(self, f"{name}_at") and getattr(self, f"{name}_in"):
                raise PydanticCustomError("twice", "write {name}_at or {name}_in, not both", {"name": name})
        return self

    def act(self, target: acts.Target, now: datetime) -> acts.Act:
        """The act on an incident, with the times that it means now."""
        eta = ETA(
            recover_at=_moment(self.recover_at, self.recover_in, now),
            confidence=self.confidence,
            next_update_at=_moment(self.next_update_at, self.next_update_in, now),
        )
        return acts.Promise(target=target, by=self.by, via=self.via, eta=eta, text=self.text)


class Resolve(_Body):
    """Declare it over."""

    action: Literal["resolve"]
    why: Line = ""

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.Resolve(target=target, by=self.by, via=self.via, why=self.why)


class Wait(_Body):
    """Wait for the customer, or go on after the customer has answered."""

    action: Literal["wait", "go_on"]
    why: Line = ""

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        kind = acts.Wait if self.action == "wait" else acts.GoOn
        return kind(target=target, by=self.by, via=self.via, why=self.why)


class Prioritize(_Body):
    """Override the priority."""

    action: Literal["prioritize"]
    priority: Priority
    why: Annotated[str, Field(min_length=1, max_length=1000), Visible]

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.Prioritize(target=target, by=self.by, via=self.via, priority=self.priority, why=self.why)


class Assign(_Body):
    """Give it an owner."""

    action: Literal["assign"]
    owner: Name

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.Assign(target=target, by=self.by, via=self.via, owner=self.owner)


class Attribute(_Body):
    """Say whose part of the service failed."""

    action: Literal["attribute"]
    responsibility: acts.Responsibility
    why: Line = ""

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        whose = self.responsibility
        return acts.Attribute(target=target, by=self.by, via=self.via, responsibility=whose, why=self.why)


class EndChat(_Body):
    """The chat about it is over."""

    action: Literal["end_chat"]

    def act(self, target: acts.Target, _now: datetime) -> acts.Act:
        """The act on an incident."""
        return acts.EndChat(target=target, by=self.by, via=self.via)


class Open(_Body):
    """Open an incident; to be read with the time that it is as the context."""

    summary: Annotated[str, Field(min_length=1, max_length=1000), Visible]
    customer: Line = ""
    environment: Line = ""
    impact: Impact = Impact.PARTIAL
    workaround: bool = False
    security: bool = False
    found_by: Literal["provider", "customer"] = "provider"
    created_at: Time | None = None
    services: tuple[Name, ...] = ()

    @field_validator("created_at")
    @classmethod
    def _is_past(cls, created_at: datetime | None, info: ValidationInfo) -> datetime | None:
        now = cast("datetime", info.context)
        if created_at is not None and created_at > now + CLOCKS_APART:
            raise wrong(f"{created_at:%Y-%m-%dT%H:%M:%SZ} is to come", "write when it was reported")
        return created_at

    def act(self) -> acts.Open:
        """The act."""
        return acts.Open(
            target=acts.Target(),
            by=self.by,
            via=self.via,
            summary=self.summary,
            customer=self.customer,
            environment=self.environment,
            impact=self.impact,
            workaround=self.workaround,
            security=self.security,
            found_by=self.found_by,
            created_at=self.created_at,
            services=self.services,
        )


Act = Acknowledge | Note | Promise | Resolve | Wait | Prioritize | Assign | Attribute | EndChat

ACTIONS = (
    *("acknowledge", "note", "eta", "resolve", "wait", "go_on", "prioritize", "assign", "attribute", "end_chat"),
)
"""Every `action`."""

ACTS: TypeAdapter[Act] = TypeAdapter(Annotated[Act, Field(discriminator="action")])
"""Reads an act on an incident."""


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is unknown here",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "enum": "write {expected}",
    "literal_error": "write {expected}",
}
"""What pydantic says, as we say it."""


def faults_of(error: ValidationError) -> list[tuple[str, str]]:
    """Every fault as the path of its value and what is wrong with it."""
    faults = error.errors(include_input=False, include_url=False)
    # That a list has too few items is said once: where its items are wrong, that is what is wrong.
    inside = {fault["loc"][:-1] for fault in faults if fault["loc"]}
    return [_fault(fault) for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inside]


def _fault(fault: ErrorDetails) -> tuple[str, str]:
    if fault["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "action", f"write one of {', '.join(ACTIONS)}"
    place = fault["loc"]
    # pydantic puts the action before what an act has
    path = place[1:] if place and place[0] in ACTIONS else place
    words = _WORDS.get(fault["type"])
    problem = words.format_map(fault.get("ctx", {})) if words else fault["msg"]
    return ".".join(str(part) for part in path), problem


def _moment(at: datetime | None, after: timedelta | None, now: datetime) -> datetime | None:
    return now + after if after is not None else at
