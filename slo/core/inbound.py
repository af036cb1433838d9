"""What comes in from destinations: requests that say what people did there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from slo.core.acts import Act


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbound:
    """A request as it came: the names of its headers in lower case, its body in bytes, and when it was here."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """What a request means, and how it is answered once its acts are on record: `status`, and `reply` as JSON.

    `elsewhere` is whether it is of no concern here, and may be of some to another destination that knows the sender.
    """

    acts: tuple[Act, ...] = ()
    status: int = 202
    reply: Mapping[str, object] | None = None
    elsewhere: bool = False
