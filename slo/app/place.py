"""Where a watch is: its configuration, what may be put into it, and its data folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from slo.app.checks import checks_of
from slo.app.scrapes import Scrapes
from slo.app.wiring import refuse_unfed
from slo.config.load import load
from slo.config.settings import Settings
from slo.core.duration import duration_name
from slo.errors import ConfigError, ConfigFault
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.schedule import Scheduled
from slo.store.folder import DataFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The place of one watch. `narrow` makes of a configuration what is to be done of it here."""

    config: Path
    environ: Mapping[str, str]
    kinds: Kinds
    folder: DataFolder
    narrow: Callable[[Settings], Settings] | None = None

    def settings(self, *, slot: timedelta) -> Settings:
        """The configuration as it is now. Raises ConfigError where it is bad, or has another slot than `slot`."""
        settings = load(self.config, self.kinds, self.environ)
        settings = self.narrow(settings) if self.narrow else settings
        if settings.slot != slot:
            name = duration_name(slot.total_seconds())
            raise ConfigError(
                [
                    ConfigFault(
                        file=str(self.config),
                        line=0,
                        column=0,
                        path="slot",
                        problem=f"cannot change from {name} while the watch runs",
                        mend="restart it",
                    )
                ]
            )
        return settings

    def built(self, settings: Settings, context: Context) -> tuple[list[Scheduled], Scrapes]:
        """What the settings have a watch run: checks, and scrapes. Raises ConfigError for what cannot be."""
        refuse_unfed(settings, self.config)
        own = settings.run_by("watch")
        return checks_of(own, self.kinds, context, self.config), Scrapes(own, context, self.config)
