"""The keys of a silence, in the configuration and in the API alike: which alerts, why, who answers for it, and when."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from slo.config.timed_keys import TimedKeys, refused
from slo.config.types import MatcherText
from slo.core.silence import Silence


class SilenceKeys(TimedKeys):
    """Alerts that nobody is told of: once, from `start` to `end`, or again and again by a `rule`, up to `until`."""

    match: Annotated[tuple[MatcherText, ...], Field(min_length=1)]
    """Which alerts: all these matchers hold for their labels."""
    reason: Annotated[str, Field(min_length=1)]
    """Why nobody is to be told, for the people who ask in the night."""
    owner: Annotated[str, Field(min_length=1)]
    """Who answers for it."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        refused(lambda: self.silence(created_at=None))
        return self

    def silence(self, *, created_at: datetime | None) -> Silence:
        """The silence that these keys describe."""
        return Silence(
            name=self.name,
            matchers=self.match,
            reason=self.reason,
            owner=self.owner,
            when=self.when(),
            created_at=created_at,
        )
