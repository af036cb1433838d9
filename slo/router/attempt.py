"""One attempt to deliver one message: within a deadline, counted, and a verdict whatever the destination does."""

import asyncio
import logging

from slo.core.delivery import Ambiguous, Dropped, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.protocols import Destination
from slo.exposition.catalogue import Telemetry

DEADLINE_SECONDS = 30.0
"""Destinations hold deadlines of their own, which are shorter: this one is for those that fail to."""

logger = logging.getLogger(__name__)


async def attempt(destination: Destination, message: Message, lane: Lane, *, telemetry: Telemetry) -> Verdict:
    """Deliver once. Raises nothing but the cancellation of the caller."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            verdict = await destination.deliver(message, lane)
    except TimeoutError:
        verdict = Ambiguous(reason="timeout", detail=f"no verdict within {DEADLINE_SECONDS:.0f} s")
    except Exception as error:
        logger.exception("a destination has a fault", extra={"destination": message.destination})
        verdict = Retry(reason="destination_fault", detail=type(error).__name__)
    count(message, verdict, telemetry=telemetry)
    return verdict


def count(message: Message, verdict: Verdict, *, telemetry: Telemetry) -> None:
    """Show a verdict on `/metrics`, and say it in the log where it is not good."""
    name = type(verdict).__name__.lower()
    telemetry.delivery_attempts.labels(message.destination, name).inc()
    if isinstance(verdict, Sent | Dropped):
        return
    telemetry.delivery_failures.labels(message.destination, verdict.reason).inc()
    logger.log(
        logging.ERROR if isinstance(verdict, Refused) else logging.WARNING,
        "a message was refused for good" if isinstance(verdict, Refused) else "a message was not delivered",
        extra={
            "destination": message.destination,
            "incident": message.incident,
            "action": str(message.action),
            "verdict": name,
            "reason": verdict.reason,
            "detail": verdict.detail,
        },
    )
