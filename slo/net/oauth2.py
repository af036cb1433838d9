"""Access tokens of OAuth 2.0, with the credentials of a client: https://www.rfc-editor.org/rfc/rfc6749#section-4.4."""

import json
import math
import re
from dataclasses import replace
from urllib.parse import quote_plus, urlencode

from slo.config.oauth2 import OAuth2Settings
from slo.config.request import basic, is_token
from slo.core.reason import State, state_of
from slo.errors import Fault
from slo.net.context import Context
from slo.net.fetch import fetch
from slo.net.guard import Guard
from slo.net.proxy import Proxies
from slo.net.request import Request
from slo.net.url import URL

EARLY_SECONDS = 10.0
"""How long before it expires a token is no longer used: a request takes its time, and clocks differ."""

IN_TIME_SECONDS = 0.01
"""How long before the deadline of the round a server is given up: what is wrong with it can then still be told."""

LIMIT_BYTES = 1_000_000

_TOKEN = re.compile(r"[\x21-\x7e]+")

_SUCCEEDED = range(200, 300)
_NOT_LIKE_THIS = frozenset({400, 401})
"""The statuses with which a server may mean that it takes the client's credentials in another place."""


class TokenSource:
    """Fetches tokens, and keeps one until shortly before it expires, for all rounds of a check."""

    def __init__(self, settings: OAuth2Settings, context: Context) -> None:
        self._settings = settings
        self._context = replace(context, guard=Guard())  # who gives tokens is configured, whoever chose the target
        self._token = ""
        self._good_until = 0.0
        self._request = Request(
            url=URL.parse(settings.token_url),
            method="POST",
            tls=settings.tls,
            proxies=Proxies.of(settings.proxy) if settings.proxy else None,
            follow_redirects=False,
            max_body=LIMIT_BYTES,
            keep_body=True,
        )
        if self._request.url.secure:
            context.tls.get(settings.tls, alpn=self._request.endpoint.alpn)

    async def authorization(self, deadline: float) -> str:
        """The header Authorization with a token that is good now. Raises Fault."""
        now = self._context.clock.monotonic()
        if now >= self._good_until:
            self._token, seconds = await self._fetched(deadline)
            self._good_until = now + max(seconds - EARLY_SECONDS, 0.0)
        return self._token

    def refused(self) -> None:
        """The token was not taken: the next round asks for another."""
        self._good_until = 0.0

    async def _fetched(self, deadline: float) -> tuple[str, float]:
        """A header, and for how many seconds it is good. Raises Fault."""
        status, body = await self._answer(self._in_header(), deadline)
        if status in _NOT_LIKE_THIS:
            status, body = await self._answer(self._in_body(), deadline)
        host = self._request.url.host
        if status not in _SUCCEEDED:
            raise Fault("token", detail=f"{host} answered {status}")
        try:
            return _token_of(body)
        except ValueError:
            raise Fault("token", detail=f"{host} answered {status} without an access token") from None

    async def _answer(self, request: Request, deadline: float) -> tuple[int, bytes]:
        fetched = await fetch(request, self._context, deadline - IN_TIME_SECONDS)
        fault, response = fetched.reached.fault, fetched.response
        if fault is not None and state_of(fault.reason) is State.UNKNOWN:
            raise Fault(fault.reason, detail=f"for a token: {fault.detail}")
        if fault is not None or response is None:
            detail = f"{request.url.host}: {fault.reason if fault else ''}"
            raise Fault("token", detail=detail)
        return response.status, response.body

    def _in_header(self) -> Request:
        """The request with the client's credentials in the header Authorization."""
        settings = self._settings
        secret = settings.client_secret.reveal() if settings.client_secret else ""
        return self._asking({}, {"Authorization": basic(quote_plus(settings.client_id), quote_plus(secret))})

    def _in_body(self) -> Request:
        """The request with the client's credentials in its body, which some servers want."""
        settings = self._settings
        client = {"client_id": settings.client_id}
        if settings.client_secret:
            client["client_secret"] = settings.client_secret.reveal()
        return self._asking(client, {})

    def _asking(self, client: dict[str, str], headers: dict[str, str]) -> Request:
        settings = self._settings
        form = {"grant_type": "client_credentials"} | client
        if settings.scopes:
            form["scope"] = " ".join(settings.scopes)
        form |= {name: value.reveal() for name, value in settings.endpoint_params.items()}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"} | headers
        return replace(self._request, headers=headers, body=urlencode(form).encode())


def _token_of(body: bytes) -> tuple[str, float]:
    """The header of the token in an answer, and for how many seconds it is good. Raises ValueError without one."""
    try:
        said = json.loads(body)
        kind, token, seconds = said.get("token_type") or "Bearer", said["access_token"], said.get("expires_in")
        good_for = float("inf") if seconds is None else float(seconds)
    except (TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise ValueError("no access token") from None
    if math.isnan(good_for):  # it would never end
        raise ValueError("no time that ends")
    if not isinstance(kind, str) or not is_token(kind) or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ValueError("no access token")
    return f"{'Bearer' if kind.lower() == 'bearer' else kind} {token}", good_for
