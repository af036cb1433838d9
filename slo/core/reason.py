"""Why a check did not see good: a bounded table, and whose fault each reason is.

Bad is the target's fault, as a user of it would have met it. Unknown is ours: nothing was learnt about the target.
The table is the whole set of values that the label `reason` can take.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """What one round of a check says. Unknown is never good."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One reason: its name, whose fault it is, and a sentence for the person who reads it at night."""

    name: str
    state: State
    meaning: str


def _table(state: State, rows: dict[str, str]) -> list[Reason]:
    return [Reason(name=name, state=state, meaning=meaning) for name, meaning in rows.items()]


REASONS: MappingProxyType[str, Reason] = MappingProxyType(
    {
        reason.name: reason
        for reason in (
            *_table(State.GOOD, {"ok": "everything that was expected was seen"}),
            *_table(
                State.BAD,
                {
                    "dns_nxdomain": "the name does not exist",
                    "dns_no_address": "the name exists and has no usable address",
                    "dns_servfail": "the name's servers answer with a failure",
                    "connect_refused": "nothing listens on that port",
                    "connect_timeout": "no answer to the connection attempt",
                    "connect_reset": "the connection was reset while it was made",
                    "connect_unreachable": "the network says that the address cannot be reached",
                    "tls_timeout": "the TLS handshake did not finish in time",
                    "tls_protocol": "the other side does not speak TLS, or no version or cipher in common",
                    "tls_verify": "the certificate's issuer is not trusted",
                    "tls_self_signed": "the certificate is signed by itself and not trusted",
                    "tls_expired": "the certificate has expired",
                    "tls_not_yet_valid": "the certificate is not valid yet",
                    "tls_hostname": "the certificate is for another name",
                    "tls_expires_soon": "the certificate expires sooner than allowed",
                    "tls_version": "the other side takes a version of TLS that is older than allowed",
                    "tls_alpn": "the other side speaks none of the protocols that are offered in the handshake",
                    "tls_not_mutual": "the other side does not ask for a certificate of ours",
                    "tls_revoked": "the certificate is revoked, as the stapled OCSP response says",
                    "tls_not_stapled": "no OCSP response is stapled to the certificate, or none that can be believed",
                    "tls_not_offered": "the other side does not offer the TLS that is required",
                    "tls_reset": "the connection was reset in the TLS handshake",
                    "request_reset": "the connection was reset while the request was sent",
                    "response_timeout": "no response to the request in time",
                    "response_reset": "the connection was reset before the response began",
                    "response_closed": "the connection was closed before the response began",
                    "response_malformed": "the response is not valid HTTP",
                    "headers_too_large": "the response's headers are larger than allowed",
                    "body_timeout": "the response's body did not finish in time",
                    "body_reset": "the connection was reset in the middle of the body",
                    "body_short": "the body is shorter than the response said",
                    "body_too_large": "the body is larger than allowed",
                    "body_encoding": "the body cannot be decoded as its encoding says",
                    "redirect_loop": "more redirects than allowed",
                    "redirect_invalid": "a redirect leads to no usable address",
                    "proxy": "the proxy did not connect us with the target",
                    "token": "no access token was given to us",
                    "scheme": "the last response came over TLS where it must not, or without it where it must",
                    "status": "the status code is not an expected one",
                    "header": "a header is not as expected",
                    "body": "the body does not match what is expected",
                    "cel": "the JSON of the body is not what an expression says of it",
                    "json": "the JSON of the body is not as expected",
                    "capture": "the response does not hold a value that is to be taken out of it",
                    "http_version": "the HTTP version is not an expected one",
                    "latency": "the answer was right and too slow",
                    "data": "the bytes received are not as expected",
                    "data_timeout": "the expected bytes did not arrive in time",
                    "data_closed": "the connection was closed before the expected bytes arrived",
                    "smtp_deferred": "the mail server puts it off (a 4xx reply)",
                    "smtp_refused": "the mail server refuses it (a 5xx reply)",
                    "dns_malformed": "what came is no DNS response, or none to the question",
                    "dns_rcode": "the response code is not an expected one",
                    "dns_records": "the records are not as expected",
                    "echo_timeout": "no reply to the echo request in time",
                    "echo_too_large": "a packet of that size does not get there in one piece",
                    "echo_ttl": "the packet passed more routers than its TTL allows",
                    "auth_refused": "the login was refused: the user, the password, or where we come from",
                    "auth_timeout": "the login did not finish in time",
                    "too_many_connections": "the server has no connection left to give",
                    "not_ready": "the server says that it is starting, stopping, or waiting for another one",
                    "database_unknown": "the server has no database of that name or number",
                    "query_refused": "the server answers the query or the command with an error",
                    "query_timeout": "the query did not finish in time",
                    "role": "the server is a primary where a replica is expected, or the other way round",
                    "replication_broken": "the server should follow another one and does not",
                    "replication_mode": "writes reach the other servers in another way than is expected",
                    "replication_lag": "the replica is further behind than is allowed",
                    "replicas_missing": "fewer replicas are connected than are expected",
                    "no_quorum": "the server is not part of a cluster that can decide",
                    "cluster_size": "the cluster has fewer members than are expected",
                    "read_only": "the server takes no writes",
                    "writable": "the server takes writes where it must not",
                    "write": "what was written was not read back",
                    "result": "the result of the query or the command is not as expected",
                    "upgrade": "the server did not go over to WebSocket as it should",
                    "not_serving": "the service says that it is not serving",
                    "service_unknown": "the server knows no service of that name",
                    "health_unimplemented": "the server does not have the health checking of gRPC",
                    "grpc_status": "the call of gRPC ended with another status than OK",
                    "value": "a number that the service tells is not between its bounds",
                    "health_down": "the service says itself that it is not up",
                    "component_down": "a part of the service is not up",
                    "pods_unready": "nodes have had no ready pod of a DaemonSet for longer than is allowed",
                    "pods_pending": "pods have been pending for longer than is allowed",
                    "autoscaler_at_limit": "an autoscaler has been at its limit for longer than is allowed",
                    "nodes_unavailable": "more nodes than are allowed take no work",
                    "right_missing": "the account may not do what it has to",
                    "right_excessive": "the account may do what it must not",
                    "health_unreadable": "the answer is not of the form in which the service is to say how it is",
                    "heartbeat_missed": "the job has not called us in time",
                    "heartbeat_failed": "the job says that it has failed",
                    "heartbeat_overrun": "the job has begun, and has not ended in the time that it may take",
                    "canary_late": "what was put into the spool of a forwarder is not there in time",
                    "metrics": "the metrics in the answer cannot be read",
                    "target_invalid": "no target can be written like that",
                    "timeout": "the check did not finish within its timeout",
                },
            ),
            *_table(
                State.UNKNOWN,
                {
                    "network_down": "our own network is down: nothing can be said about the target",
                    "resolver_down": "our own resolver does not answer",
                    "no_file_descriptors": "this process has no file descriptor left",
                    "no_local_port": "this machine has no local port left",
                    "no_source_address": "the configured source address cannot be used by this machine",
                    "no_icmp_socket": "this process may not open a socket for ICMP",
                    "no_memory": "this machine has no memory left",
                    "not_permitted": "the address is not one that this watch may connect to",
                    "auth_method": "the server asks for a way to log in that is not spoken here",
                    "replication_unknown": "the server does not say how replication stands, or may not tell us",
                    "permission": "the user may not ask for what is needed to know",
                    "health_untold": "the service leaves out what it is asked for, or says it unreadably",
                    "cluster_untold": "the API server does not tell how a part of the cluster is, or not any more",
                    "heartbeat_awaited": "the job has never called us yet, and need not have",
                    "heartbeat_unheard": "nobody was here to hear the job when its call was due",
                    "canary_awaited": "no canary has been found yet, and none is late",
                    "canary_unread": "the other side of the forwarder does not say what it has",
                    "canary_unsent": "no forwarder of that name runs here that could send a canary",
                    "cancelled": "the round was cancelled before it ended",
                    "missed": "the round could not start within its interval",
                    "prober_stalled": "this process stood still while the target was to answer",
                    "prober_fault": "a fault of the prober itself; the log has it",
                },
            ),
        )
    }
)

LEFT_UNSAID = frozenset({"health_untold", "replication_unknown", "permission", "auth_method", "cluster_untold"})
"""The reasons of unknown that are the target's: it was reached, and does not say what it was asked."""


def state_of(reason: str) -> State:
    """The state that a reason stands for; an unlisted reason is a fault of ours, hence unknown."""
    known = REASONS.get(reason)
    return known.state if known else State.UNKNOWN
