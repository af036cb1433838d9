"""Whether the API server says that it is ready, asked as any client would: anew in every round.

Reference: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from daemonset.parts.part import UNTOLD, Problem
from daemonset.service_account import ServiceAccount
from slo.config.tls import TLSSettings
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.conversation import said
from slo.net.fetch import Fetched, fetch
from slo.net.request import Request
from slo.net.url import URL

PATH = "/readyz"

ANSWER_BYTES = 65_536
"""How much is read of the answer, which has a line for each of a few dozen checks where it is no."""

_RULE = f'{{nonResourceURLs: ["{PATH}"], verbs: ["get"]}}'


class AccountToken:
    """Authorizes a request with the token that a service account has just then."""

    def __init__(self, account: ServiceAccount) -> None:
        self._account = account

    async def authorization(self, deadline: float) -> str:  # noqa: ARG002 - a file is read at once
        """The header. Raises Fault: without a token nothing is learnt of the API server."""
        try:
            return f"Bearer {await self._account.token()}"
        except Fault as fault:
            raise Fault(UNTOLD, detail=fault.detail) from None

    def refused(self) -> None:
        """It is read anew for the next request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadinessSeen:
    """What came of asking."""

    fetched: Fetched

    @property
    def reached(self) -> Reached:
        """How far the request got."""
        return self.fetched.reached

    def problems(self) -> Iterator[Problem]:
        """That it does not say yes; what went wrong on the way to it is in what was reached."""
        response = self.fetched.response
        if response is None or response.status == 200:
            return
        if response.status == 401:
            yield "auth_refused", f"{PATH}: it does not take the token of the service account"
        elif response.status == 403:
            yield (
                "permission",
                f"it may not get {PATH}: bind its service account to a ClusterRole with the rule {_RULE}",
            )
        elif response.status == 429:
            yield UNTOLD, f"{PATH}: the API server has too much to do to answer us (429)"
        elif response.status >= 500:
            yield "not_ready", f"{PATH} says {response.status}{_failed(response.body)}"
        else:
            yield "status", f"{PATH} says {response.status}, not 200"

    def samples(self) -> Iterator[Sample]:
        """Whether it says yes; nothing where that is not known."""
        wrong = next(iter(self.problems()), None)
        if self.reached.fault is not None or wrong is None or wrong[0] not in (UNTOLD, "permission"):
            ready = self.reached.fault is None and wrong is None
            yield Sample("watchkeep_kubernetes_api_ready", float(ready))

    def findings(self) -> Iterable[Finding]:
        """None: what is found on the way is told already."""
        return ()


class Readiness:
    """Asks one API server."""

    def __init__(self, account: ServiceAccount, context: Context) -> None:
        self._context = context
        self._tokens = AccountToken(account)
        self._request = Request(
            url=URL.parse(account.url + PATH),
            tls=TLSSettings(ca_file=str(account.ca_file) if account.ca_file else None),
            follow_redirects=False,
            max_body=ANSWER_BYTES,
            keep_body=True,
        )

    async def ask(self, deadline: float) -> ReadinessSeen:
        """What it says before `deadline` (monotonic seconds)."""
        return ReadinessSeen(fetched=await fetch(self._request, self._context, deadline, tokens=self._tokens))


def _failed(body: bytes) -> str:
    """Which of its checks failed, as its answer lists them."""
    lines = (line.strip() for line in body.decode(errors="replace").splitlines())
    failed = "; ".join(line.removeprefix("[-]") for line in lines if line.startswith("[-]"))
    return f": {said(failed)}" if failed else ""
