"""A collection of the API server, kept up to date: one LIST, and then one WATCH after another. Nothing is polled.

Besides those of `daemonset.api_client.APIFault`, a fault has one of these reasons: `token` (its file holds none),
`malformed`, `too_large`, `timeout` (no whole answer), `silent` (a WATCH says nothing any more), `overdue` (it does not
end), `error_event` (the server ended it for a reason of its own).
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from daemonset.api_client import OBJECT_BYTES, APIClient, APIFault, Lines, within
from daemonset.course import LONGEST_WAIT_SECONDS, Course
from daemonset.documents import Bookmark, Changed, D, Failed, ListMetadata, Status, read
from daemonset.list_reader import ListReader
from daemonset.permissions import Rule, with_mend
from daemonset.view import View
from slo.core.protocols import Clock
from slo.errors import Fault

T = TypeVar("T")

LIST_BYTES = 67_108_864
"""The most that is read of a LIST: 1,000 objects of 64 KB."""

FORGOTTEN = frozenset({"Expired", "Gone"})
"""What a Status of 410 has for its reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection(Generic[D, T]):
    """What is asked for, and what is kept of it.

    `rule` is what RBAC has to permit. It is at `path`, and `selector` says which of it (query parameters). `keep` makes
    of an object what is kept, or None of one that is not ours, whatever the server thinks of our selector.
    """

    rule: Rule
    path: str
    selector: Mapping[str, str]
    document: TypeAdapter[D]
    event: TypeAdapter[Changed[D] | Bookmark | Failed]
    keep: Callable[[D], T | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the API server may take.

    A WATCH is to last `watch_seconds` at least and twice that at most, so that agents which began together do not stay
    together. A server that supports bookmarks sends one a minute: one that says nothing for `idle_seconds` is gone, and
    a WATCH that goes on for `grace_seconds` after it should have ended is given up. A server that asks us to wait
    (Retry-After) is asked again after `asked_seconds` at most: what changes meanwhile is not known.
    """

    list_seconds: float = 30.0
    answer_seconds: float = 15.0
    watch_seconds: float = 300.0
    idle_seconds: float = 150.0
    grace_seconds: float = 30.0
    asked_seconds: float = LONGEST_WAIT_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How a collection is followed.

    `lists` and `watches` were begun; `restarts` counts why they had to be begun again, by reason (`ended`: as it
    should). `silent_seconds` is how long ago the server said something, or since when it could have, if it never did.
    """

    lists: int
    watches: int
    restarts: Mapping[str, int]
    silent_seconds: float


class Reflector(Generic[D, T]):
    """Follows one collection. `view` holds what is kept, by `NAMESPACE/NAME`.

    `heard_at` is when the server said something last (monotonic seconds), and `told_at` when it last said how things
    are: a whole LIST, a WATCH that goes on from what is known, a line that can be read. None is before it ever did.
    `jitter` gives random numbers in [0, 1).
    """

    def __init__(
        self,
        collection: Collection[D, T],
        client: APIClient,
        *,
        clock: Clock,
        patience: Patience | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._collection = collection
        self._client = client
        self._clock = clock
        self._patience = patience or Patience()
        self._jitter = jitter
        self._course = Course(jitter, longest_asked_seconds=self._patience.asked_seconds)
        self._made_at = clock.monotonic()
        self._opened_at = 0.0
        self.heard_at: float | None = None
        self.told_at: float | None = None
        self._lists = self._watches = 0
        self._restarts: Counter[str] = Counter()
        self.view: View[T] = View()

    @property
    def facts(self) -> Facts:
        """How it has gone so far."""
        silent = self._clock.monotonic() - (self._made_at if self.heard_at is None else self.heard_at)
        return Facts(lists=self._lists, watches=self._watches, restarts=dict(self._restarts), silent_seconds=silent)

    async def run(self, failed: Callable[[Fault], None]) -> None:
        """Follow it for good. `failed` is told why nothing is heard; what was known then stays."""
        while True:
            wait = 0.0
            try:
                if self._course.listing:
                    await self._list()
                else:
                    await self._watch()
                    self._restarts["ended"] += 1
                    wait = self._course.ended(self._clock.monotonic() - self._opened_at)
            except Fault as fault:
                self._restarts[fault.reason] += 1
                if fault.reason != "expired":
                    failed(with_mend(fault, self._collection.rule, "list" if self._course.listing else "watch"))
                wait = self._course.failed(fault, (self.heard_at or 0.0) - self._opened_at)
            await self._clock.sleep_until(self._clock.monotonic() + wait)

    async def _list(self) -> None:
        """Take the place of what was known, once all of it has arrived."""
        self._lists += 1
        found: dict[str, T] = {}

        def take(document: D) -> None:
            kept = self._collection.keep(document)
            if kept is not None:
                found[document.metadata.key] = kept

        left = LIST_BYTES
        page: ListMetadata | None = None
        async with within(self._patience.list_seconds, "timeout", "a list did not arrive"):
            while page is None or page.proceed:
                what = f"a list of {self._collection.rule.resource}"
                reader = ListReader(self._collection.document, take, what=what, longest=OBJECT_BYTES)
                query = {**self._collection.selector, **self._course.to_list(page.proceed if page else "")}
                async with self._client.ask(self._collection.path, query) as answer:
                    while piece := await answer.piece():
                        left -= len(piece)
                        if left < 0:
                            raise Fault("too_large", detail=f"{what} of more than {LIST_BYTES} bytes")
                        self.heard_at = self._clock.monotonic()
                        reader.feed(piece)
                page = reader.end()
        self._course.listed(page.resource_version)
        self.view.become(found)
        self.told_at = self._clock.monotonic()

    async def _watch(self) -> None:
        """Take what changes, until the server ends it."""
        self._watches += 1
        patience = self._patience
        seconds = max(1, round(patience.watch_seconds * (1 + self._jitter())))
        query = {**self._collection.selector, **self._course.to_watch(seconds)}
        self._opened_at = self._clock.monotonic()
        async with AsyncExitStack() as stack:
            async with within(patience.answer_seconds, "timeout", "no answer to a watch"):
                answer = await stack.enter_async_context(self._client.ask(self._collection.path, query))
            lines = Lines(answer, longest_bytes=OBJECT_BYTES)
            self.heard_at = self.told_at = self._opened_at = self._clock.monotonic()
            async with within(seconds + patience.grace_seconds, "overdue", "a watch did not end"):
                while (some := await self._heard(lines)) is not None:
                    self._take(some)
                    self.told_at = self._clock.monotonic()

    async def _heard(self, lines: Lines) -> list[bytes] | None:
        """The next lines, one at least; None at the end. Bytes that make up no line are no sign of life."""
        async with within(self._patience.idle_seconds, "silent", "a watch says nothing any more"):
            while (some := await lines.some()) is not None:
                if some:
                    self.heard_at = self._clock.monotonic()
                    return some
        return None

    def _take(self, lines: Sequence[bytes]) -> None:
        """Have the view become what it is after these events, or after those of them that can be read."""
        items = dict(self.view.now)
        try:
            for line in lines:
                self._take_one(line, items)
        finally:
            self.view.become(items)

    def _take_one(self, line: bytes, items: dict[str, T]) -> None:
        match read(self._collection.event, line, f"a change of {self._collection.rule.resource}"):
            case Changed(type=kind, object=document):
                kept = None if kind == "DELETED" else self._collection.keep(document)
                if kept is None:
                    items.pop(document.metadata.key, None)
                else:
                    items[document.metadata.key] = kept
                self._course.version = document.metadata.resource_version
            case Bookmark(object=versioned):
                self._course.version = versioned.metadata.resource_version
            case Failed(object=status):
                raise _ended_with(status)


def _ended_with(status: Status) -> Fault:
    """Why a server ends a watch."""
    detail = f"{status.code} {status.reason}: {status.message}"[:500]
    if status.code == 410 or status.reason in FORGOTTEN:
        return APIFault("expired", detail=detail)
    return APIFault("rate_limited" if status.code == 429 else "error_event", detail=detail)
