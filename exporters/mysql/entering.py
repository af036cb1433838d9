"""A login of the collector, which has proved itself before anything is asked of it."""

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.mysql import MySQLSession
from slo.net.mysql_answer import Refusal
from slo.net.sql import SQLLogin

ANSWER_BYTES = 4 * 1024 * 1024
ROWS = 10_000
"""The most of one answer: a server has under a thousand variables."""

LOCK_WAIT_SECONDS = 2
"""How long a statement waits for whoever changes the table that it reads."""

PASSWORD_EXPIRED = frozenset({1820, 1862})
"""The errors of a user who is let in, and may do nothing but change the password."""


async def log_in(attempt: Attempt, endpoint: Endpoint, who: SQLLogin) -> MySQLSession:
    """A session that answered a first question. Raises Fault.

    Whose password has expired is let in, and then refused everything: that is a login that was refused.
    """
    try:
        session = await MySQLSession.open(attempt, endpoint, who, limit_bytes=ANSWER_BYTES, limit_rows=ROWS)
    except Fault as fault:
        if fault.reason == "query_refused":
            raise _shut_out(fault) from fault
        raise
    try:
        await session.answer(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}")
        attempt.enter("query")
        proof = await session.answer("SHOW GLOBAL STATUS LIKE 'Uptime'")
        if isinstance(proof, Refusal):
            raise _shut_out(proof.fault) if proof.number in PASSWORD_EXPIRED else proof.fault
    except BaseException:
        session.close()
        raise
    return session


def _shut_out(fault: Fault) -> Fault:
    """A login that leads nowhere is as good as refused, and no sooner to be tried again than one that was."""
    return Fault("auth_refused", detail=f"it may log in, and ask nothing: {fault.detail}")
