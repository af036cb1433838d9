"""Excuses: when a round that looks bad says nothing about its target, because the fault is ours."""

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from slo.core.outcome import Judgement
from slo.core.reason import REASONS, state_of
from slo.runner.pulse import STANDSTILL_SECONDS

UP_FOR_SECONDS = 1.0
"""How long an answer about our own network is good for: a failure of it fails every target at once."""

TIMED = frozenset({"latency", *(name for name in REASONS if name.endswith("timeout"))})
"""The reasons that blame the target for the time that passed."""

UNREACHED = frozenset({"connect_unreachable", "dns_servfail"}) | TIMED - {"latency"}
"""The reasons that a network of ours which is gone looks like."""


class Connectivity(Protocol):
    """What can be told of this machine's own network."""

    def up(self) -> bool:
        """Whether this machine can send anything beyond itself."""


class Excuses:
    """Turns a bad judgement into an unknown one where the fault may be this process's, or this machine's network's."""

    def __init__(self, connectivity: Connectivity | None, monotonic: Callable[[], float]) -> None:
        self._connectivity = connectivity
        self._monotonic = monotonic
        self._up = True
        self._asked_at = float("-inf")

    def excuse(self, judgement: Judgement, *, target: str, stood_still_seconds: float) -> Judgement:
        """The judgement, or an unknown one in its place.

        `stood_still_seconds` is how long this process did nothing at all while the round was under way: the answer
        may have been here all the while.
        """
        if stood_still_seconds >= STANDSTILL_SECONDS and judgement.reason in TIMED:
            return _unknown(judgement, "prober_stalled")
        if judgement.reason in UNREACHED and not self._network_up() and not _on_this_machine(target):
            return _unknown(judgement, "network_down")
        return judgement

    def _network_up(self) -> bool:
        if self._connectivity is not None and self._monotonic() - self._asked_at >= UP_FOR_SECONDS:
            self._up = self._connectivity.up()
            self._asked_at = self._monotonic()
        return self._up


def _unknown(judgement: Judgement, reason: str) -> Judgement:
    seemed = f"it looked like {judgement.reason}" + (f": {judgement.detail}" if judgement.detail else "")
    return replace(judgement, state=state_of(reason), reason=reason, detail=seemed)


def _on_this_machine(target: str) -> bool:
    """Whether a target (a URL, host:port, or a host alone) is reached without any network."""
    try:
        host = urlsplit(target if "://" in target else f"//{target}").hostname or target  # ::1 has none
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
