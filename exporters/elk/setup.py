"""Putting the index template: once, before the first document, and never over what is somebody else's or newer."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from exporters.elk.template import OWNER, VERSION, template
from exporters.posting import DETAIL_LIMIT, MALFORMED, NO_HEADERS, Failed, Posting
from slo.core.delivery import Ambiguous, Refused, Retry, Verdict
from slo.net.http1 import Response

_JSON: Mapping[str, str] = {"Content-Type": "application/json"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What the other side said: its status, 0 where there was none, what is wrong with it, and the document in it."""

    status: int
    failed: Failed | None
    document: Mapping[str, Any]

    @property
    def passing(self) -> Retry | Ambiguous | None:
        """What is wrong where that may be over soon. That we may not (403) will not."""
        return self.failed if isinstance(self.failed, Retry | Ambiguous) and self.status != 403 else None


class Setup:
    """Puts the template for our data streams, or for the indices of that name.

    Documents that came before it would have other fields, so nothing is to be sent until the other side has answered.
    Where it does not let us, somebody else has done it or will: that is said once, and sending goes on.
    """

    def __init__(self, posting: Posting, index: str | None) -> None:
        self._posting = posting
        self._name, self._body = template(index)
        self._done = False

    async def run(self) -> Verdict | None:
        """Do it where that was not done yet. What is in the way for now; None where documents may be sent."""
        if self._done:
            return None
        answer = await self._put()
        if isinstance(answer.failed, Refused):
            answer = await self._put()  # another watch may have put it at the same moment
        if answer.passing is not None:
            return answer.passing
        if answer.failed is not None:
            self._warn(
                "the index template cannot be put: somebody else has to, or fields cannot all be searched for",
                answer.failed.detail,
            )
        self._done = True
        return None

    async def _put(self) -> _Answer:
        """Put it where it is missing, or an older one of ours; the last answer."""
        found = await self._ask("GET")
        if found.status == 404:
            return await self._ask("PUT", "?create=true")
        if found.failed is not None:
            return found
        owner, version = _owner_and_version(found.document)
        if owner != OWNER:
            self._warn("an index template of this name is not ours: it stays as it is", f"it is managed by {owner!r}")
        return found if owner != OWNER or version >= VERSION else await self._ask("PUT")

    async def _ask(self, method: str, query: str = "") -> _Answer:
        path = f"/_index_template/{self._name}{query}"
        headers, body = (_JSON, to_json(self._body)) if method == "PUT" else (NO_HEADERS, b"")
        response = await self._posting.fetch(self._posting.request(method, path, headers=headers, body=body))
        if not isinstance(response, Response):
            return _Answer(status=0, failed=response, document={})
        if (failed := self._posting.failed(response)) is not None:
            return _Answer(status=response.status, failed=failed, document={})
        document = _document(response.body, "index_templates" if method == "GET" else "acknowledged")
        if document is None:
            detail = self._posting.hidden(response.body.decode(errors="replace"))[:DETAIL_LIMIT]
            return _Answer(status=0, failed=Retry(reason=MALFORMED, detail=detail), document={})
        return _Answer(status=response.status, failed=None, document=document)

    def _warn(self, message: str, detail: str) -> None:
        logger.warning(message, extra={"to": self._posting.shown, "template": self._name, "detail": detail})


def _document(body: bytes, key: str) -> Mapping[str, Any] | None:
    """What an answer says, None where it is not about a template."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get(key) else None


def _owner_and_version(document: Mapping[str, Any]) -> tuple[str, int]:
    """Whose a template is, as it says itself, and its version, 0 without one."""
    try:
        kept = document["index_templates"][0]["index_template"]
        meta, version = kept.get("_meta") or {}, kept.get("version")
        return str(meta.get("managed_by", ""))[:DETAIL_LIMIT], version if type(version) is int else 0
    except (LookupError, TypeError, AttributeError):
        return "", 0
