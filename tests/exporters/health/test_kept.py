"""A session that is kept: it is made anew once where it broke, and not at all where that would lock the account."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from exporters.health.kept import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Kept
from slo.errors import Fault
from slo.net.attempt import Attempt
from slo.net.context import Context
from tests.exporters.clocks import SetClock


class Session:
    """A connection of which a test says what becomes of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True
        self.closed = False

    def close(self) -> None:
        self.is_open = False
        self.closed = True


class Server:
    """Lets in whoever comes, or refuses."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.sessions: list[Session] = []
        self.refuses: Fault | None = None
        self.tries = 0
        self.kept = Kept(self._log_in, self.clock)
        self._attempt = Attempt(Context.default(self.clock))

    async def _log_in(self, _: Attempt) -> Session:
        self.tries += 1
        if self.refuses is not None:
            raise self.refuses
        self.sessions.append(Session(len(self.sessions)))
        return self.sessions[-1]

    async def ask(self, questions: Callable[[Session], Awaitable[int]] | None = None) -> int:
        return await self.kept.ask(self._attempt, questions or whose)


async def whose(session: Session) -> int:
    return session.number


def failing(reason: str, *, broken: bool, first_alone: bool = True) -> Callable[[Session], Awaitable[int]]:
    """Questions that fail, with a session that breaks or does not."""

    async def questions(session: Session) -> int:
        if session.number and first_alone:
            return session.number
        session.is_open = not broken
        raise Fault(reason)

    return questions


async def test_one_session_answers_round_after_round() -> None:
    server = Server()
    assert [await server.ask() for _ in range(3)] == [0, 0, 0]
    assert server.tries == 1


async def test_a_session_that_broke_between_rounds_is_made_anew_in_the_same_round() -> None:
    server = Server()
    await server.ask()
    server.sessions[0].is_open = False
    assert await server.ask() == 1


@pytest.mark.parametrize("reason", ["data_closed", "connect_reset", "not_ready"])
async def test_a_session_that_breaks_when_it_is_asked_is_made_anew_once(reason: str) -> None:
    server = Server()
    await server.ask()
    assert await server.ask(failing(reason, broken=True)) == 1
    assert server.sessions[0].closed or not server.sessions[0].is_open
    with pytest.raises(Fault):
        await server.ask(failing(reason, broken=True, first_alone=False))
    assert server.tries == 3


@pytest.mark.parametrize("reason", ["query_timeout", "data", "query_refused"])
async def test_what_is_no_break_is_not_tried_again(reason: str) -> None:
    server = Server()
    await server.ask()
    with pytest.raises(Fault):
        await server.ask(failing(reason, broken=True))
    assert server.tries == 1
    assert server.sessions[0].closed
    assert await server.ask() == 1


async def test_a_refused_question_leaves_the_session() -> None:
    server = Server()
    await server.ask()
    with pytest.raises(Fault):
        await server.ask(failing("query_refused", broken=False))
    assert await server.ask() == 0


@pytest.mark.parametrize("rounds", [0, 1])
async def test_a_round_that_is_cut_off_ends_the_session(rounds: int) -> None:
    server = Server()
    for _ in range(rounds):
        await server.ask()

    async def never(session: Session) -> int:
        session.is_open = False  # as a conversation is whose answer was not read to its end
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await server.ask(never)
    assert server.sessions[0].closed
    assert await server.ask() == 1


async def test_after_a_refusal_the_next_login_waits_twice_as_long_each_time() -> None:
    server = Server()
    server.refuses = Fault("auth_refused", detail="no such user")
    waited = []
    for _ in range(6):
        with pytest.raises(Fault):
            await server.ask()
        tries, begun = server.tries, server.clock.seconds
        while server.tries == tries:
            server.clock.seconds += 1
            with pytest.raises(Fault) as raised:
                await server.ask()
            assert raised.value.reason == "auth_refused"
            assert "no such user" in raised.value.detail
        waited.append(server.clock.seconds - begun)
    assert waited[0] == FIRST_PAUSE_SECONDS
    assert waited[1:3] == [2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert waited[-1] == LONGEST_PAUSE_SECONDS


async def test_other_faults_of_a_login_are_tried_again_at_once() -> None:
    server = Server()
    server.refuses = Fault("connect_refused")
    for _ in range(3):
        with pytest.raises(Fault):
            await server.ask()
    assert server.tries == 3
    server.refuses = None
    assert await server.ask() == 0


async def test_a_new_login_takes_the_place_of_the_kept_one_and_ends_the_waiting() -> None:
    server = Server()
    await server.ask()
    server.kept.renew(new := Session(7))
    assert server.sessions[0].closed
    assert await server.ask() == 7
    server.kept.close()
    assert new.closed
    server.refuses = Fault("auth_refused")
    with pytest.raises(Fault):
        await server.ask()
    server.kept.renew(Session(8))
    assert await server.ask() == 8
