"""Probing on demand: rounds that `/probe` is asked for, by the modules of the configuration in force."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from exporters.probing import LONGEST_SECONDS, Asked, Probed
from slo.config.names import Names
from slo.config.schema import GuardKeys
from slo.config.settings import ModuleEntry, Settings
from slo.config.urls import presentable
from slo.config.wording import all_in_words
from slo.core.outcome import Outcome
from slo.core.protocols import Check
from slo.core.reason import state_of
from slo.errors import UsageError, WatchkeepError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.net.guard import CLOSED, Guard, Reach
from slo.runner.round import run_once
from slo.runner.schedule import Scheduled

SHORTEST_SECONDS = 0.01
"""What a round has at least, where building its check has taken up its time."""

KEPT_CHECKS = 10_000
"""Checks are kept between rounds, with the timeout of the last: as many targets as one watch is asked for."""


class Probing:
    """Makes the checks that are asked for, and one round of each. `configure` it before anything is asked."""

    def __init__(self, kinds: Kinds, context: Context) -> None:
        self._kinds = kinds
        self._context = context
        self._guarded = context
        self._modules: Mapping[str, ModuleEntry] = {}
        self._kept: OrderedDict[Asked, Scheduled] = OrderedDict()

    def configure(self, settings: Settings) -> None:
        """Go by these modules, and let targets lie where these settings permit it."""
        self._modules = settings.modules
        self._guarded = replace(self._context, guard=Guard(reach_of(settings.guard)))
        self._kept.clear()

    def module_timeout(self, module: str) -> float:
        """The timeout of a module in seconds, 0 where it has none. Raises UsageError for no module."""
        if module not in self._modules:
            nearest = Names(self._modules).nearest(module[:100])
            mend = f"did you mean {nearest}?" if nearest else f"there are: {', '.join(sorted(self._modules)) or 'none'}"
            raise UsageError(f"Unknown module {module[:100]!r}: {mend}")
        return self._modules[module].timeout.total_seconds()

    async def probe(self, asked: Asked, timeout_seconds: float) -> Probed:
        """Make a round now; one of a target that the module cannot have is bad."""
        scheduled = self._kept.get(asked)
        if scheduled is None:
            module, began = self._modules[asked.module], self._context.clock.monotonic()
            try:
                scheduled = await self._made(asked, module, self._guarded)
            except (OSError, ValueError, WatchkeepError) as error:  # a ValidationError too
                return Probed(outcome=self._no_target(asked, module.type, error), samples=())
            timeout_seconds = max(SHORTEST_SECONDS, timeout_seconds - (self._context.clock.monotonic() - began))
        if scheduled.timeout_seconds != timeout_seconds:
            scheduled = replace(scheduled, interval_seconds=timeout_seconds, timeout_seconds=timeout_seconds)
            if asked in self._kept:
                self._kept[asked] = scheduled
        outcome, facts = await run_once(scheduled, self._context.clock, self._context.limits)
        return Probed(outcome=outcome, samples=scheduled.check.samples(facts))

    async def _made(self, asked: Asked, module: ModuleEntry, guarded: Context) -> Scheduled:
        """The check of a target, built in a thread: reading authorities takes 40 ms, and others would be late."""
        config = module.aimed(asked.target, asked.hostname)
        check: Check[Any] = await asyncio.to_thread(self._kinds.probes.module(module.type).build, config, guarded)
        made = Scheduled(
            name=asked.module,
            module=module.type,
            target=check.target,
            interval_seconds=LONGEST_SECONDS,
            timeout_seconds=LONGEST_SECONDS,
            check=check,
        )
        if self._modules.get(asked.module) is module:
            self._kept[asked] = made
            if len(self._kept) > KEPT_CHECKS:
                self._kept.popitem(last=False)
        return made

    def _no_target(self, asked: Asked, kind: str, error: Exception) -> Outcome:
        """A target that cannot be looked at is a failed round, as it is for the blackbox exporter."""
        reason = "target_invalid"
        return Outcome(
            check=asked.module,
            target=presentable(asked.target),
            module=kind,
            at=self._context.clock.now(),
            state=state_of(reason),
            reason=reason,
            detail=_unreadable(asked.target, error),
        )

    def shown(self, asked: Asked) -> str:
        """What a round is made by, for people, without secrets."""
        try:
            config = self._modules[asked.module].aimed(asked.target, asked.hostname)
        except ValueError as error:  # a ValidationError too
            return _unreadable(asked.target, error)
        return config.model_dump_json(indent=2, exclude_defaults=True)


def _unreadable(target: str, error: Exception) -> str:
    """Why a target is none; the reason is kept back where it might quote a password."""
    if "@" in target and isinstance(error, ValidationError):
        return "is no target: what is wrong with it is not said, because it may hold a password"
    return all_in_words(error, target)


def reach_of(guard: GuardKeys) -> Reach:
    """Where a target may lie, as it is configured."""
    allow = guard.allow
    denied = CLOSED if guard.deny is None else guard.deny
    return Reach(hosts=allow.hosts, networks=allow.networks, schemes=allow.schemes, denied=denied)
