"""Rounds in which a server answers what it is told to."""

from dataclasses import replace
from typing import cast

from exporters.collectors import mysql
from exporters.collectors.mysql import Facts, MySQLCollector
from slo.core.protocols import Clock
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.mysql import MySQLSession
from slo.runner.clock import SteadyClock
from tests.exporters.mysql.saying import Saying

TIMEOUT_SECONDS = 5.0
CONTEXT = Context.default(SteadyClock())


def collector(clock: Clock = CONTEXT.clock, /, **keys: object) -> MySQLCollector:
    """A collector that nobody connects."""
    config = {"target": "127.0.0.1:1", "username": "watchkeep", **keys}
    return mysql.build(mysql.Config.model_validate(config), replace(CONTEXT, clock=clock))


def found(session: Saying, asking: MySQLCollector) -> Facts:
    """What a round comes to in which the server says this."""
    deadline = asking._context.clock.monotonic() + TIMEOUT_SECONDS
    round_ = asking._ask(Attempt(CONTEXT), cast(MySQLSession, session), deadline)
    try:
        round_.send(None)
    except Fault as fault:
        return Facts(reached=Reached(phases={}, fault=fault), rounds=1)
    except StopIteration as stop:
        answers, state, lag_from, written = stop.value
        return Facts(
            reached=Reached(phases={}),
            rounds=1,
            answers=answers,
            replication=state,
            lag_from=lag_from,
            slow=asking._slow.last,
            write=written,
        )
    raise AssertionError("it waits for something")
