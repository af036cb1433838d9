"""The handshakes that it takes to learn what one alone cannot show: older versions, our certificate, staples."""

import asyncio
from dataclasses import replace

from slo.config.tls import TLSSettings, TLSVersion
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.certificate import Handshake
from slo.net.closer_look import CloserLook, Looker
from slo.net.lines import Lines

REFUSAL_SECONDS = 1.0
"""How long the other side may take to refuse our certificate, or to close; most do either at once."""

VERSION_BEFORE: dict[TLSVersion, TLSVersion] = {"1.1": "1.0", "1.2": "1.1", "1.3": "1.2"}

_REFUSALS = frozenset({"tls_protocol", "tls_reset"})
"""The ends of a handshake that the other side does not want."""


class Handshakes:
    """The handshakes of one round, and what they showed."""

    def __init__(
        self, attempt: Attempt, endpoint: Endpoint, older_settings: TLSSettings | None, looker: Looker | None
    ) -> None:
        self._attempt = attempt
        self._endpoint = endpoint
        self._older_settings = older_settings
        self._looker = looker
        self.handshake: Handshake | None = None
        self.older = ""
        self.closer: CloserLook | None = None

    async def go(self) -> None:
        """Every handshake that is wanted. Raises Fault."""
        silence = Lines()
        connection = await self._attempt.connect(silence, self._endpoint)
        self.handshake = self._attempt.handshake
        tls = self._endpoint.tls or TLSSettings()
        if tls.shows_identity:
            # In TLS 1.3 our handshake is over before the other side has looked at our certificate.
            connection.take_leave()
            await _refusal(silence)
        connection.close()
        # The same server once more: a name may lead to another one every time.
        again = replace(self._endpoint, host=str(self._attempt.address), tls=None, alpn=())
        if self._looker:
            self.closer = await self._looker.look(self._attempt, again, tls.server_name or self._endpoint.host)
        if self._older_settings:
            await self._offer_older(replace(again, tls=self._older_settings))

    async def _offer_older(self, endpoint: Endpoint) -> None:
        """Note the version where an older one is taken. Raises Fault."""
        try:
            connection = await self._attempt.connect(Lines(), endpoint)
        except Fault as fault:
            if fault.reason not in _REFUSALS:
                raise
            return
        connection.close()
        self.older = self._attempt.handshake.version if self._attempt.handshake else ""


async def _refusal(silence: Lines) -> None:
    """Return when the other side has had time to refuse our certificate. Raises Fault where it did."""
    try:
        async with asyncio.timeout(REFUSAL_SECONDS):
            while await silence.read_some() is not None:
                pass
    except TimeoutError:
        return
    except Fault as fault:
        if fault.reason.startswith("tls"):
            raise


def older_than(minimum: TLSVersion, tls: TLSSettings, host: str) -> TLSSettings:
    """What offers only versions that are older than this, and takes any certificate: that was looked at before."""
    return tls.model_copy(
        update={
            "server_name": tls.server_name or host,
            "insecure_skip_verify": True,
            "min_version": "1.0",
            "max_version": VERSION_BEFORE[minimum],
        }
    )
