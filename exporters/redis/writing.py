"""The write probe: a key of its own is written, and read back. It expires, so that nothing stays when nobody asks."""

from collections.abc import Sequence

from exporters.health.write import Write
from slo.net.redis import Answer, Refusal

EXPIRES_SECONDS = 60

_REASONS = {
    "READONLY": "read_only",
    "OOM": "read_only",
    "MISCONF": "read_only",
    "NOREPLICAS": "read_only",
    "NOPERM": "permission",
}
"""What a refused write means, by the first word of the refusal."""


def questions(key: str, token: str) -> list[tuple[str, ...]]:
    """What to ask, all at once."""
    return [("SET", key, token, "EX", str(EXPIRES_SECONDS)), ("GET", key)]


def judged(token: str, replies: Sequence[Answer]) -> Write:
    """What the answers to these questions mean."""
    for reply in replies:
        if isinstance(reply, Refusal):
            fault = reply.fault()
            return Write(reason=_REASONS.get(reply.code, fault.reason), detail=fault.detail)
    _, found = replies
    if found != token.encode():
        return Write(reason="write", detail="another value was read back than was written")
    return Write(reason="ok")
