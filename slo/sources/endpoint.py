"""Where a target is scraped."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a target is scraped, and how often. With another `identity` its series are not those of before.

    All its series have these `labels`.
    """

    interval_seconds: float
    identity: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
