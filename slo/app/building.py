"""Building what looks at targets that were found; what cannot be one is told and counted."""

import logging
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Protocol

from slo.app.found import Labels, What
from slo.app.found_targets import Entry, Found, FoundTarget, Looks
from slo.app.probing import reach_of
from slo.config.schema import GuardKeys
from slo.config.target_keys import MOST_TARGETS
from slo.config.wording import all_in_words
from slo.core.outcome import CheckKey
from slo.errors import WatchkeepError
from slo.net.breath import Breath
from slo.net.context import Context
from slo.net.guard import Guard, Reach

logger = logging.getLogger(__name__)


class Makes(Protocol):
    """Makes what looks at a target that was found."""

    def __call__(self, entry: Entry, address: str, labels: Labels, context: Context, reach: Reach, /) -> Looks:
        """`reach` is what the guard of the context goes by.

        Raises OSError, ValueError or WatchkeepError where it cannot be.
        """


class Relabels(Protocol):
    """Gives what looks at a target other labels of that."""

    def __call__(self, looks: Looks, labels: Labels, /) -> Looks:
        """The same with these labels; nothing where they have to be made anew."""


class Building:
    """Builds what looks at the targets of entries, each called a `what` for people, within what a guard permits."""

    def __init__(self, what: What, context: Context, *, make: Makes, relabel: Relabels) -> None:
        self._what = what
        self._context = self._guarded = context
        self._reach = Reach()
        self._make = make
        self._relabel = relabel

    def permit(self, guard: GuardKeys) -> None:
        """Build within that from now on."""
        self._reach = reach_of(guard)
        self._guarded = replace(self._context, guard=Guard(self._reach))

    async def build(self, found: Found, known: dict[CheckKey, Looks]) -> None:
        """Bring what looks at the targets that were found for an entry up to date, there and in `known`."""
        breath = Breath()
        wanted = self._wanted(found)
        for address in found.found.keys() - wanted.keys():
            if looks := found.found.pop(address):
                known.pop(looks[0].key, None)
        for address, target in wanted.items():
            looks = as_before = found.found.get(address, ())
            if as_before and as_before[0].labels != target.labels:
                looks = self._relabel(as_before, target.labels)
            if not looks:
                looks = self._built(found, address, target, known, instead_of=as_before)
            found.found[address] = looks
            if looks:
                known[looks[0].key] = looks
            await breath.take()

    def _wanted(self, found: Found) -> dict[str, FoundTarget]:
        """The targets that are to be looked at, by address, as many as may be."""
        wanted, twins = found.wanted()
        before, found.refused = found.refused, Tally(duplicate=len(twins))
        if len(twins) > before["duplicate"]:
            address, labels = twins[0]
            logger.warning(
                "an address was found several times with different labels and is one target; others may follow that "
                "are not told",
                extra={self._what: found.entry.name, "target": address[:200], "left_out": str(dict(labels))[:500]},
            )
        if len(wanted) > MOST_TARGETS:
            logger.error(
                "a %s has more targets than are watched: write several",
                self._what,
                extra={self._what: found.entry.name, "found": len(wanted), "watched": MOST_TARGETS},
            )
            found.refused["too_many"] = len(wanted) - MOST_TARGETS
            wanted = dict(islice(wanted.items(), MOST_TARGETS))
        return wanted

    def _built(
        self, found: Found, address: str, target: FoundTarget, known: Mapping[CheckKey, Looks], *, instead_of: Looks
    ) -> Looks:
        """What looks at a target that was found; nothing where it cannot be one, which is counted."""
        context, reach = self._guarded, self._reach
        try:
            if only := target.follower.only(target.address):
                reach = replace(reach, only=only)
                context = replace(context, guard=Guard(reach))
            looks = self._make(found.entry, address, target.labels, context, reach)
        except (OSError, ValueError, WatchkeepError) as error:
            if not found.refused["invalid"]:
                logger.warning(
                    "a target that was found cannot be one of its %s; others may follow that are not told",
                    self._what,
                    extra={
                        self._what: found.entry.name,
                        "target": address[:200],
                        "error": all_in_words(error, address)[:500],
                    },
                )
            found.refused["invalid"] += 1
            return ()
        if known.get(looks[0].key, instead_of) is not instead_of:
            found.refused["duplicate"] += 1
            return ()
        return looks
