"""The log of pages: what people did to them at PagerDuty, in case no webhook told us.

A page is two requests, three when it is over, one after the other and over one connection; a round of many pages is
cut short and goes on where it was the next time, so that an account's requests are left for notes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slo.core.acts import Act, Target
from slo.router.pagerduty.people import People
from slo.router.pagerduty.rest import Rest, Unanswered

if TYPE_CHECKING:
    from slo.router.pagerduty.incidents import IncidentsCall

PAGES_AT_ONCE = 50
"""How many pages are asked about in a round: once a minute, that is at most a sixth of what an account may ask."""


class PageLog:
    """Asks for the pages of one account."""

    def __init__(self, rest: Rest, people: People) -> None:
        self._rest = rest
        self._people = people
        self._turn = 0

    async def acts_on(self, keys: Sequence[str]) -> Sequence[Act]:
        """Who acknowledged or resolved the pages under these keys; at most `PAGES_AT_ONCE` of them are asked about.

        The acts' targets have the key alone: which destination was asked is known to who asked. What was found before
        PagerDuty stopped answering is returned; raises DestinationFault where nothing was.
        """
        acts: list[Act] = []
        begin = self._turn % len(keys) if keys else 0
        for key in [*keys[begin:], *keys[:begin]][:PAGES_AT_ONCE]:
            try:
                acts += await self._rest.use(lambda call, key=key: self._acts_on(call, key))  # type: ignore[misc]
            except Unanswered:
                if acts:
                    break
                raise
            self._turn += 1
        return acts

    def _acts_on(self, call: "IncidentsCall", key: str) -> Sequence[Act]:
        incident = call.find(key)
        if incident is None:
            return ()
        return list(self._people.acts_in(incident, call.log(str(incident.get("id", ""))), Target(key=key)))
