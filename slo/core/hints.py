"""What to look at first, by the reason why a check did not see good."""

from types import MappingProxyType

from slo.core.reason import State, state_of

HINTS: MappingProxyType[str, str] = MappingProxyType(
    {
        "dns_nxdomain": "look for a typing error in the name, a record that was deleted, or a domain that has lapsed",
        "dns_no_address": "look at the A and AAAA records of the name, and at `ip_protocol`",
        "dns_servfail": "ask the name's own servers; a signature of DNSSEC may have expired",
        "connect_refused": "the host is up: look whether the service runs, and on which port and address it listens",
        "connect_timeout": "look at firewalls, security groups and routes, and whether the host is up at all",
        "connect_reset": "look at what stands before the service: a load balancer without backends, or a firewall",
        "connect_unreachable": "look at the routes to the address, and at the host's network",
        "tls_timeout": "the port is open and says nothing: look for a process that hangs or has too much to do",
        "tls_protocol": "look whether the port speaks TLS at all, and which versions and ciphers it allows",
        "tls_verify": "look whether the server sends its intermediates, or name its authority in `tls.ca_file`",
        "tls_self_signed": "name the certificate's authority in `tls.ca_file`, or have one issued that is trusted",
        "tls_expired": "renew the certificate, and look why its renewal did not come about or was not loaded",
        "tls_not_yet_valid": "compare the clocks of this machine and of whoever issued the certificate",
        "tls_hostname": "look at the names that the certificate is for, and at what SNI leads to",
        "tls_expires_soon": "renew the certificate; where that has been done, have the server load it",
        "tls_version": "switch the old versions off where TLS ends: the server, or the load balancer before it",
        "tls_alpn": "look which protocols are switched on where TLS ends",
        "tls_not_mutual": "look whether the server is still told to verify clients: everybody may come in now",
        "tls_revoked": "have another certificate issued at once, and find out who revoked this one and why",
        "tls_not_stapled": "look whether stapling is switched on, and whether the server reaches the OCSP responder",
        "tls_not_offered": "look at the server's certificate and its TLS settings: it hides TLS that it cannot speak",
        "tls_": "look at the server's log of the handshake, and at what stands before it",
        "response_timeout": "the connection stands: look at what the service waits for, a database for instance",
        "response_reset": "look for a crash or a restart of the service, and at limits of the proxy before it",
        "response_closed": "look for a crash or a restart of the service, and at idle timeouts of the proxy before it",
        "response_malformed": "look whether another protocol is spoken on that port",
        "request_reset": "look for a crash or a restart of the service, and at limits of the proxy before it",
        "body_timeout": "the response began: look at what its end waits for, and at the bandwidth",
        "body_reset": "look for a crash or a restart in the middle of a response",
        "body_short": "look for a proxy or a process that ends in the middle of a response",
        "body_too_large": "look what is answered, or raise `max_body`",
        "body_encoding": "look at compression, in the service and in the proxy before it",
        "headers_too_large": "look for cookies or headers that grow without end",
        "redirect_": "follow the redirects by hand: most often http and https send people to one another",
        "status": "look at the service's log at that time; 502 to 504 are of the proxy before it",
        "header": "compare the response's headers with `expect.headers`",
        "body": "compare what is answered with `expect.body` and `expect.body_not`",
        "json": "compare what is answered with `expect.json`",
        "http_version": "look at what the proxy before the service speaks",
        "latency": "look which phase took the time",
        "data_": "look at the service's log at that time, and compare what it says with what is expected",
        "proxy": "look at the proxy's own log and rules; the detail has its answer",
        "token": "look at the client's credentials, and at the server that gives out tokens",
        "cel": "compare what is answered with `expect.cel` and `expect.cel_not`",
        "scheme": "look where the redirects end, and at `expect.over_tls`",
        "dns_malformed": "look whether a name server answers on that port, and what stands before it",
        "dns_rcode": "look whether the zone is loaded there: NXDOMAIN is a missing name, REFUSED a server that may not",
        "dns_records": "compare the zone with `expect`; a copy of it may be old: compare the serials of its servers",
        "echo_timeout": "look whether the host is up, and whether a firewall drops ICMP",
        "echo_too_large": "look at the MTU of the way there, tunnels above all; or lower `payload_size`",
        "echo_ttl": "look for a loop of routes (traceroute), or raise `ttl`",
        "auth_refused": "look whether the password was changed, here or there, and whether the user may come from here",
        "auth_timeout": "look whether that protocol is spoken on that port, and whether the server hangs",
        "too_many_connections": "look which clients hold connections, and at the server's limit",
        "not_ready": "look at the server's own log: it says what it waits for",
        "database_unknown": "look for a typing error in `database`, and whether this is the right server",
        "query_refused": "read the error in the detail: most often a grant, or a table that is gone",
        "query_timeout": "look for locks and long transactions, and at the server's load",
        "role": "look for a failover, and at what the name or the address leads to now",
        "result": "compare what is answered with `expect`",
        "metrics": "look whether the address is that of the metrics: a page of HTML comes from a login or a proxy",
        "target_invalid": "write the target as the type of the probe, or the prober of the module, wants it",
        "upgrade": "look whether the proxy before the service passes the headers Upgrade and Connection on",
        "not_serving": "look at the service's own log: it says itself that it is not ready, or what it needs is gone",
        "service_unknown": "compare the service's name with those that the server sets the health of",
        "health_unimplemented": "add the health service of gRPC to the server, or probe it with tcp or tls",
        "grpc_status": "look at the server's log at that time; the detail has its status and its message",
        "smtp_deferred": "look at the mail server's load, disk and greylisting",
        "smtp_refused": "read the reply in the detail: most often it is a blocklist, relaying, or an unknown reader",
        "network_down": "look at this machine's own network: cable, address, route",
        "resolver_down": "look at this machine's /etc/resolv.conf, and at the resolvers in it",
        "no_file_descriptors": "raise the limit of open files of this process (`ulimit -n`)",
        "no_local_port": "look for connections of this machine that are not closed (`ss -s`)",
        "no_source_address": "look at `source_address`, and at the addresses of this machine (`ip address`)",
        "no_icmp_socket": "set net.ipv4.ping_group_range, or give this process CAP_NET_RAW: see docs/probes/icmp.md",
        "auth_method": "look at the methods that the server allows to this user",
        "no_memory": "look at what takes this machine's memory",
        "not_permitted": "look at the detail: it names the rule that forbids the address",
        "missed": "this watch has too much to do: look at `watchkeep_probe_lateness_seconds` and at its processor",
        "prober_stalled": "this watch stood still: look at its processor, and at what else runs on the machine",
        "prober_fault": "look at the log of this watch: it has the traceback",
    }
)
"""By reason; a key that ends in `_` is for every reason that begins so and has no hint of its own."""

_OF_STATE = {
    State.GOOD: "",
    State.BAD: "compare the detail with the target's own log at that time",
    State.UNKNOWN: "look at this watch, not at the target: its log and its metrics",
}


def hint_of(reason: str) -> str:
    """What to look at first; empty where all is good."""
    family = f"{reason.partition('_')[0]}_"
    return HINTS.get(reason) or HINTS.get(family) or _OF_STATE[state_of(reason)]
