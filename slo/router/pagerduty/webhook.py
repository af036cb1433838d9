"""PagerDuty's webhooks v3, as they come in: proved by their signature, and turned into acts.

Sources: https://developer.pagerduty.com/docs/webhooks-overview and /docs/verifying-signatures. The signature covers the
body alone, and neither a time nor the header X-Webhook-Id: what names an event is its id in the body, so one that is
sent again, by PagerDuty or by whoever recorded it, has the same source.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slo.config.secret import Secret
from slo.core.acts import Target
from slo.core.inbound import Inbound, Received
from slo.errors import Forged, Malformed
from slo.router.pagerduty.people import People
from slo.router.pagerduty.rest import MISSING, Rest, Unanswered, service_of

if TYPE_CHECKING:
    from slo.router.pagerduty.incidents import IncidentsCall

SIGNATURE = "x-pagerduty-signature"
VERSION = "v1="

_ABOUT_INCIDENTS = frozenset({"incident.acknowledged", "incident.resolved", "incident.priority_updated"})
_ABOUT_NOTES = frozenset({"incident.annotated"})

ELSEWHERE = Received(elsewhere=True)

logger = logging.getLogger(__name__)


class PagerDutyWebhook:
    """Takes the webhooks for the destination `name`; what it lacks is looked up with `rest`, where there is one.

    With the id of a `service`, what happens to the incidents of others is of no concern to it. Raises DestinationFault
    where a look-up fails: PagerDuty sends it again when the answer is a 5xx.
    """

    def __init__(
        self, name: str, secrets: Sequence[Secret], people: People, rest: Rest | None, *, service: str = ""
    ) -> None:
        self._name = name
        self._secrets = secrets
        self._people = people
        self._rest = rest
        self._service = service

    async def receive(self, inbound: Inbound) -> Received:
        """The act that a webhook tells of, if a person did something that is one."""
        if not self._is_signed(inbound):
            raise Forged("the webhook has no signature of this destination's secret")
        event = _event_in(inbound.body)
        kind = event.get("event_type")
        if kind not in _ABOUT_INCIDENTS | _ABOUT_NOTES or not self._people.name_of(event.get("agent")):
            return Received()
        data = event.get("data")
        if not isinstance(data, Mapping):
            raise Malformed(f"the event {kind} has no data")
        keys = await self._keys(data["incident"] if kind in _ABOUT_NOTES and "incident" in data else data)
        if keys is None:
            return ELSEWHERE
        acts = [self._people.act_of(event, data, Target(destination=self._name, key=key)) for key in keys]
        return Received(acts=tuple(act for act in acts if act is not None))

    def _is_signed(self, inbound: Inbound) -> bool:
        """Whether any signature is that of any secret. All are compared, in constant time."""
        given = [
            part.strip().removeprefix(VERSION).encode(errors="replace")
            for part in inbound.headers.get(SIGNATURE, "").split(",")
            if part.strip().startswith(VERSION)
        ]
        right = [
            hmac.new(secret.reveal().encode(), inbound.body, hashlib.sha256).hexdigest().encode()
            for secret in self._secrets
        ]
        return sum(hmac.compare_digest(one, other) for one in given for other in right) > 0

    async def _keys(self, incident: object) -> Sequence[str] | None:
        """The keys of an incident; None where it is none of ours.

        They are looked up where the event does not say them: for a note, and where it is made of several alerts.
        Without a token these are nobody's.
        """
        if not isinstance(incident, Mapping) or not isinstance(incident.get("id"), str):
            raise Malformed("the event names no incident")
        key, id_, service = incident.get("incident_key"), str(incident["id"]), service_of(incident)
        if self._service and service not in ("", self._service):
            return None
        if isinstance(key, str) and key and (service or not self._service):
            return (key,)
        if self._rest is None:
            return None if self._service else ()
        return await self._look_up(self._rest, id_)

    async def _look_up(self, rest: Rest, id_: str) -> Sequence[str] | None:
        """The keys of the incident with that id; None where our service, or the account, has no such incident.

        That one is gone, or another account's, is no fault that asking again would mend.
        """
        try:
            return await rest.use(lambda call: _keys_of(call, id_, self._service))
        except Unanswered as error:
            if error.reason != MISSING:
                raise
            logger.warning(
                "a webhook tells of an incident that the account does not have",
                extra={"destination": self._name, "pagerduty_incident": id_, "detail": error.detail},
            )
            return None


def _keys_of(call: "IncidentsCall", id_: str, service: str) -> Sequence[str] | None:
    incident = call.incident(id_)
    return call.keys_of(incident) if service in ("", service_of(incident)) else None


def _event_in(body: bytes) -> Mapping[str, Any]:
    try:
        event: Mapping[str, Any] = json.loads(body)["event"]
        json.dumps(event, ensure_ascii=False).encode()  # half a character could be written nowhere
        if isinstance(event["id"], str) and event["id"] and isinstance(event["event_type"], str):
            return event
    except (ValueError, RecursionError, KeyError, TypeError):
        pass
    raise Malformed("the webhook holds no event with an id and a type")
