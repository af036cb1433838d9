"""The metrics that are rendered from records: their names, types and help texts.

The figures of SLOs and the facts of probes are rendered from their own records, see `slo.exposition.render`; what a
process counts while it works is in `slo.exposition.catalogue`.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What the exposition says of a metric before its values. `type` is `counter`, `gauge` or `untyped`."""

    name: str
    type: str
    help: str


def _table(**helps: str) -> dict[str, Family]:
    return {
        name: Family(name=name, type="counter" if name.endswith("_total") else "gauge", help=text)
        for name, text in helps.items()
    }


FAMILIES: MappingProxyType[str, Family] = MappingProxyType(
    _table(
        slo_sli_good_total="Good events of the SLI since the ledger began.",
        slo_sli_bad_total="Bad events of the SLI since the ledger began.",
        slo_sli_unknown_total="Events of the SLI that are neither good nor bad, since the ledger began.",
        slo_objective_ratio="The share of events that the SLO wants to be good.",
        slo_error_budget_remaining_ratio="Share of the error budget left; below 0 it is overspent.",
        slo_error_budget_exhaustion_timestamp_seconds="When the budget will be spent at the rate of the last hour.",
        slo_error_budget_remaining_window_ratio="The same over each of several windows that the budget is shown over.",
        slo_error_budget_remaining_raw_ratio="What would be left of the budget if nothing were excluded.",
        slo_excluded_seconds="How much of the window is excluded.",
        slo_burn_rate="Error ratio / (1 - objective) over the window, weighted by its coverage.",
        slo_window_coverage_ratio="Share of the window for which there is knowledge.",
        slo_alert_firing="Whether an alert of this severity fires.",
        probe_success="Whether the last round saw what was expected; absent while nothing is known.",
        probe_duration_seconds="How long the last round took; absent while nothing is known.",
        watchkeep_probe_last_round_timestamp_seconds="When the last round ended.",
        watchkeep_probe_reason="Why the last round was not good; always 1, and absent when it was.",
        watchkeep_collector_success="Whether the last round found all as expected; absent while nothing is known.",
        watchkeep_collector_duration_seconds="How long the last round took; absent while nothing is known.",
        watchkeep_collector_reason="Why the last round was not good; always 1, and absent when it was.",
        watchkeep_collector_last_round_timestamp_seconds="When the last round ended.",
        watchkeep_dropped_samples_total="Samples that were not served: above max_samples, twice there, or misnamed.",
        probe_timeout_seconds="The time that a round may take.",
        probe_dns_lookup_time_seconds="Time to resolve the name.",
        probe_ip_protocol="The IP version that was used: 4 or 6.",
        probe_ip_addr_hash="FNV-32a hash of the address that was used.",
        probe_redis_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_sql_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_http_duration_seconds="Time of one phase, summed over redirects; phases not reached are left out.",
        probe_http_content_length="Length of the body as the response said it, in bytes; -1 where it did not.",
        probe_http_uncompressed_body_length="Length of the body after decoding, in bytes.",
        probe_http_redirects="Redirects that were answered, a last one that was not followed included.",
        probe_http_ssl="Whether the last response came over TLS.",
        probe_http_status_code="Status code of the last response.",
        probe_http_version="HTTP version of the last response.",
        probe_http_last_modified_timestamp_seconds="The Last-Modified header of the last response.",
        probe_failed_due_to_regex="Whether the round was bad because an expression did or did not match.",
        probe_failed_due_to_cel="Whether the round was bad because of an expression in CEL.",
        probe_failed_due_to_bytes="Whether the round was bad because the bytes were not as expected.",
        probe_expect_info="What the expected bytes held; always 1.",
        probe_http_flow_duration_seconds="Time of one phase of a step; steps and phases not reached are left out.",
        probe_http_flow_status_code="Status code of the last response of a step.",
        probe_http_flow_success="Whether a step saw what was expected; absent for steps that were not reached.",
        probe_heartbeat_last_call_timestamp_seconds="When the job called last.",
        probe_heartbeat_last_end_timestamp_seconds="When the job said last that it had ended.",
        probe_heartbeat_last_run_seconds="How long the last run took whose start was told.",
        probe_canary_lag_seconds="Age of the oldest canary that the round looked for, found or not; no finer than the "
        "interval.",
        probe_canary_pending="Canaries that were put and have not been found.",
        probe_smtp_duration_seconds="Time of one phase of a session of mail; phases not reached are left out.",
        probe_smtp_ssl="Whether the session went over to TLS, or was over it from the start.",
        probe_smtp_status_code="Code of the mail server's last reply that was waited for.",
        probe_dns_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_dns_answer_rrs="Records in the answer.",
        probe_dns_authority_rrs="Records about the authority.",
        probe_dns_additional_rrs="Additional records.",
        probe_dns_query_succeeded="Whether there was a response to the question.",
        probe_dns_serial="Serial number of the zone.",
        probe_icmp_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_icmp_reply_hop_limit="Hop limit (IPv6) or TTL (IPv4) of the reply.",
        probe_grpc_duration_seconds="Time of one phase; check is all that comes after the name is resolved.",
        probe_grpc_ssl="Whether TLS was spoken.",
        probe_grpc_status_code="Status of gRPC that the call ended with.",
        probe_grpc_healthcheck_response="What the service says of itself: 1 for the one that it is.",
        probe_websocket_duration_seconds="Time of one phase; phases not reached are left out.",
        probe_websocket_status_code="Status code of the response to the upgrade.",
        probe_websocket_connection_upgraded="Whether the server went over to WebSocket.",
        probe_websocket_failed_due_to_regex="Whether a step failed: its message did not come, or did not match.",
        probe_ssl_earliest_cert_expiry="Expiry of the certificate that expires first, Unix seconds.",
        probe_ssl_last_chain_expiry_timestamp_seconds="Expiry of the verified chain that lasts longest, Unix seconds.",
        probe_ssl_last_chain_info="The leaf certificate; always 1.",
        probe_tls_version_info="The TLS version that was agreed on; always 1.",
        probe_tls_cipher_info="The TLS cipher that was agreed on; always 1.",
        probe_tls_alpn_info="The protocol that was agreed on in the handshake; always 1.",
        probe_tls_certificate_expiry_timestamp_seconds="Expiry of each certificate of a chain, Unix seconds.",
        probe_tls_older_version_accepted="Whether the other side takes a version of TLS that is older than allowed.",
        probe_tls_client_certificate_requested="Whether the other side asks for a certificate of ours.",
        probe_tls_ocsp_info="What the stapled OCSP response says, or why there is none to believe; always 1.",
        probe_tls_ocsp_expiry_timestamp_seconds="Until when the stapled OCSP response is to be believed, Unix seconds.",
    )
)
"""The families that are rendered from records: figures of SLOs, and probe metrics by their names in the ecosystem."""
