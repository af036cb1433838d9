"""What comes in from destinations: requests that say what people did there."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
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

    Where there is more to be done after the acts, `then` does it, and says how to answer instead: it is given why one
    of them could not be done, empty where all were.

    `elsewhere` is whether it is of no concern here, and may be of some to another destination that knows the sender.
    """

    acts: tuple[Act, ...] = ()
    status: int = 202
    reply: Mapping[str, object] | None = None
    elsewhere: bool = False
    then: Callable[[str], Awaitable["Received"]] | None = field(default=None, compare=False)
