"""Rounds in which a server answers what it is told to."""

from collections.abc import Sequence
from typing import cast

from exporters.collectors.redis import Facts
from exporters.health.periodic import Aged
from exporters.redis.answers import Answers, ask
from exporters.redis.offsets import Offsets
from exporters.redis.replication import replication_of
from exporters.redis.seldom import Seldom
from exporters.redis.slow import questions, read_slow
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.redis import Answer, RedisSession, Refusal


class Scripted:
    """Answers the questions in their order with what it was given, and then with errors."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)

    async def pipeline(self, commands: Sequence[Sequence[str]]) -> list[Answer]:
        """An answer to each."""
        given, self._answers = self._answers[: len(commands)], self._answers[len(commands) :]
        return [*given, *[Refusal("ERR") for _ in range(len(commands) - len(given))]]


def found(answers: Sequence[Answer], *, slow: Sequence[Answer] = ()) -> Facts:
    """What a round comes to in which this was answered, and that to what is asked more seldom: an error otherwise."""
    asking = ask(cast(RedisSession, Scripted(answers)), write_to="canary", token="now")
    said: Answers | None = None
    try:
        asking.send(None)
    except StopIteration as stop:
        said = stop.value
    except Fault as fault:
        return Facts(reached=Reached(phases={}, fault=fault))
    assert said is not None
    count = len(questions(histograms=True))
    told = read_slow([*slow[:count], *[Refusal("ERR")] * (count - len(slow))])
    state = replication_of(
        said.info, Offsets(), 0.0, cluster=said.cluster, sentinel=said.sentinel, settings=told.settings
    )
    return Facts(
        reached=Reached(phases={}),
        answers=said,
        replication=state,
        seldom=Aged(value=Seldom.of(told, said.info.commands), age_seconds=0.0),
    )
