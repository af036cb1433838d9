"""Whatever happens in a cluster and to its API server, in any order: each view is what once was so, none goes back in
time, and in the end it is what is there, over one watch, with no LIST that nothing explains.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemonset.reflector import Patience
from tests.daemonset import statuses
from tests.daemonset.api_server import APIServer, answering, cutting, halving, saying
from tests.daemonset.churn import State, on_node, seen_on
from tests.daemonset.cluster import Change, line
from tests.daemonset.following import NODE, Followed, following
from tests.daemonset.making import pod

NAMESPACES = st.sampled_from(["pay", "shop"])
NAMES = st.sampled_from(["db-0", "web-1"])
NODES = st.sampled_from([NODE, NODE, "n2", ""])
CHANGES = st.lists(
    st.one_of(st.tuples(NAMESPACES, NAMES), st.tuples(NAMESPACES, NAMES, NODES, st.booleans())), min_size=1, max_size=4
)
"""Deletions, and pods that are made or changed."""

TROUBLES = {
    "an error": answering(statuses.internal_error()),
    "too many requests": answering(statuses.too_many_requests(1)),
    "a reset": cutting,
    "half an answer": halving,
    "no JSON": saying(b"<html>\n"),
    "a token that is refused": answering(statuses.unauthorized()),
}
LINES = {
    "no JSON": b"<html>\n",
    "an object of nothing": line({"type": "MODIFIED", "object": {"metadata": {"name": "db-0"}}}),
    "an error": line({"type": "ERROR", "object": statuses.internal_error().document}),
    "a forgotten version": line({"type": "ERROR", "object": statuses.expired(1, 2).document}),
}


class Machine(RuleBasedStateMachine):
    """A cluster, its API server, and the agent of one node."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._open = AsyncExitStack()
        self._followed: Followed
        self._states: list[State] = [{}]
        self._shown: list[State] = []
        self._explained = 0
        self._lagged = False
        self.server = APIServer(bookmark_seconds=0.05)
        self.server.cluster.told.append(self._note)
        self.do(self._start())

    def do(self, what: Coroutine[Any, Any, None]) -> None:
        self._loop.run(what)

    async def _start(self) -> None:
        await self._open.enter_async_context(self.server)
        patience = Patience(idle_seconds=0.3, answer_seconds=5.0)
        followed = following(self.server, Path(self._folder.name), patience=patience)
        self._followed = await self._open.enter_async_context(followed)
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for view in self._followed.pods.view.changes():
            self._shown.append(seen_on(view))

    def _note(self, _: Change) -> None:
        """What is on the node now."""
        self._states.append(on_node(self.server.cluster, NODE))

    @invariant()
    def time_passes(self) -> None:
        """Long enough for an answer, mostly."""
        self.do(asyncio.sleep(0.005))

    # What happens in the cluster

    @rule(changes=CHANGES)
    def change(self, changes: list[Any]) -> None:
        cluster = self.server.cluster
        for namespace, name, *made in changes:
            if made:
                cluster.put(pod(name, made[0], namespace=namespace, ready=made[1]))
            elif (namespace, name) in cluster:
                cluster.delete(namespace, name)

    @rule()
    def something_else_happens(self) -> None:
        self.server.cluster.pass_by()

    @rule()
    def compact(self) -> None:
        self._explained += 1
        self.server.cluster.compact()

    @rule(seconds=st.sampled_from([0.02, 0.06]))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    # What happens to the API server

    @rule(in_line=st.booleans())
    def cut(self, *, in_line: bool) -> None:
        self.server.cut(in_line=in_line)

    @rule(changes=CHANGES, forgets=st.booleans())
    def be_away(self, changes: list[Any], *, forgets: bool) -> None:
        self.server.cut()
        self.server.next("watch", cutting)
        self.time_passes()
        self.change(changes)
        if forgets:
            self.compact()

    @rule(changes=CHANGES)
    def fall_behind_and_fail(self, changes: list[Any]) -> None:
        self.lag()
        self.change(changes)
        self.time_passes()
        self.say("no JSON")

    @rule()
    def freeze(self) -> None:
        self.server.freeze()

    @rule()
    def end(self) -> None:
        self.server.end()

    @rule(content=st.sampled_from(sorted(LINES)))
    def say(self, content: str) -> None:
        self._explained += 1
        self.server.say(LINES[content])

    @rule(verb=st.sampled_from(["list", "watch"]), trouble=st.sampled_from(sorted(TROUBLES)))
    def trouble(self, verb: str, trouble: str) -> None:
        self._explained += verb == "list" or trouble == "no JSON"
        self.server.next(verb, TROUBLES[trouble])

    @rule()
    def lag(self) -> None:
        self._lagged = True
        self.server.lag()

    @rule()
    def catch_up(self) -> None:
        self.server.catch_up()

    @rule()
    def replace_token(self) -> None:
        old = self._followed.token_file.read_text().strip()
        new = old + "+"
        self.server.accept(new)
        self.server.reject(old)
        self._followed.token_file.write_text(new)

    def teardown(self) -> None:
        try:
            self.do(self._settle())
        finally:
            self.do(self._open.aclose())
            self._loop.close()
            self._folder.cleanup()

    async def _settle(self) -> None:
        self.server.catch_up()
        self.server.clear()
        followed = self._followed

        def settled() -> bool:
            return self._shown[-1:] == self._states[-1:] and self.server.open_watches == 1

        try:
            await followed.until(settled)
        except TimeoutError:
            raise AssertionError(f"{self._shown[-1:]} is seen, not {self._states[-1]}; {followed.faults}") from None
        self._watching.cancel()
        turned_down = 2 if self._lagged else 1  # a server that is behind turns each LIST down once
        assert self.server.lists <= (1 + self._explained) * turned_down
        self._assert_no_view_goes_back()

    def _assert_no_view_goes_back(self) -> None:
        """Each view is a state of the node, and no earlier one than the view before."""
        at = 0
        for shown in self._shown:
            assert shown in self._states[at:], f"{shown} never was, or was before what had been seen"
            at = self._states.index(shown, at)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=30)
