"""What people do at a ticket system that speaks our own format; docs/destinations.md describes it.

A request proves who sent it by `X-Watchkeep-Signature: sha256=HEX`, the HMAC-SHA256 of the time in
`X-Watchkeep-Timestamp` (Unix seconds), a full stop and the body. It is taken within five minutes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from slo.core.acts import Acknowledge, Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.inbound import Inbound, Received
from slo.core.priority import Impact, Priority
from slo.errors import Forged, Malformed
from slo.router.inbox import (
    digest_of,
    document_of,
    line_at,
    moment_of,
    needed_at,
    past_of,
    refuse_unless_fresh,
    refuse_unless_same,
    refuse_unless_small,
    text_at,
    value_at,
)
from slo.router.notice import lines_of

TIMESTAMP = "X-Watchkeep-Timestamp"
SIGNATURE = "X-Watchkeep-Signature"

ROLES = ("engineer", "customer", "program")


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """The signature over a time and a body, for either direction."""
    return f"sha256={digest_of(secret, f'{timestamp}.'.encode() + body).hex()}"


class TicketInbox:
    """The receiver of the destination `name`."""

    def __init__(self, name: str, secret: str) -> None:
        self._name = name
        self._secret = secret

    async def receive(self, inbound: Inbound) -> Received:
        """The act that a signed request asks for."""
        refuse_unless_small(inbound.body)
        timestamp = inbound.headers.get(TIMESTAMP.lower(), "")
        given = inbound.headers.get(SIGNATURE.lower(), "")
        refuse_unless_same(signature_of(self._secret, timestamp, inbound.body), given)
        refuse_unless_fresh(_signed_at(timestamp), inbound.at)
        act = self._act_of(document_of(inbound.body), inbound.at)
        return Received(acts=(act,) if act else ())

    def _act_of(self, document: Mapping[str, Any], now: datetime) -> Act | None:
        event, role = needed_at(document, "event"), needed_at(document, "by", "role")
        if role not in ROLES:
            raise Malformed(f"by.role is none of {', '.join(ROLES)}")
        if role == "program":
            return None
        target = Target(destination=self._name, reference=needed_at(document, "reference"))
        who: dict[str, Any] = {
            "target": target,
            "by": needed_at(document, "by", "name"),
            "via": self._name,
            "source": f"{self._name}:{needed_at(document, 'id')}",
            "acted_at": past_of(text_at(document, "at"), now),
        }
        text, engineer = lines_of(text_at(document, "text")), role == "engineer"
        match event:
            case "opened":
                return self._opened(document, who, now, by_customer=not engineer)
            case "commented" if value_at(document, "public") is False:
                return None
            case "commented":
                return Say(text=text or needed_at(document, "text"), responds=engineer, **who)
            case "acknowledged":
                return Acknowledge(**who) if engineer else None
            case "waiting":
                return Wait(why=text, **who)
            case "went_on":
                return GoOn(why=text, **who)
            case "resolved":
                return Resolve(why=text, **who)
            case "prioritized":
                return Prioritize(priority=_one_of(Priority, document, "priority"), why=text or "set there", **who)
        return None

    def _opened(self, document: Mapping[str, Any], who: Mapping[str, Any], now: datetime, *, by_customer: bool) -> Open:
        created = text_at(document, "created_at")
        if created and moment_of(created) is None:
            raise Malformed("created_at is no time in ISO 8601")
        return Open(
            summary=needed_at(document, "summary"),
            customer=line_at(document, "customer"),
            environment=line_at(document, "environment"),
            impact=_one_of(Impact, document, "impact") if text_at(document, "impact") else Impact.PARTIAL,
            workaround=value_at(document, "workaround") is True,
            security=value_at(document, "security") is True,
            found_by="customer" if by_customer else "provider",
            created_at=past_of(created, now),
            **who,
        )


def _one_of(kind: Any, document: Mapping[str, Any], key: str) -> Any:
    try:
        return kind(needed_at(document, key))
    except ValueError:
        raise Malformed(f"{key} is none of {', '.join(each.value for each in kind)}") from None


def _signed_at(timestamp: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(timestamp), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise Forged(f"{TIMESTAMP} is no time in Unix seconds") from None
