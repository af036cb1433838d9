"""What an account may do: the rights that it needs, and those that it must not have, asked of the API server itself.

A SelfSubjectAccessReview is about whoever asks, so it is asked with the token of the account that is meant. Every
authenticated account may ask (the ClusterRole `system:basic-user`).

Reference: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field, TypeAdapter, model_validator

from daemonset.api_client import APIClient, within
from daemonset.documents import Document, read
from daemonset.parts.keys import TokenFile
from daemonset.parts.part import UNTOLD, Problem, Seen, Untold, lasted, listed
from daemonset.parts.rights import DEPLOYED, EVERYTHING, Right, Rights, as_rules, each_of
from daemonset.permissions import Rule, with_mend
from slo.config.section import Section
from slo.config.types import PositiveDuration, wrong
from slo.core.outcome import Finding
from slo.core.protocols import Clock
from slo.core.sample import Sample
from slo.errors import Fault

PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

MOST_REVIEWS = 1000
"""So many rights can be asked about; each is a request."""

AT_ONCE = 4
"""How many requests are under way at a time."""

ANSWER_SECONDS = 10.0
AGAIN_SECONDS = 30.0
"""How soon it is asked again after it could not be."""

STALE_ROUNDS = 3
"""After so many times that it should have been asked again, what was answered is not believed any more."""


class AccessKeys(Section):
    """The rights that an account must have, and those that it must not have."""

    token_file: TokenFile | None = None
    """The file with the token of the account, which is read for every request. Default: that of the watch itself, which
    says nothing of anybody else's rights."""

    required: tuple[Rights, ...] | None = None
    """What it must be allowed, as {groups: [apps], resources: [deployments]}. Default: everything that deploying takes,
    on what Spinnaker deploys most often (see docs/collectors/kubernetes.md)."""

    forbidden: tuple[Rights, ...] | None = None
    """What it must not be allowed. Default: everything at once, as {groups: ["*"], resources: ["*"], verbs: ["*"]}."""

    interval: PositiveDuration = timedelta(minutes=5)
    """How often it is asked; in between the last answers stand."""

    @model_validator(mode="after")
    def _some(self) -> "AccessKeys":
        count = len(self.needed) + len(self.refused)
        if count == 0:
            raise wrong("asks for no rights", "write some under `required` or `forbidden`")
        if count > MOST_REVIEWS:
            raise wrong(f"asks for {count} rights, each by a request", f"ask for no more than {MOST_REVIEWS}")
        return self

    @property
    def needed(self) -> tuple[Right, ...]:
        """Each right that it must have."""
        return each_of(DEPLOYED if self.required is None else self.required)

    @property
    def refused(self) -> tuple[Right, ...]:
        """Each right that it must not have."""
        return each_of((EVERYTHING,) if self.forbidden is None else self.forbidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was answered of one right. `doubt` says why a no may be none, empty where it is one."""

    right: Right
    allowed: bool
    doubt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """All of them."""

    required: tuple[Answer, ...]
    forbidden: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessSeen:
    """What was answered last, so many seconds ago."""

    answers: Answers
    age_seconds: float

    def problems(self) -> Iterator[Problem]:
        """Rights that are there and must not be, and those that are missing, with what to add to a role."""
        excess = [answer.right for answer in self.answers.forbidden if answer.allowed]
        missing = [answer.right for answer in self.answers.required if not answer.allowed and not answer.doubt]
        doubts = [
            answer.doubt
            for answer in (*self.answers.required, *self.answers.forbidden)
            if not answer.allowed and answer.doubt
        ]
        if excess:
            yield "right_excessive", f"the account may, and must not: {listed(list(as_rules(excess)))}"
        if missing:
            yield "right_missing", f"{len(missing)} rights are missing; add {listed(list(as_rules(missing)))}"
        if doubts:
            yield UNTOLD, f"access: {len(doubts)} rights could not be looked up: {listed(doubts)}"

    def samples(self) -> Iterator[Sample]:
        """Each right, and how old the answers are."""
        yield Sample("watchkeep_kubernetes_access_age_seconds", self.age_seconds)
        for wanted, answers in (("required", self.answers.required), ("forbidden", self.answers.forbidden)):
            for answer in answers:
                if not answer.allowed and answer.doubt:
                    continue
                right = answer.right
                labels = {
                    "wanted": wanted,
                    "namespace": right.namespace,
                    "group": right.group,
                    "resource": right.resource,
                    "verb": right.verb,
                }
                yield Sample("watchkeep_kubernetes_access_allowed", float(answer.allowed), labels)

    def findings(self) -> Iterable[Finding]:
        """How many of the rights that it needs it has."""
        required = self.answers.required
        yield Finding(name="rights", text=f"{sum(each.allowed for each in required)} of {len(required)} are there")


class Access:
    """Asks now and then, beside the rounds: a hundred requests may take longer than one."""

    name = "access"

    def __init__(self, keys: AccessKeys, client: APIClient, clock: Clock) -> None:
        self._required = keys.needed
        self._forbidden = keys.refused
        self._interval_seconds = keys.interval.total_seconds()
        self._client = client
        self._clock = clock
        self._answered: tuple[float, Answers] | None = None
        self._fault: Fault | None = None
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Ask for good."""
        while True:
            try:
                answers = await self._ask_all()
            except* Fault as group:
                first = _first(group)
                self._fault = Fault(first.reason, detail=first.detail)  # a new one, which holds nothing else
                wait = min(AGAIN_SECONDS, self._interval_seconds)
            else:
                self._answered, self._fault = (self._clock.monotonic(), answers), None
                wait = self._interval_seconds
            self.settled.set()
            await self._clock.sleep_until(self._clock.monotonic() + wait)

    def look(self) -> Seen:
        """What was answered last, or why nothing was."""
        since = " yet"
        if self._answered is not None:
            at, answers = self._answered
            age = self._clock.monotonic() - at
            if age <= STALE_ROUNDS * self._interval_seconds:
                return AccessSeen(answers=answers, age_seconds=age)
            since = f" for {lasted(age)}"
        fault = self._fault
        if fault is not None and fault.reason == "permission":
            return Untold(problem=("permission", f"access: {fault.detail}"))
        why = f": {fault.reason}: {fault.detail}" if fault else ""
        return Untold(problem=(UNTOLD, f"access: the API server has answered nothing{since}{why}"))

    async def _ask_all(self) -> Answers:
        room = asyncio.Semaphore(AT_ONCE)

        async def ask(right: Right) -> Answer:
            async with room:
                return await self._ask(right)

        async with asyncio.TaskGroup() as group:
            required = [group.create_task(ask(right)) for right in self._required]
            forbidden = [group.create_task(ask(right)) for right in self._forbidden]
        return Answers(
            required=tuple(task.result() for task in required), forbidden=tuple(task.result() for task in forbidden)
        )

    async def _ask(self, right: Right) -> Answer:
        """Raises Fault."""
        try:
            async with within(ANSWER_SECONDS, "timeout", "no answer to an access review"):
                content = await self._client.exchange("POST", PATH, right.review)
        except Fault as fault:
            raise with_mend(fault, _RULE, "create") from None
        status = read(_REVIEW, content, "an access review").status
        return Answer(right=right, allowed=status.allowed, doubt=status.error)


class _Status(Document):
    allowed: bool
    error: str = Field(default="", alias="evaluationError")


class _Review(Document):
    status: _Status


_REVIEW = TypeAdapter(_Review)

_RULE = Rule(resource="selfsubjectaccessreviews", group="authorization.k8s.io", verbs=("create",))


def _first(group: BaseExceptionGroup[Fault]) -> Fault:
    """One of several faults, which are mostly the same."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    if not isinstance(found, Fault):
        raise TypeError(f"{type(found).__name__} is no Fault")
    return found
