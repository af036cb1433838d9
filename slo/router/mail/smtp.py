"""One letter handed over by SMTP, with its verdict.

Source of the replies: RFC 5321 (4.2), RFC 4954 and RFC 3207. The letter counts as handed over from the command DATA on:
before it nothing can have been taken.
"""

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.router.answers import connection_reason, shown

_MENDED_HERE = frozenset({454, 530, 534, 535, 538})
"""Replies about who we are and how we speak: an operator mends them, and the letter is none the worse."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Refusal:
    reader: str
    code: int
    said: str

    def __str__(self) -> str:
        return f"{self.code} for {self.reader}: {self.said}"


class Handover:
    """One letter from `sender` to `readers`, bare addresses. `secret` is what the server is not quoted with.

    `shared` is whether other readers have it already. With `hurried`, readers that cannot be reached now are not waited
    for once somebody has it: the next letter of the thread is for everybody.

    `so_far` is the verdict if it is given up now, `taken` are the readers for whom the letter was taken.
    """

    def __init__(
        self,
        *,
        sender: str,
        readers: Sequence[str],
        letter: bytes,
        secret: str,
        shared: bool = False,
        hurried: bool = False,
    ) -> None:
        self.so_far: Verdict = Retry(reason="timeout")
        self.taken: frozenset[str] = frozenset()
        self._sender = sender
        self._readers = readers
        self._letter = letter
        self._secret = secret
        self._shared = shared
        self._hurried = hurried

    async def run(self, client: SMTP) -> Verdict:
        """Connect, hand over, hang up. Raises nothing for what the server does."""
        try:
            await client.connect()
            return await self._hand_over(client)
        except SMTPResponseException as error:
            return self._of_reply(error)
        except (SMTPException, OSError, ValueError) as error:
            return self._unanswered(_reason(error), self._shown(str(error)))
        finally:
            client.close()

    async def _hand_over(self, client: SMTP) -> Verdict:
        await client.mail(self._sender)
        accepted: list[str] = []
        refusals: list[_Refusal] = []
        for reader in self._readers:
            try:
                await client.rcpt(reader)
                accepted.append(reader)
            except SMTPRecipientRefused as error:
                refusals.append(_Refusal(reader=reader, code=error.code, said=error.message))
        if accepted:
            self.so_far = Ambiguous(reason="timeout")
            await client.data(self._letter)
            self.taken = frozenset(accepted)
        self.so_far = self._of_refusals(refusals)
        with contextlib.suppress(SMTPException, OSError):  # what is taken is taken, whatever is said at the door
            await client.quit()
        return self.so_far

    def _of_refusals(self, refusals: Sequence[_Refusal]) -> Verdict:
        """Readers that may be reached later are tried again; for the others the thread goes on without them."""
        detail = self._shown("; ".join(str(refusal) for refusal in refusals))
        late = any(refusal.code < 500 or refusal.code in _MENDED_HERE for refusal in refusals)
        read = self._shared or bool(self.taken)
        if late and not (read and self._hurried):
            return Retry(reason="deferred", detail=detail)
        if refusals and not read:
            return Refused(reason="rejected", detail=detail)
        if refusals:
            logger.warning("a letter was refused for some of its readers", extra={"detail": detail})
        return Sent()

    def _of_reply(self, error: SMTPResponseException) -> Verdict:
        """What it means that the server would not go on."""
        code, detail = error.code, f"SMTP {error.code}: {self._shown(error.message)}"
        if code < 400:  # no reply at all, or none that says no
            return self._unanswered("response_malformed", detail)
        if code in _MENDED_HERE:
            return Retry(reason="unauthorized", detail=detail)
        if code < 500:
            return Retry(reason="deferred", detail=detail)
        if isinstance(error, SMTPConnectError | SMTPHeloError):
            return Retry(reason="unexpected_status", detail=detail)
        return Refused(reason="rejected", detail=detail)

    def _unanswered(self, reason: str, detail: str) -> Verdict:
        """Nothing can have been taken before DATA, and anything afterwards."""
        kind = Ambiguous if isinstance(self.so_far, Ambiguous) else Retry
        return kind(reason=reason, detail=detail)

    def _shown(self, said: str) -> str:
        return shown(said, self._secret)


def _reason(error: Exception) -> str:
    """Why there is no reply."""
    if type(error) is SMTPException:  # STARTTLS or AUTH, which the server does not offer
        return "unauthorized" if "AUTH" in str(error).upper() else "tls"
    return connection_reason(error)
