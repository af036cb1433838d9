"""A watch whose time and whose outcomes come from the test: all of it but the runner and the delivery loop."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from slo.app.place import Place
from slo.app.watch import RunningWatch
from slo.config.load import load
from slo.core.delivery import Action
from slo.core.outcome import Outcome
from slo.core.reason import state_of
from slo.core.status import SLOStatus
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.store.folder import DataFolder
from tests.app.making import Time

SLOT = 10
SLO = "gate-availability"
PAIR = {"long": "2m", "short": "30s", "budget": "50%", "severity": "page", "min_bad_events": 3}


def configuration(*names: str, window: str = "1h", slot: int = SLOT, resolve_after: str = "30s") -> dict[str, Any]:
    """Probes and SLOs by these names; a page goes to PagerDuty when three rounds of two minutes were bad."""
    return {
        "slot": f"{slot}s",
        "probes": [{"name": name, "type": "tcp", "target": "127.0.0.1:1", "interval": f"{SLOT}s"} for name in names],
        "slos": [
            {
                "name": f"{name}-availability",
                "objective": "99%",
                "window": window,
                "sli": {"probe": name},
                "burn_policy": [PAIR],
                "labels": {"customer": "acme", "environment": "production", "service": name},
            }
            for name in names
        ],
        "destinations": [{"name": "oncall", "type": "pagerduty", "routing_key": "0" * 32}],
        "routes": {"destinations": ["oncall"], "resolve_after": resolve_after},
    }


class PlayedWatch:
    """A watch over the files in `folder`, begun at the time that it is entered at. Leaving it is a kill."""

    def __init__(self, folder: Path, time: Time, config: dict[str, Any] | None = None) -> None:
        self.time = time
        self.telemetry = Telemetry()
        self._clock = time.clock()
        self._data = DataFolder(folder / "data")
        self._path = folder / "watchkeep.yaml"
        self.configure(config or configuration("gate"))
        place = Place(config=self._path, environ={}, kinds=Kinds.installed(), folder=self._data)
        settings = load(place.config, place.kinds, place.environ)
        self._slos = {probe.name: f"{probe.name}-availability" for probe in settings.probes}
        self.watch = RunningWatch(
            place, settings, clock=self._clock, telemetry=self.telemetry, context=Context.default(self._clock)
        )

    def configure(self, config: object) -> None:
        """Write the configuration; a text as it is."""
        text = config if isinstance(config, str) else json.dumps(config)
        self._path.write_text(text, encoding="utf-8")

    async def slots(self, number: int, reason: str = "ok", *, probes: Sequence[str] = ("gate",)) -> None:
        """So many slots with one round each, with this reason; an empty one: no round at all."""
        for _ in range(number):
            self.time.passes(SLOT / 2)
            if reason:
                for name in probes:
                    self.outcome(name, reason)
            self.time.passes(SLOT / 2)
            await self.watch.parts.slots.close()

    def outcome(self, name: str, reason: str, *, extra: bool = False) -> None:
        """A round that is complete now."""
        self.watch.parts.probes.observe(
            Outcome(
                check=name,
                target="127.0.0.1:1",
                module="tcp",
                at=self._clock.now(),
                state=state_of(reason),
                reason=reason,
                extra=extra,
            )
        )

    def told(self, action: Action) -> list[str]:
        """The keys under which PagerDuty is to be told that, by the journal."""
        journal = self.watch.parts.journal
        return [
            delivery.message.key
            for incident in self.watch.desk.incidents()[::-1]
            for delivery in journal.deliveries(incident.id)
            if delivery.message.action is action
        ]

    @property
    def statuses(self) -> list[SLOStatus]:
        """The figures of every SLO."""
        return list(self.watch.statuses())

    @property
    def triggers(self) -> list[str]:
        return self.told(Action.TRIGGER)

    @property
    def resolves(self) -> list[str]:
        return self.told(Action.RESOLVE)

    async def __aenter__(self) -> Self:
        await self.watch.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.watch.parts.journal.close()
        self._data.close()
