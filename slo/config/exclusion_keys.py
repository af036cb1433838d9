"""The keys of an exclusion, in the configuration and in the API alike: what is excluded, why, and when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from slo.config.identity import LabelName, Name
from slo.config.timed_keys import TimedKeys, refused
from slo.config.wrong import wrong
from slo.core.exclusion import Exclusion


class ExclusionKeys(TimedKeys):
    """Time that counts for nothing: once, from `start` to `end`, or again and again by a `rule`."""

    reason: Annotated[str, Field(min_length=1)]
    """Why this time does not count, for the people who read the figures."""
    author: Annotated[str, Field(min_length=1)]
    """Who says so."""
    slos: tuple[Name, ...] = ()
    """The SLOs that it is for. Default: all of them."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels that an SLO must have for it."""
    silence: bool = False
    """Whether nobody is told of their alerts either while it is in force. One that recurs then needs an end, and no
    exclusion hides the alerts of all SLOs.
    """

    @field_validator("silence")
    @classmethod
    def _hides_some(cls, silence: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # as pydantic calls it
        named = any(info.data.get(key, True) for key in ("slos", "labels"))
        if silence and not named:
            raise wrong("would hide the alerts of every SLO", "name slos or labels")
        return silence

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        refused(lambda: self.exclusion(created_at=None))
        return self

    def exclusion(self, *, created_at: datetime | None) -> Exclusion:
        """The exclusion that these keys describe."""
        return Exclusion(
            name=self.name,
            reason=self.reason,
            author=self.author,
            created_at=created_at,
            when=self.when(),
            slos=self.slos,
            labels=self.labels,
            silence=self.silence,
        )
