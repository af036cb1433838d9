"""One attempt to look at a target over the network: its phases, how far it got, and what stopped it."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from slo.config.hosts import IPAddress
from slo.config.tls import TLSSettings
from slo.core.outcome import Judgement
from slo.core.reason import REASONS, State, state_of
from slo.errors import Fault
from slo.net.certificate import Handshake, described
from slo.net.connection import Connection, Receiver, connect, connect_socket
from slo.net.context import Context
from slo.net.resolve import IPProtocol, meant_by

T = TypeVar("T")

_HUNG = {
    "resolve": "resolver_down",
    "connect": "connect_timeout",
    "tls": "tls_timeout",
    "processing": "response_timeout",
    "transfer": "body_timeout",
    **dict.fromkeys(("exchange", "greeting", "hello", "envelope"), "data_timeout"),
    "request": "response_timeout",
    "rtt": "echo_timeout",
    "auth": "auth_timeout",
    "query": "query_timeout",
    "token": "token",
    "check": "response_timeout",
    "upgrade": "response_timeout",
}
"""The reason of a round that met its deadline, by the phase it was in."""

_OTHERS = {"resolve": "the resolver", "token": "the server of the token"}
"""Whom a phase waits for, where that is not the target."""

_OTHER_PROTOCOL_MAY_DO = frozenset({"connect_refused", "connect_reset", "connect_unreachable", "no_local_port"})

_WITHOUT_NETWORK = frozenset(
    {"connect_unreachable", "no_local_port"} | {name for name in REASONS if name.endswith(("_timeout", "_reset"))}
)
"""The reasons that a target looks to have when our own network is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where to connect to, and how.

    `address` is the host's where that is written as one, which then needs no resolving. With `tls` the connection is
    made over TLS, and verified as it says; `alpn` are the protocols that are offered in it. `scheme` is what is spoken
    there, as the guard knows it. `source` is the address of ours to send from, where that was chosen.
    """

    host: str
    port: int
    prefer: IPProtocol = "ip6"
    fallback: bool = True
    tls: TLSSettings | None = None
    alpn: tuple[str, ...] = ()
    scheme: str = ""
    source: IPAddress | None = None
    address: IPAddress | None = field(init=False)

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            address = None
        object.__setattr__(self, "address", address)


def socket_endpoint(tls: TLSSettings | None) -> Endpoint:
    """What there is to know of a socket in the file system once it is connected to: it has no host."""
    return Endpoint(host="", port=0, tls=tls, scheme="unix")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """How far an attempt got. `phases` are seconds; `fault` says why it ended early, None when it did not.

    The address and the handshake are of the connection that was made last, and so is what was `resolved`: the addresses
    to try in turn, also those that may not be connected to.
    """

    phases: Mapping[str, float]
    fault: Fault | None = None
    address: IPAddress | None = None
    handshake: Handshake | None = None
    resolved: tuple[IPAddress, ...] = ()

    @property
    def seconds(self) -> float:
        """The time of all phases."""
        return sum(self.phases.values())

    def judgement(self, reason: str, detail: str = "") -> Judgement:
        """What the attempt comes to, when it is judged by this reason."""
        return Judgement(state=state_of(reason), reason=reason, phases=self.phases, detail=detail)


class Attempt:
    """A round over the network while it is under way: `run` holds its deadline."""

    __slots__ = ("_context", "_since", "address", "handshake", "phase", "phases", "resolved")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._since = 0.0
        self.phase = ""
        self.phases: dict[str, float] = {}
        self.address: IPAddress | None = None
        self.handshake: Handshake | None = None
        self.resolved: tuple[IPAddress, ...] = ()

    async def run(self, steps: Awaitable[None], deadline: float) -> Reached:
        """Let the steps go on until `deadline` (monotonic seconds of the context's clock), whatever they wait for.

        Faults are part of what is returned, with their phase; anything else that is raised comes out.
        """
        fault: Fault | None = None
        try:
            with self._context.limits.within(deadline - self._context.clock.monotonic()):
                await steps
        except Fault as raised:
            # A new one: the raised one holds everything that was under way.
            fault = Fault(raised.reason, detail=raised.detail)
        except TimeoutError:
            waited_for = _OTHERS.get(self.phase) or str(self.address or "the other side")
            fault = Fault(_HUNG.get(self.phase, "timeout"), detail=f"waited for {waited_for}")
        finally:
            ended_in = self.phase
            self.enter("")
        if fault is not None:
            fault = self._excused(fault, ended_in)
            fault.phase = ended_in
            fault.phases = self.phases
        return Reached(
            phases=self.phases,
            fault=fault,
            address=self.address,
            handshake=self.handshake,
            resolved=self.resolved,
        )

    def enter(self, phase: str) -> None:
        """Begin a phase, which ends the one before; a phase that was left before goes on."""
        now = self._context.clock.monotonic()
        if self.phase:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + now - self._since
        self.phase = phase
        self._since = now

    async def connect(self, receiver: Receiver, endpoint: Endpoint) -> Connection:
        """Resolve, connect, and shake hands where the endpoint has TLS. Raises Fault."""
        candidates = await self.find(endpoint)
        self.handshake = None
        self.enter("connect")
        secure = endpoint.tls is not None
        connection = await self.in_turn(
            candidates,
            lambda address: connect(receiver, address, endpoint.port, secure=secure, source=endpoint.source),
        )
        if endpoint.tls is not None:
            await self.start_tls(connection, endpoint)
        return connection

    async def connect_socket(self, receiver: Receiver, path: str, tls: TLSSettings | None) -> Connection:
        """Connect to a socket in the file system, and shake hands where there is TLS. Raises Fault."""
        if refusal := self._context.guard.socket_refusal():
            raise Fault("not_permitted", detail=refusal)
        self.enter("connect")
        connection = await connect_socket(receiver, path, secure=tls is not None)
        if tls is not None:
            await self.start_tls(connection, socket_endpoint(tls))
        return connection

    async def find(self, endpoint: Endpoint) -> tuple[IPAddress, ...]:
        """The addresses of an endpoint to try in turn, all of which may be connected to. Raises Fault.

        Whoever goes on by other ways than `connect` does so with `in_turn`, or sets `address` to where it goes. An
        address that an earlier connection led to counts as who sent us here.
        """
        guard, redirected_from = self._context.guard, self.address
        refusal = guard.host_refusal(endpoint.host, endpoint.scheme)
        candidates = self.resolved = () if refusal else await self._candidates(endpoint)
        for address in candidates:
            refusal = refusal or guard.address_refusal(address, redirected_from=redirected_from)
        if refusal:
            raise Fault("not_permitted", detail=refusal)
        return candidates

    def permit(self, endpoint: Endpoint) -> None:
        """Have the guard look at an endpoint whose name somebody else resolves. Raises Fault."""
        guard, address = self._context.guard, meant_by(endpoint.host)
        refusal = guard.host_refusal(endpoint.host, endpoint.scheme)
        if address is not None:
            refusal = refusal or guard.address_refusal(address, redirected_from=self.address)
        if refusal:
            raise Fault("not_permitted", detail=refusal)

    async def in_turn(self, candidates: tuple[IPAddress, ...], reach: Callable[[IPAddress], Awaitable[T]]) -> T:
        """What `reach` gives for the first address that can be reached; the others are not tried. Raises Fault."""
        for address in candidates[:-1]:
            self.address = address
            try:
                return await reach(address)
            except Fault as fault:
                if fault.reason not in _OTHER_PROTOCOL_MAY_DO:
                    raise
        self.address = candidates[-1]
        return await reach(candidates[-1])

    async def start_tls(self, connection: Connection, endpoint: Endpoint) -> None:
        """Shake hands on a connection, which is cut when that fails. Raises Fault."""
        settings = endpoint.tls or TLSSettings()
        self.enter("tls")
        try:
            context = self._context.tls.get(settings, alpn=endpoint.alpn)
            await connection.start_tls(context, settings.server_name or endpoint.host or None)
        except BaseException as error:
            connection.close()
            self.handshake = connection.handshake
            if isinstance(error, Fault) and self.handshake and self.handshake.presented:
                raise Fault(error.reason, detail=f"{error.detail}: {described(self.handshake.presented[0])}") from None
            raise
        self.handshake = connection.handshake

    async def _candidates(self, endpoint: Endpoint) -> tuple[IPAddress, ...]:
        """The addresses to try in turn. One that we have no route to is left out where there is another."""
        if endpoint.address is not None:
            return (endpoint.address,)
        self.enter("resolve")
        found = await self._context.resolver.resolve(endpoint.host, prefer=endpoint.prefer, fallback=endpoint.fallback)
        if not found:
            raise Fault("dns_no_address", detail=endpoint.host)
        if len(found) > 1 and not self._context.connectivity.routed(found[0]):
            return found[1:]
        return found

    def _excused(self, fault: Fault, phase: str) -> Fault:
        """The fault, or `network_down` in its place."""
        if phase == "resolve" or self.address is None:
            gone = fault.reason == "resolver_down" and not self._context.connectivity.up()
        else:
            gone = fault.reason in _WITHOUT_NETWORK and not self._context.connectivity.reaches(self.address)
        if not gone:
            return fault
        seemed = REASONS[fault.reason].meaning if REASONS[fault.reason].state is State.BAD else "the resolver is silent"
        return Fault("network_down", detail=f"it looked like: {seemed}")
