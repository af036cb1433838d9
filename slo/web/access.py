"""Who may do what: where the server listens, who asks, and whether a token is needed.

- Every request that changes something needs the token, whoever sends it.
- Reading is free where the server listens on loopback and the request came straight from this machine. A Host that
  is not this machine (a browser was sent here by a name of somebody else's, "DNS rebinding") or a header that a proxy
  added ends that trust: then reading needs the token too, and so it does on any other address.
- What a vendor sends to `/webhooks/` is signed: it needs no token, and nothing is believed without the signature.
- Jobs that call `/heartbeats/` have tokens of their own, which prove to the handler who calls, and so do the agents
  that report to `/api/v1/outcomes` and each Spinnaker that posts to `/webhooks/spinnaker/`.
- `/-/healthy` and `/-/ready`, `/livez` and `/readyz`, are free everywhere: they say one word.
- What a browser sends on behalf of another site changes nothing, token or not.
"""

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from slo.config.hosts import is_loopback
from slo.errors import UsageError

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready", "/livez", "/readyz"})
SIGNED_PATHS = frozenset({"/webhooks/pagerduty", "/webhooks/slack", "/webhooks/ticket"})
"""What is sent there proves by its signature who sent it."""
CALLED_PATHS = "/heartbeats/"
"""How paths begin that jobs call, each with a token of its own."""
CALLED_METHODS = frozenset({"GET", "HEAD", "POST"})
REPORTED_PATHS = frozenset({"/api/v1/outcomes"})
"""Where agents report to."""
SPINNAKER_PATHS = "/webhooks/spinnaker/"
"""How paths begin that a Spinnaker posts to, each with a token of its own."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
SAME_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for requests that no other site caused."""

SHORTEST_TOKEN = 16

_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listen:
    """The address that the server listens on; `host` has no brackets, port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def parse_listen(text: str) -> Listen:
    """`HOST:PORT` or `[HOST]:PORT`. Raises UsageError with what to write instead."""
    match = _HOST.fullmatch(text)
    if not match or match["port"] is None or int(match["port"]) > 65535:
        raise UsageError(f"--listen {text}: write HOST:PORT, for instance 127.0.0.1:9990 or [::1]:9990")
    return Listen(host=match["host"].strip("[]"), port=int(match["port"]))


def refuse_unsafe(listen: Listen, token: str) -> None:
    """Raise UsageError where others than this machine could reach the server and no good token stands before it."""
    if listen.loopback or len(token) >= SHORTEST_TOKEN:
        return
    lack = f"its token has fewer than {SHORTEST_TOKEN} characters" if token else "there is no token"
    raise UsageError(
        f"--listen {listen}: everybody who reaches that address could read and change this watch, since {lack}; "
        f"listen on 127.0.0.1:{listen.port}, or put {SHORTEST_TOKEN} random characters or more into the file `token` "
        "in the data folder"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a request says about who sent it. `hosts` are the values of its Host headers and of an absolute target."""

    method: str
    path: str
    hosts: Sequence[str]
    header_names: Iterable[str]
    authorization: str = ""
    fetch_site: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request is not served: a status and a sentence with the mend."""

    status: int
    sentence: str


class Access:
    """The rules, for one address and one token. An empty token opens nothing."""

    def __init__(self, *, listen: Listen, token: str) -> None:
        self._listen = listen
        self._token = token.encode()

    def refusal(self, asked: Asked) -> Refusal | None:
        """Why this request is refused; None where it is served."""
        changes = asked.method not in SAFE_METHODS
        if changes and asked.fetch_site and asked.fetch_site.lower() not in SAME_SITE:
            return Refusal(status=403, sentence="a page of another site asked the browser for this change: refused")
        signed = asked.path in SIGNED_PATHS and asked.method == "POST"
        reported = (asked.path in REPORTED_PATHS or asked.path.startswith(SPINNAKER_PATHS)) and asked.method == "POST"
        called = asked.path.startswith(CALLED_PATHS) and asked.method in CALLED_METHODS
        if signed or called or reported or (asked.path in OPEN_PATHS and not changes) or self.has_token(asked):
            return None
        if changes:
            return Refusal(status=401, sentence=f"a change needs the token: {_HOW}")
        distrust = self.distrust(asked)
        return Refusal(status=401, sentence=f"{distrust}, so this needs the token: {_HOW}") if distrust else None

    def trusts(self, asked: Asked) -> bool:
        """Whether the sender may read everything."""
        return self.has_token(asked) or not self.distrust(asked)

    def has_token(self, asked: Asked) -> bool:
        """Whether the request carries the token. Takes as long for a wrong one as for the right one."""
        if not asked.authorization:
            return False
        scheme, _, given = asked.authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), self._token)
        return right and scheme.lower() == "bearer" and bool(self._token)

    def distrust(self, asked: Asked) -> str:
        """Why the sender is not taken for somebody on this machine; empty where it is."""
        if not self._listen.loopback:
            return f"this watch listens on {self._listen}"
        foreign = next((host for host in asked.hosts if not _is_here(host)), None)
        if foreign is not None:
            return f"the request is for the host {foreign!r}, which is not this machine"
        forwarded = next((name for name in asked.header_names if _tells_of_a_proxy(name)), None)
        return f"a proxy sent this on (header {forwarded})" if forwarded else ""


_HOW = "send `Authorization: Bearer TOKEN`, the content of the file `token` in the watch's data folder"


@lru_cache(maxsize=256)
@lru_cache(maxsize=256)
def _is_here(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and is_loopback(match["host"].strip("[]"))


@lru_cache(maxsize=256)
def _tells_of_a_proxy(header: str) -> bool:
    name = header.lower()
    return name in {"forwarded", "via", "x-real-ip"} or name.startswith("x-forwarded")
